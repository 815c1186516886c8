"""What was asked on the running topic: given searches in order, or several accounts of them, returns one account.

A topic begins with a reader's first search, and anew with each that drifted. `join` is a union, as for exposures: it
does not depend on order, and an account is exact whatever it was joined from. Not for whose searches (fold.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from sessions.settings import ASKED_QUERIES


class Asked(NamedTuple):
    """One search with a query."""

    seq: int
    query: str


@dataclass(frozen=True, slots=True)
class Topic:
    """`drift`: seq of the search that began it, 0 for the reader's first topic. `first`: its first query. `latest`: its
    latest ASKED_QUERIES queries, oldest first."""

    drift: int = 0
    first: Asked | None = None
    latest: tuple[Asked, ...] = ()

    def then(self, asked: Asked, drifted: bool) -> Topic:
        """With one search more."""
        if drifted:
            return Topic(asked.seq, asked, (asked,))
        return Topic(self.drift, self.first or asked, (*self.latest, asked)[-ASKED_QUERIES:])


NO_TOPIC: Final = Topic()


def join(topics: Iterable[Topic]) -> Topic:
    """The topic that is running after all of these: what was asked before the latest drift belongs to none."""
    topics = tuple(topics)
    drift = max((topic.drift for topic in topics), default=0)
    asked = {each for topic in topics for each in (topic.first, *topic.latest) if each and each.seq >= drift}
    ordered = sorted(asked)
    return Topic(drift, ordered[0] if ordered else None, tuple(ordered[-ASKED_QUERIES:]))
