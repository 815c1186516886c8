"""Warm pools: given what a session keeps warm, returns which documents of it count, and how much of a page they hold.

A pool counts with its EACH best documents at most, all together with ALL: taken in turns, the best of each first. So
keeping everything is no prediction. Not for asking (turns.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Final

EACH: Final = 100
"""Documents of one pool that count."""
ALL: Final = 300
"""Documents of all pools that count."""
GOAL: Final = "goal"
"""The origin of a pool that was made for the objective itself."""


@dataclass(frozen=True, slots=True)
class WarmPool:
    """`origin`: guess, previous, first, earlier (api/warm/warmth.py) or GOAL; `text`: of its query; `ids`: best
    first."""

    origin: str
    text: str
    ids: tuple[str, ...] = field(repr=False)


def counted(pools: Sequence[WarmPool], each: int | None = EACH, most: int | None = ALL) -> frozenset[str]:
    """The documents that count; None: no bound."""
    turns = chain.from_iterable(zip_longest(*(pool.ids[:each] for pool in pools)))
    found: dict[str, None] = {}
    for document in turns:
        if len(found) == most:
            break
        if document is not None:
            found[document] = None
    return frozenset(found)


def share(page: Sequence[str], documents: frozenset[str]) -> float:
    """Of the page's documents, 1 for an empty page: there is nothing to keep warm."""
    return sum(document in documents for document in page) / len(page) if page else 1.0


def by_origin(pools: Sequence[WarmPool]) -> Iterator[tuple[str, frozenset[str]]]:
    """(origin, what its pools hold alone), for those that are there."""
    for origin in dict.fromkeys(pool.origin for pool in pools):
        yield origin, counted([pool for pool in pools if pool.origin == origin])
