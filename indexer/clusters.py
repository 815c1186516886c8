"""Near-duplicates: given signatures of all documents and a way to their shingles, returns a cluster number for each.

Two documents are near-duplicates when the Jaccard similarity of their 5-word shingles is at least 0.8; a cluster is
a connected component of that relation and is named after its smallest id. Candidates come from MinHash bands (25 of
5, which find a pair at 0.8 with probability 0.99995: Broder 1997; Leskovec, Rajaraman, Ullman, ch. 3), and each that
the whole signatures do not rule out is verified on the shingles themselves.
The result depends on the set of documents alone, not on their order or on the batches in which they came: only pairs
with a new document are looked at, and when a cluster loses a member its others count as new.
Not for passages, and not for exact copies alone (equal signatures are joined without looking).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from indexer.limits import ClusterLimits
from indexer.shingles import Signatures, jaccard
from ranking.types import Hashes, Longs, Mask

ShinglesOf = Callable[[Sequence[int]], Sequence[Hashes]]
"""Rows -> their shingle hashes, in order."""

_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd: a bijection
_EMPTY = np.iinfo(np.uint32).max


def cluster_name(id: str) -> int:
    """The number of the cluster whose smallest id this is."""
    return xxhash.xxh3_64_intdigest(id.encode())


def clusters(
    ids: Sequence[str],
    signatures: Signatures,
    live: Mask,
    fresh: Mask,
    previous: Hashes,
    lost: Hashes,
    shingles_of: ShinglesOf,
    limits: ClusterLimits | None = None,
) -> Hashes:
    """[N] cluster numbers; 0 for rows that are not live.

    `fresh`: rows that no earlier call has seen. `previous`: the cluster of each other row. `lost`: clusters that lost
    a member since.
    """
    limits = limits or ClusterLimits()
    size = len(ids)
    fresh = live & (fresh | np.isin(previous, lost))
    parent = np.arange(size)
    settled = np.flatnonzero(live & ~fresh)
    _join_equal(parent, settled, previous[settled])
    filled = np.flatnonzero(live & (signatures != _EMPTY).any(axis=1))
    representatives = _join_copies(parent, filled, signatures)
    if len(representatives):
        news = np.zeros(size, dtype=bool)
        news[representatives[_any_fresh(representatives, filled, fresh, signatures)]] = True
        _join_similar(parent, representatives, news, signatures, shingles_of, limits)
    roots = _roots(parent)
    smallest: dict[int, str] = {}
    for row in np.flatnonzero(live).tolist():
        root = int(roots[row])
        if root not in smallest or ids[row] < smallest[root]:
            smallest[root] = ids[row]
    names = {root: cluster_name(id) for root, id in smallest.items()}
    found = np.zeros(size, dtype=np.uint64)
    for row in np.flatnonzero(live).tolist():
        found[row] = names[int(roots[row])]
    return found


def _join_equal(parent: Longs, rows: Longs, labels: Hashes) -> None:
    """Union the rows that share a label."""
    order = np.argsort(labels, kind="stable")
    rows, labels = rows[order], labels[order]
    for at in np.flatnonzero(labels[1:] == labels[:-1]).tolist():
        _union(parent, int(rows[at]), int(rows[at + 1]))


def _join_copies(parent: Longs, rows: Longs, signatures: Signatures) -> Longs:
    """Union rows with equal signatures; returns one row of each kind."""
    if not len(rows):
        return rows
    keys = _keys(signatures[rows])
    _join_equal(parent, rows, keys)
    return rows[np.unique(keys, return_index=True)[1]]


def _any_fresh(representatives: Longs, rows: Longs, fresh: Mask, signatures: Signatures) -> Mask:
    """Which representatives stand for a fresh row (a copy of an old one brings no new pair, but costs little)."""
    keys = _keys(signatures[rows[fresh[rows]]])
    return np.isin(_keys(signatures[representatives]), keys)


def _keys(block: NDArray[np.uint32]) -> Hashes:
    """One 64-bit key a row."""
    data, width = block.tobytes(), block.shape[1] * block.itemsize
    return np.array(
        [xxhash.xxh3_64_intdigest(data[at : at + width]) for at in range(0, len(data), width)], dtype=np.uint64
    )


def _band_keys(block: NDArray[np.uint32]) -> Hashes:
    """As `_keys`, all rows at once; two bands that differ may share a key, which costs a look at the pair."""
    keys = np.zeros(len(block), dtype=np.uint64)
    for column in range(block.shape[1]):
        keys = (keys ^ block[:, column]) * _MIX
        keys ^= keys >> np.uint64(29)
    return keys


def _join_similar(
    parent: Longs, rows: Longs, fresh: Mask, signatures: Signatures, shingles_of: ShinglesOf, limits: ClusterLimits
) -> None:
    """Union the candidates of every band that hold up; the likeliest first, so that most others need no look."""
    width = signatures.shape[1] // limits.bands
    rejected: set[tuple[int, int]] = set()  # a pair can meet in several bands
    for band in range(limits.bands):
        keys = _band_keys(signatures[rows, band * width : (band + 1) * width])
        for first, second in _candidates(rows, keys, fresh, signatures, limits):
            roots = _roots(parent)
            apart = roots[first] != roots[second]
            first, second = first[apart], second[apart]
            alike = (signatures[first] == signatures[second]).mean(axis=1)
            order = np.argsort(-alike, kind="stable")
            order = order[alike[order] >= limits.jaccard - limits.estimate_margin]
            likely = [
                pair for pair in zip(first[order].tolist(), second[order].tolist(), strict=True) if pair not in rejected
            ]
            rejected |= _verify(parent, likely, shingles_of, limits)


def _candidates(
    rows: Longs, keys: Hashes, fresh: Mask, signatures: Signatures, limits: ClusterLimits
) -> Iterator[tuple[Longs, Longs]]:
    """Blocks of pairs with equal keys, at least one of each fresh."""
    order = np.argsort(keys, kind="stable")
    rows, keys = rows[order], keys[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    ends = np.append(starts[1:], len(keys))
    pending: list[tuple[Longs, Longs]] = []
    waiting = 0
    for at in np.flatnonzero(ends - starts > 1).tolist():
        group = rows[starts[at] : ends[at]]
        if not fresh[group].any():
            continue
        for first, second in _pairs(group, signatures, limits):
            kept = fresh[first] | fresh[second]
            pending.append((first[kept], second[kept]))
            waiting += int(kept.sum())
            if waiting >= limits.pair_block:
                yield np.concatenate([p[0] for p in pending]), np.concatenate([p[1] for p in pending])
                pending, waiting = [], 0
    if waiting:
        yield np.concatenate([p[0] for p in pending]), np.concatenate([p[1] for p in pending])


def _pairs(group: Longs, signatures: Signatures, limits: ClusterLimits) -> Iterator[tuple[Longs, Longs]]:
    """All pairs of a group; of a huge one the near neighbours in the order of their signatures."""
    count = len(group)
    reach = count - 1
    if count > limits.largest_group:
        group = group[np.lexsort(signatures[group].T[::-1])]
        reach = limits.window
    for distance in range(1, reach + 1):
        yield group[:-distance], group[distance:]


def _verify(
    parent: Longs, likely: list[tuple[int, int]], shingles_of: ShinglesOf, limits: ClusterLimits
) -> set[tuple[int, int]]:
    """Union the pairs that are near-duplicates; returns those that are not."""
    rejected: set[tuple[int, int]] = set()
    for start in range(0, len(likely), limits.verified):
        pairs = [(a, b) for a, b in likely[start : start + limits.verified] if _root(parent, a) != _root(parent, b)]
        rows = sorted({row for pair in pairs for row in pair})
        shingles = dict(zip(rows, shingles_of(rows), strict=True))
        for a, b in pairs:
            if _root(parent, a) == _root(parent, b):
                continue
            if jaccard(shingles[a], shingles[b]) >= limits.jaccard:
                _union(parent, a, b)
            else:
                rejected.add((a, b))
    return rejected


def _root(parent: Longs, row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = int(parent[row])
    return row


def _union(parent: Longs, a: int, b: int) -> None:
    a, b = _root(parent, a), _root(parent, b)
    if a != b:
        parent[max(a, b)] = min(a, b)


def _roots(parent: Longs) -> Longs:
    """The root of every row."""
    roots = parent
    while not np.array_equal(roots, above := roots[roots]):
        roots = above
    return roots
