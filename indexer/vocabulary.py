"""The tokens of a set of documents: given token texts, numbers them so that a stem's tokens are neighbours.

A token is a pair (surface, stem): the same surface in two languages may be two tokens. Stem numbers follow the XXH64
of the stem, token numbers follow (stem, XXH64 of the surface); `variant` is a token's place within its stem.
Hash collisions are ignored (below 1e-6 for ten million words).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import xxhash

from indexer.analyze import stem, token_hash
from indexer.arrays import Array, ArrayWriter, Strings, add_strings, strings_of
from ranking.types import Ints


class _Numbers(dict[str, int]):
    """surface -> provisional number, given out on first sight; one per stemming algorithm."""

    def __init__(self, algorithm: str, surfaces: list[str], stems: list[str]) -> None:
        super().__init__()
        self._algorithm, self._surfaces, self._stems = algorithm, surfaces, stems

    def __missing__(self, surface: str) -> int:
        number = len(self._surfaces)
        self._surfaces.append(surface)
        self._stems.append(stem.__wrapped__(surface, self._algorithm))
        self[surface] = number
        return number


class VocabularyBuilder:
    """Provisional numbers while documents stream by; final ones at the end."""

    def __init__(self) -> None:
        self._surfaces: list[str] = []
        self.stems: list[str] = []  # by provisional number
        self._numbers: dict[str, _Numbers] = {}

    def number(self, tokens: Iterable[str], algorithm: str) -> list[int]:
        numbers = self._numbers.get(algorithm)
        if numbers is None:
            numbers = self._numbers[algorithm] = _Numbers(algorithm, self._surfaces, self.stems)
        return list(map(numbers.__getitem__, tokens))

    def write(self, writer: ArrayWriter) -> tuple[Ints, Ints]:
        """Store the vocabulary; returns (token of each provisional number, stem of each token)."""
        surface = _hashes(self._surfaces)
        stems = _hashes(self.stems)
        order = np.lexsort((surface, stems))
        surface, stems = surface[order], stems[order]
        new = np.ones(len(order), np.bool_)
        new[1:] = (surface[1:] != surface[:-1]) | (stems[1:] != stems[:-1])  # two languages may agree on a pair
        token = np.empty(len(order), np.int32)
        token[order] = np.cumsum(new) - 1
        kept = order[new]
        stem_hash, first = np.unique(stems[new], return_index=True)
        stem_of = (np.cumsum(_flags(first, len(kept))) - 1).astype(np.int32)
        texts = [self._surfaces[i] for i in kept.tolist()]
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        writer.add("stem_hash", stem_hash)
        writer.add("stem_first", np.append(first, len(kept)), np.int32)
        writer.add("surface_hash", np.sort(surface[new]))
        writer.add("surface_token", np.argsort(surface[new], kind="stable"), np.int32)
        writer.add("alphabetical", np.array(sorted(range(len(encoded)), key=encoded.__getitem__), np.int32))
        add_strings(writer, "surface", texts)
        return token, stem_of


def _hashes(texts: Sequence[str]) -> Array:
    return np.fromiter(
        (xxhash.xxh64_intdigest(text.encode("utf-8", "surrogatepass")) for text in texts), np.uint64, len(texts)
    )


def _flags(indices: Array, size: int) -> Array:
    flags = np.zeros(size, np.bool_)
    flags[indices] = True
    return flags


class Vocabulary:
    """Read-only view of a stored vocabulary."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._stem_hash = arrays["stem_hash"]
        self.stem_first = arrays["stem_first"]
        self._surface_hash = arrays["surface_hash"]
        self._surface_token = arrays["surface_token"]
        self._alphabetical = arrays["alphabetical"]
        self.surfaces: Strings = strings_of(arrays, "surface")

    @property
    def stems(self) -> int:
        return len(self._stem_hash)

    def stem(self, text: str) -> int:
        """Number of a stem, -1 when no document has it."""
        wanted = np.uint64(token_hash(text))
        at = int(self._stem_hash.searchsorted(wanted))
        return at if at < len(self._stem_hash) and self._stem_hash[at] == wanted else -1

    def surface(self, text: str) -> list[tuple[int, int]]:
        """(stem, variant) of every token that is written so; variant -1 when its stem has no other token."""
        wanted = np.uint64(token_hash(text))
        low = high = int(self._surface_hash.searchsorted(wanted))
        while high < len(self._surface_hash) and self._surface_hash[high] == wanted:
            high += 1
        return [self.place(token) for token in self._surface_token[low:high].tolist()]

    def place(self, token: int) -> tuple[int, int]:
        """(stem, variant) of a token; variant -1 when its stem has no other token."""
        owner = int(self.stem_first.searchsorted(np.int32(token), "right")) - 1  # another type would copy the array
        first, end = int(self.stem_first[owner]), int(self.stem_first[owner + 1])
        return owner, token - first if end - first > 1 else -1

    def with_prefix(self, prefix: str) -> list[int]:
        """Tokens whose surface begins so."""
        wanted = prefix.encode("utf-8", "surrogatepass")

        def key(token: int) -> bytes:
            return self.surfaces[token].encode("utf-8", "surrogatepass")[: len(wanted)]

        low = bisect_left(self._alphabetical, wanted, key=key)
        high = bisect_left(self._alphabetical, wanted + b"\xff", lo=low, key=key)
        return self._alphabetical[low:high].tolist()  # type: ignore[no-any-return]
