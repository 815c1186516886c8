"""What forward.py wrote, for reading: given stems, returns the documents, frequencies and positions in one field.

`Field` is one field of one set of documents; `PostingSet` is all its fields with their vocabulary and the global row
of its first document. Documents here are local numbers. Not for terms of a query (terms.py) or scores (scoring.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.arrays import Array, ranges
from indexer.cache import Cache
from indexer.vocabulary import Vocabulary
from ranking.types import Ints, Longs

CACHE_BYTES: Final = 16_000_000
"""For postings that are made of others, per field: of single surfaces, and of the places of one term together."""

COUNTED_SHARE: Final = 16
"""Postings that are more than this part of the documents are counted by document; fewer are sorted."""

_POSTING_BYTES: Final = 12
_MINIMUM_CACHED: Final = 4
Place = tuple[int, int]
"""(stem, variant): documents that hold this surface of the stem, any surface for variant -1."""


class Field:
    """One field's arrays, memory-mapped."""

    __slots__ = (
        "_surfaces",
        "before",
        "documents",
        "frequencies",
        "length",
        "pointer",
        "positions",
        "uses",
        "variants",
    )

    def __init__(self, arrays: Mapping[str, Array], name: str) -> None:
        self.length = arrays[f"{name}.length"]
        self.pointer = arrays[f"{name}.pointer"]
        self.documents = arrays[f"{name}.documents"]
        self.frequencies = arrays[f"{name}.frequencies"]
        self.before = arrays[f"{name}.before"]
        self.positions = arrays[f"{name}.positions"]
        self.variants = arrays[f"{name}.variants"]
        self.uses = arrays[f"{name}.uses"]
        self._surfaces = Cache(max(_MINIMUM_CACHED, CACHE_BYTES // (_POSTING_BYTES * max(len(self.length), 1))))

    def slice(self, stem: int) -> tuple[int, int]:
        """The stem's postings are [low, high) of `documents` and `frequencies`."""
        return int(self.pointer[stem]), int(self.pointer[stem + 1])

    def part(self, low: int, high: int) -> tuple[Ints, Array]:
        """(documents, frequencies) of the postings [low, high)."""
        return self.documents[low:high], self.frequencies[low:high]

    def postings(self, places: Sequence[Place]) -> tuple[Ints, Array]:
        """(documents ascending, frequencies) of a term: its places taken together."""
        if len(places) == 1:
            return self._place(*places[0])
        key = tuple(places)
        return self._surfaces.get(key, lambda: self._together(key))

    def _together(self, places: Sequence[Place]) -> tuple[Ints, Array]:
        parts = [self._place(*place) for place in places]
        parts = [part for part in parts if len(part[0])]
        if len(parts) < 2:
            return parts[0] if parts else (np.empty(0, np.int32), np.empty(0, np.uint16))
        every, many = (np.concatenate(column) for column in zip(*parts, strict=True))
        if len(every) * COUNTED_SHARE < len(self.length):
            documents, inverse = np.unique(every, return_inverse=True)
            return documents, np.bincount(inverse, weights=many).astype(np.int64)
        counts = np.bincount(every, weights=many)
        documents = np.flatnonzero(counts)
        return documents.astype(np.int32), counts[documents].astype(np.int64)

    def _place(self, stem: int, variant: int) -> tuple[Ints, Array]:
        low, high = self.slice(stem)
        if variant < 0 or low == high:
            return self.documents[low:high], self.frequencies[low:high]
        return self._surfaces.get((stem, variant), lambda: self._surface(stem, variant, low, high))

    def _surface(self, stem: int, variant: int, low: int, high: int) -> tuple[Ints, Array]:
        documents = self.documents[low:high]
        begin, end = int(self.uses[stem]), int(self.uses[stem + 1])
        hits = self.variants[begin:end] == variant
        exact = np.add.reduceat(hits, self.before[low:high], dtype=np.int64)
        found = exact > 0
        return documents[found], exact[found]

    def find(self, stem: int, documents: Array) -> tuple[Longs, Longs]:
        """(which of `documents`, ascending, hold the stem; the posting of each)."""
        low, high = self.slice(stem)
        if low == high:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        held = self.documents[low:high]
        at = np.searchsorted(held, documents.astype(np.int32, copy=False))  # another type would copy `held`
        at[at == high - low] = 0
        which = np.flatnonzero(held[at] == documents)
        return which, at[which] + low

    def occurrences(self, stem: int, postings: Longs) -> tuple[Longs, Longs]:
        """(starts, counts) in `positions` of these postings of the stem."""
        high = int(self.pointer[stem + 1])
        begin, end = int(self.uses[stem]), int(self.uses[stem + 1])
        starts = self.before[postings].astype(np.int64)
        after = np.where(postings + 1 < high, self.before[np.minimum(postings + 1, high - 1)], end - begin)
        return starts + begin, after - starts

    def keys(self, place: Place, documents: Array) -> Longs:
        """Sorted (document << 32 | position) of every occurrence in these documents (ascending)."""
        stem, variant = place
        which, postings = self.find(stem, documents)
        starts, counts = self.occurrences(stem, postings)
        at = ranges(starts, counts)
        keys: Longs = np.repeat(documents[which].astype(np.int64) << 32, counts)
        keys |= self.positions[at]
        return keys if variant < 0 else keys[np.flatnonzero(self.variants[at] == variant)]


@dataclass(frozen=True, slots=True)
class PostingSet:
    """Fields over documents [offset, offset + documents) of the global rows."""

    vocabulary: Vocabulary
    fields: Mapping[str, Field]
    offset: int
    documents: int

    @staticmethod
    def open(arrays: Mapping[str, Array], names: Sequence[str], offset: int) -> PostingSet:
        fields = {name: Field(arrays, name) for name in names}
        return PostingSet(Vocabulary(arrays), fields, offset, len(fields[names[0]].length))
