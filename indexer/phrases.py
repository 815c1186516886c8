"""Phrases and nearness by positions: given surface tokens, returns the documents of a field and how often each.

Ordered: positions p1 < p2 < ... with (last - first) - (m - 1) <= slop. Unordered: distinct positions in any order in
such a span. A phrase counts once for each position that it can begin at. Not for stems: phrases match as written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from indexer.arrays import Array
from indexer.postings import Field, Place
from ranking.types import Longs

_POSITION: Final = 0xFFFFFFFF


def phrase_counts(
    field: Field, tokens: Sequence[Sequence[Place]], slop: int, ordered: bool, among: Array | None = None
) -> tuple[Array, Longs]:
    """(documents ascending, counts > 0). `tokens`: the places of each token; `among`: only these (ascending)."""
    empty = np.empty(0, np.int64), np.empty(0, np.int64)
    if not tokens or not all(tokens):
        return empty
    held = among
    distinct = dict.fromkeys(tuple(places) for places in tokens)
    for places in sorted(distinct, key=lambda places: sum(_size(field, stem) for stem, _ in places)):
        held = _holders(field, places, held)
        if not len(held):
            return empty
    assert held is not None
    keys = {places: _keys(field, places, held) for places in distinct}
    line = [keys[tuple(places)] for places in tokens]
    if len(line) == 1:
        starts = line[0]
    elif not ordered:
        starts = _unordered([(keys[places], many) for places, many in Counter(map(tuple, tokens)).items()], slop)
    elif slop:
        starts = _ordered(line, slop)
    else:
        starts = _adjacent(line)
    documents, counts = np.unique(starts >> 32, return_counts=True)
    return documents, counts


def _size(field: Field, stem: int) -> int:
    low, high = field.slice(stem)
    return high - low


def _holders(field: Field, places: Sequence[Place], among: Array | None) -> Array:
    """Documents that may hold the token: those of its stems, for surfaces are told apart by position later."""
    stems = sorted({stem for stem, _ in places})
    if among is None:
        parts = [field.documents[slice(*field.slice(stem))] for stem in stems]
        return parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))
    held = np.zeros(len(among), np.bool_)
    for stem in stems:
        held[field.find(stem, among)[0]] = True
    return among[held]


def _keys(field: Field, places: Sequence[Place], documents: Array) -> Longs:
    parts = [field.keys(place, documents) for place in places]
    return parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))


def _adjacent(line: list[Longs]) -> Longs:
    """First positions of tokens in a row: the rarest token's places, kept where all others are beside them."""
    rarest = min(range(len(line)), key=lambda i: len(line[i]))
    starts = line[rarest] - rarest
    starts = starts[line[rarest] & _POSITION >= rarest]
    for i, keys in enumerate(line):
        if i != rarest and len(starts):
            at = np.searchsorted(keys, starts + i)
            at[at == len(keys)] = 0
            starts = starts[keys[at] == starts + i] if len(keys) else starts[:0]
    return starts


def _ordered(line: list[Longs], slop: int) -> Longs:
    starts = ends = line[0]
    for keys in line[1:]:
        at = np.searchsorted(keys, ends, "right")
        found = at < len(keys)
        starts, ends = starts[found], keys[at[found]]
    return _near(starts, ends, len(line), slop)


def _unordered(line: list[tuple[Longs, int]], slop: int) -> Longs:
    starts = np.sort(np.concatenate([keys for keys, _ in line]))
    ends = starts
    for keys, many in line:
        at = np.searchsorted(keys, starts) + many - 1
        found = at < len(keys)
        starts, ends = starts[found], np.maximum(ends[found], keys[at[found]])
    return _near(starts, ends, sum(many for _, many in line), slop)


def _near(starts: Longs, ends: Longs, size: int, slop: int) -> Longs:
    kept: Longs = starts[(starts >> 32 == ends >> 32) & (ends - starts - (size - 1) <= slop)]
    return kept
