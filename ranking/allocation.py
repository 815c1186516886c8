"""Who shows what in a batch: given the orders of its searches, returns for each which documents other pages show.

A document that several pages want goes to the one that it serves best, and the others go on to their next: pages
propose and documents choose (Gale and Shapley 1962), so the outcome does not depend on who is asked first, and no two
pages would rather swap. How well a document serves a search is its score relative to the best of that search; a pin
comes before any score, ties go to the earlier search. Not for what a page is (pipeline.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ranking.pipeline import NOWHERE, Elsewhere, Ordered, pages
from ranking.types import Doubles

Claim = tuple[bool, float, int]
"""Pinned there, relative score, minus the number of the search: the largest wins."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A document of the page that a search would have had alone: its place there, and the search that shows it."""

    document: str
    row: int
    rank: int
    search: int
    shown_rank: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one search gets: give `elsewhere` to pipeline.page_of. `moved`: best first. `own`: how many documents of its
    page no other shows."""

    elsewhere: Elsewhere = NOWHERE
    moved: tuple[Moved, ...] = ()
    own: int = 0


def allocate(orders: Sequence[Ordered], *, fill: bool) -> tuple[Share, ...]:
    """One share for each. `fill`: a page that is too short goes on with what others show."""
    contests = [_Contest(made, number) for number, made in enumerate(orders)]
    alone = [contest.page for contest in contests]
    _settle(contests)
    returned: set[str] = set()
    while lost := _lost(contests) - returned:
        returned |= lost
        for name in lost:
            best = max((each for each in contests if name in each.refused), key=lambda each: each.claim(name))
            best.take_back(name)
        _settle(contests)
    shares = [contest.elsewhere(fill) for contest in contests]
    final = [contest.laid_out(share) for contest, share in zip(contests, shares, strict=True)]
    where: dict[str, tuple[int, int]] = {}
    for number, page in enumerate(final):
        for place, name in enumerate(page, start=1):
            if name not in contests[number].refused:
                where[name] = number, place
    return tuple(
        Share(share, _moved(contest, before, frozenset(after), where), len(contest.page))
        for contest, share, before, after in zip(contests, shares, alone, final, strict=True)
    )


def relative(made: Ordered) -> Doubles:
    """[n] 1 for the best score of this search, less for the others: 1 - (best - score) / |best|, which for a positive
    best is score / best."""
    scores = made.sheet.score
    if not len(scores):
        return scores
    best = float(scores.max())
    served: Doubles = 1.0 - (best - scores) / (abs(best) or 1.0)
    return served


class _Contest:
    """One search while documents are given out: its page, and what it was refused."""

    def __init__(self, made: Ordered, number: int) -> None:
        self._made, self._number = made, number
        self._before = made.before
        self._relative = relative(made)
        self._rows: Mapping[str, int] = {name: row for row, name in enumerate(made.given.evidence.ids)}
        self._pinned = frozenset(row for row, _ in made.sheet.pins)
        self.refused: set[str] = set()
        self.page = self.laid_out(NOWHERE)

    def claim(self, name: str) -> Claim:
        row = self._rows[name]
        return row in self._pinned, float(self._relative[row]), -self._number

    def elsewhere(self, fill: bool = False) -> Elsewhere:
        return Elsewhere(frozenset(map(self._rows.__getitem__, self.refused)), fill) if self.refused else NOWHERE

    def laid_out(self, elsewhere: Elsewhere) -> list[str]:
        """The ids of the page."""
        made = self._made
        _, rows, _ = pages(self._before, made.order, made.sheet, made.given, made.signals, elsewhere)
        return [made.given.evidence.ids[row] for row in rows]

    def row(self, name: str) -> int:
        return self._rows[name]

    def refuse(self, names: set[str]) -> None:
        self.refused |= names
        self.page = self.laid_out(self.elsewhere())

    def take_back(self, name: str) -> None:
        self.refused.discard(name)
        self.page = self.laid_out(self.elsewhere())


def _settle(contests: Sequence[_Contest]) -> None:
    """Until no document is on two pages. Every round refuses something for good, so it ends."""
    while True:
        wanted: dict[str, list[_Contest]] = {}
        for contest in contests:
            for name in contest.page:
                wanted.setdefault(name, []).append(contest)
        losses: dict[int, set[str]] = {}
        for name, rivals in wanted.items():
            if len(rivals) > 1:
                winner = max(rivals, key=lambda each: each.claim(name))
                for loser in rivals:
                    if loser is not winner:
                        losses.setdefault(id(loser), set()).add(name)
        if not losses:
            return
        for contest in contests:
            if id(contest) in losses:
                contest.refuse(losses[id(contest)])


def _lost(contests: Sequence[_Contest]) -> set[str]:
    """Refused by one page for another that then had no room for it: MMR may change its mind as others go."""
    there = {name for contest in contests for name in contest.page}
    return {name for contest in contests for name in contest.refused} - there


def _moved(
    contest: _Contest, alone: Sequence[str], page: frozenset[str], where: Mapping[str, tuple[int, int]]
) -> tuple[Moved, ...]:
    return tuple(
        Moved(name, contest.row(name), place, *where[name])
        for place, name in enumerate(alone, start=1)
        if name in contest.refused and name not in page and name in where
    )
