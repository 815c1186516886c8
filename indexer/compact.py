"""Which segments to merge: given their sizes, returns groups of them, each of which becomes one. Pure.

Two reasons: there are more segments than a query should visit, or one holds many deleted rows. Small ones go first,
so that a row is rewritten about log(rows) times in its life and a hundred new documents never rewrite fifty
thousand old ones. Not for doing it: assembly.py merges, without embedding anything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.limits import BuildLimits


@dataclass(frozen=True, slots=True)
class Size:
    """Rows of a segment, and those of them that are live."""

    rows: int
    live: int


def merges(sizes: Sequence[Size], limits: BuildLimits) -> tuple[tuple[int, ...], ...]:
    """Groups of indices, ascending; a group of one is a rewrite without its deleted rows. Segments without live rows
    are in no group: they are dropped."""
    alive = [at for at, size in enumerate(sizes) if size.live]
    together: list[int] = []
    if len(alive) > limits.max_segments:
        ascending = sorted(alive, key=lambda at: (sizes[at].live, at))
        needed = len(alive) - limits.max_segments + 1
        total = 0
        for at in ascending:
            if len(together) >= needed and sizes[at].live > limits.merge_ratio * total:
                break
            together.append(at)
            total += sizes[at].live
    stale = [at for at in alive if at not in together and _is_stale(sizes[at], limits)]
    groups = [tuple(sorted(together))] if together else []
    return tuple(sorted([*groups, *((at,) for at in stale)]))


def batch_size(documents: int, limits: BuildLimits) -> int:
    """Documents per new segment: so many that a first build needs no merge."""
    return max(limits.batch_documents, -(-documents // limits.max_segments))


def _is_stale(size: Size, limits: BuildLimits) -> bool:
    deleted = size.rows - size.live
    return deleted >= limits.min_deleted_rows and deleted > limits.max_deleted_share * size.rows
