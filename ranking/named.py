"""Named pages on a page of results: given the rows to show and pages that are spoken of in what the reader has read, in
the order of their scores, returns who sits where.

They take the last places, at most a share `session.named` of the page, best first (all places of a page that nothing
filled may be last). Nobody's score changes, and who had to be on the page stays: its first, what is pinned, and the
stateless best. Caps hold as they did: no value gets more results than its cap, or than it had. Not for which pages are
named (api/session/named.py).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ranking.diversify import ATTRIBUTES, caps_of
from ranking.params import Params
from ranking.types import Evidence

STEP = "named"
"""Of a move: `named: 37 -> 5`, `named: - -> 5` for a page that no retriever had found."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One place of the page. `guest`: the row is one of the named pages' evidence, which the search did not recall."""

    row: int
    guest: bool = False
    named: bool = False


def places_of(params: Params) -> int:
    """How many places may be theirs: the share, rounded, and never all of them."""
    size = params.max_results
    return min(math.floor(params.session.named * size + 0.5), size - 1)


def seated(
    shown: Sequence[int],
    kept: frozenset[int],
    evidence: Evidence,
    guests: Sequence[int],
    named: Evidence,
    params: Params,
) -> list[Seat]:
    """`shown`: rows of `evidence`, in order; `kept`: those that must stay. `guests`: rows of `named`, best first."""
    known = {identifier: row for row, identifier in enumerate(evidence.ids)}
    there = {evidence.ids[row] for row in shown}
    coming = [
        Seat(known[named.ids[row]], named=True) if named.ids[row] in known else Seat(row, guest=True, named=True)
        for row in guests
        if named.ids[row] not in there
    ]
    seats = [Seat(row) for row in shown]
    for count in range(min(places_of(params), len(coming)), 0, -1):
        leaving = leaving_places(seats, kept, params.max_results, count)
        staying = [seat for place, seat in enumerate(seats) if place not in leaving]
        chosen = within_caps(seats, staying, coming, len(leaving), evidence, named, params)
        if leaving and len(chosen) == len(leaving):
            return with_guests(seats, leaving, chosen)
    return seats


def leaving_places(seats: Sequence[Seat], kept: frozenset[int], size: int, count: int) -> list[int]:
    """Ascending: places that are free on a short page, else the last ones whose rows may leave."""
    if len(seats) < size:
        return list(range(len(seats), min(size, len(seats) + count)))
    free = [place for place, seat in enumerate(seats) if place and seat.row not in kept]
    return free[-count:]


def with_guests(seats: Sequence[Seat], places: Sequence[int], chosen: Sequence[Seat]) -> list[Seat]:
    """Each of `chosen` on its place."""
    page = dict(enumerate(seats)) | dict(zip(places, chosen, strict=True))
    return [page[place] for place in sorted(page)]


def within_caps(
    seats: Sequence[Seat],
    staying: Sequence[Seat],
    coming: Sequence[Seat],
    count: int,
    evidence: Evidence,
    named: Evidence,
    params: Params,
) -> list[Seat]:
    """The first `count` of `coming` that may all sit beside who stays."""
    caps = caps_of(params.diversify)
    before = {name: Counter(value_of(name, seat, evidence, named) for seat in seats) for name in caps}
    now = {name: Counter(value_of(name, seat, evidence, named) for seat in staying) for name in caps}
    chosen: list[Seat] = []
    for seat in coming:
        if len(chosen) == count:
            break
        values = {name: value_of(name, seat, evidence, named) for name in caps}
        if all(
            now[name][value] < max(caps[name], before[name][value]) for name, value in values.items() if value != -1
        ):
            chosen.append(seat)
            for name, value in values.items():
                now[name][value] += 1
    return chosen


def value_of(name: str, seat: Seat, evidence: Evidence, named: Evidence) -> int:
    """What a cap on `name` counts: -1 is no value, and shares nothing."""
    held = named if seat.guest else evidence
    columns: Mapping[str, object] = held.attributes if name in ATTRIBUTES else held.labels
    return int(columns[name][seat.row]) if name in columns else -1  # type: ignore[index]
