"""Writes what lexical scoring reads: given tokens of documents, field by field, stores postings with positions.

For each field, by stem and then by document: document number, term frequency, and for each occurrence its token
position and which surface of the stem it was. That is the forward index turned round: a candidate's term
frequencies, positions and phrases are found by its number within a stem's sorted documents, whatever the size of
the collection; k1, b, weights, stemming and filters stay choices of the query (postings.py reads it).
Not for the vocabulary (vocabulary.py). Memory: one block of tokens at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from indexer.arrays import ArrayWriter
from indexer.vocabulary import VocabularyBuilder
from ranking.types import Ints, Longs

MAX_TF: Final = 65_535
"""Term frequencies are stored in two bytes; BM25 is flat long before."""

BLOCK_TOKENS: Final = 4_000_000
"""Tokens sorted at a time: about 200 MB of temporary arrays."""


class ForwardWriter:
    """Collects documents in row order, then writes the arrays of every field. `scratch` is an existing folder for
    temporary files, which `write` removes."""

    def __init__(self, fields: Sequence[str], scratch: Path) -> None:
        self.vocabulary = VocabularyBuilder()
        self._fields = tuple(fields)
        self._paths = {field: scratch / f"{field}.tokens" for field in fields}
        self._files: dict[str, IO[bytes]] = {field: path.open("wb") for field, path in self._paths.items()}
        self._lengths: dict[str, list[int]] = {field: [] for field in fields}

    def add(self, field: str, numbers: Sequence[int]) -> None:
        """The next document's tokens of one field, as `vocabulary.number` numbered them."""
        self._files[field].write(np.array(numbers, np.int32).tobytes())
        self._lengths[field].append(len(numbers))

    def close(self) -> None:
        """Let go of the temporary files."""
        for file in self._files.values():
            file.close()

    def write(self, writer: ArrayWriter) -> None:
        self.close()
        token_of, stem_of = self.vocabulary.write(writer)
        first = np.zeros(int(stem_of[-1]) + 2 if len(stem_of) else 1, np.int64)
        np.add.at(first, stem_of.astype(np.int64) + 1, 1)
        variant_of = np.arange(len(stem_of), dtype=np.int64) - np.cumsum(first)[stem_of]
        for field in self._fields:
            lengths = np.array(self._lengths[field], np.int64)
            path = self._paths[field]
            tokens = np.memmap(path, np.int32, "r") if path.stat().st_size else np.empty(0, np.int32)
            _write_field(writer, field, tokens, lengths, token_of, stem_of, variant_of, len(first) - 1)
            del tokens
            path.unlink()


def _write_field(
    writer: ArrayWriter, field: str, provisional: Ints, lengths: Longs, token_of: Ints, stem_of: Ints,
    variant_of: Longs, stems: int,
) -> None:  # fmt: skip
    ends = np.cumsum(lengths)
    blocks = _blocks(ends)
    many = np.zeros(stems, np.int64)  # postings of each stem
    uses = np.zeros(stems, np.int64)  # occurrences of each stem
    for low, high in blocks:
        stem, document, _, _ = _sorted_block(provisional, ends, low, high, token_of, stem_of, variant_of)
        uses += np.bincount(stem, minlength=stems)
        many += np.bincount(stem[_starts(stem, document)], minlength=stems)
    pointer = np.zeros(stems + 1, np.int64)
    np.cumsum(many, out=pointer[1:])
    use_pointer = np.zeros(stems + 1, np.int64)
    np.cumsum(uses, out=use_pointer[1:])
    total = int(use_pointer[-1])
    widest = int(variant_of.max()) if len(variant_of) else 0
    writer.add(f"{field}.length", lengths, np.uint32)
    writer.add(f"{field}.pointer", pointer)
    documents = writer.allocate(f"{field}.documents", np.int32, (int(pointer[-1]),))
    frequencies = writer.allocate(f"{field}.frequencies", np.uint16, (int(pointer[-1]),))
    # occurrences before each posting, relative to its stem: fits 32 bits in any field below 4 G tokens
    before = writer.allocate(f"{field}.before", np.uint32, (int(pointer[-1]),))
    positions = writer.allocate(f"{field}.positions", np.int32, (total,))
    kind = np.uint8 if widest < 1 << 8 else np.uint16 if widest < 1 << 16 else np.uint32
    variants = writer.allocate(f"{field}.variants", kind, (total,))
    writer.add(f"{field}.uses", use_pointer)
    next_posting, next_use = pointer[:-1].copy(), use_pointer[:-1].copy()
    for low, high in blocks:
        stem, document, position, variant = _sorted_block(provisional, ends, low, high, token_of, stem_of, variant_of)
        if not len(stem):
            continue
        starts = _starts(stem, document)
        counts = np.diff(np.append(starts, len(stem)))
        place = _places(stem, next_use)
        positions[place], variants[place] = position, variant
        stem = stem[starts]
        where = _places(stem, next_posting)
        documents[where] = document[starts]
        frequencies[where] = np.minimum(counts, MAX_TF)
        before[where] = place[starts] - use_pointer[stem]


def _blocks(ends: Longs) -> list[tuple[int, int]]:
    """Runs of documents of at most BLOCK_TOKENS tokens (a larger document is a run of its own)."""
    blocks, low, begun = [], 0, 0
    while low < len(ends):
        high = max(int(np.searchsorted(ends, begun + BLOCK_TOKENS, "right")), low + 1)
        blocks.append((low, high))
        low, begun = high, int(ends[high - 1])
    return blocks


def _sorted_block(
    provisional: Ints, ends: Longs, low: int, high: int, token_of: Ints, stem_of: Ints, variant_of: Longs
) -> tuple[Longs, Longs, Longs, Longs]:
    """(stem, document, position, variant) of each token of documents [low, high), by stem, document, position."""
    begin = int(ends[low - 1]) if low else 0
    bounds = np.concatenate(([begin], ends[low:high]))
    token = token_of[provisional[begin : int(bounds[-1])]]
    key = stem_of[token].astype(np.uint64) << np.uint64(32) | np.arange(len(token), dtype=np.uint64)
    key.sort()
    index = (key & np.uint64(0xFFFFFFFF)).astype(np.int64)
    document = np.searchsorted(bounds - begin, index, "right") - 1
    return (
        (key >> np.uint64(32)).astype(np.int64),
        document + low,
        index - (bounds[document] - begin),
        variant_of[token[index]],
    )


def _starts(stem: Longs, document: Longs) -> Longs:
    """Where a new (stem, document) begins."""
    new = np.ones(len(stem), np.bool_)
    new[1:] = (stem[1:] != stem[:-1]) | (document[1:] != document[:-1])
    return np.flatnonzero(new)


def _places(stem: Longs, cursor: Longs) -> Longs:
    """Where each item of a stem-sorted run goes; moves the stems' cursors on."""
    starts = np.flatnonzero(np.concatenate(([True], stem[1:] != stem[:-1])))
    counts = np.diff(np.append(starts, len(stem)))
    owners = stem[starts]
    places: NDArray[np.int64] = np.repeat(cursor[owners] - starts, counts) + np.arange(len(stem))
    cursor[owners] += counts
    return places
