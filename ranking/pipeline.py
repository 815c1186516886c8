"""The body of a search: given a plan, evidence, params and a session's state, returns the explained order.

Pure and deterministic: the same input gives an equal Ranking, and the order of candidates in the evidence does not
matter. `Ranking.scored` is the head of the list by (-score, id), as long as a page; `order` has all of it. Not for
recall (ports.SearchIndex), for fetching what is shown, or for timing (`stages` is empty).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ranking.certificate import exact
from ranking.constants import NAMED_LEAST
from ranking.diversify import arrange
from ranking.named import STEP, Seat, seated
from ranking.params import Params
from ranking.plan import rules_of
from ranking.rules import CompiledRules, with_pins
from ranking.scores import SEEN_ENTRY as SEEN_ENTRY
from ranking.scores import Opinions, Sheet, by_score, score, signals_of
from ranking.seen import mark_of
from ranking.signals.catalogue import Signals, compute
from ranking.signals.input import SignalInput
from ranking.types import Doubles, Evidence, Longs, Mask, Notice, Plan, Ranking, Scored, SeenMark, SessionState, Stub
from ranking.weights import catalogue_of, relevance_of, resolve_weights, score_of, signals_read, stood_in


@dataclass(frozen=True, slots=True)
class Ordered:
    """All candidates in order, with the account of every score. `order` [n]: rows by (-score, id)."""

    given: SignalInput
    signals: Signals
    sheet: Sheet
    order: Longs

    @property
    def before(self) -> Longs:
        """[n] rows by (-score, id) as they would be without a session."""
        sheet = self.sheet
        return self.order if sheet.stateless is sheet.score else by_score(sheet.stateless, self.given.evidence.ids)

    def rank_of(self, row: int) -> int:
        """1-based place of a candidate, before anything moves."""
        return int(np.flatnonzero(self.order == row)[0]) + 1

    def account(self, rows: list[int]) -> list[Scored]:
        """These candidates written down; stateless ranks are places in this order."""
        places = np.empty(len(self.order), dtype=np.int64)
        places[self.order] = np.arange(1, len(self.order) + 1)
        return Account(self.given, self.signals, self.sheet, places, {}).of(rows)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Rows that another page shows (allocation.py). `fill`: they come back when nothing else fills the page."""

    rows: frozenset[int] = frozenset()
    fill: bool = False


NOWHERE: Final = Elsewhere()
GUARD: Final = "guard"
"""Of the move of the stateless best hit onto a page that the session kept it off."""


def order(
    plan: Plan,
    evidence: Evidence,
    params: Params,
    session: SessionState,
    now: float,
    opinions: Opinions | None = None,
    rules: CompiledRules | None = None,
) -> Ordered:
    """Signals -> scores (scores.py) -> order. `now` is epoch seconds; `opinions` gives what rerank stages ask for;
    `rules` are the request's, when they are compiled already.

    Raises ParamsError for unknown names and faults of an expression, SignalError for a defect of a signal.
    """
    if params.session.seen == "off":
        session = SessionState(influences=session.influences, marks=session.marks)
    given = SignalInput(plan, evidence, session, now, params)
    weights = resolve_weights(params, plan)
    expression = score_of(params)
    signals = compute_signals(given, weights)
    sheet = score(given, signals, weights, expression, rules or rules_of(params), opinions)
    return Ordered(given, signals, sheet, by_score(sheet.score, evidence.ids))


def rank(
    plan: Plan,
    evidence: Evidence,
    params: Params,
    session: SessionState,
    now: float,
    opinions: Opinions | None = None,
    rules: CompiledRules | None = None,
) -> Ranking:
    """As `order`, then `page_of` it."""
    return page_of(order(plan, evidence, params, session, now, opinions, rules))


def page_of(made: Ordered, elsewhere: Elsewhere = NOWHERE, named: Ordered | None = None) -> Ranking:
    """Page and stubs -> account. `named`: pages that take its last places (named.py), in an order of their own."""
    given, sheet = made.given, made.sheet
    params, before = given.params, made.before
    natural, shown, moves = pages(before, made.order, sheet, given, made.signals, elsewhere)
    unseen = unseen_recalled(given)
    ranks = stateless_ranks(natural, before)
    seats = seats_of(made, natural, shown, moves, ranks, named)
    shown = [seat.row for seat in seats if not seat.guest]
    account = Account(given, made.signals, sheet, ranks, moves)
    best = made.order[: params.max_results].tolist()
    wanted = list(dict.fromkeys([*shown, *best]))
    scored = dict(zip(wanted, account.of(wanted), strict=True))
    guests = guests_of(seats, given.size, named)
    page = tuple(guests[seat.row] if seat.guest else scored[seat.row] for seat in seats)
    return Ranking(
        page=page,
        scored=tuple(scored[row] for row in best),
        stubs=stubs_of(natural, [*shown, *elsewhere.rows], given)[: params.session.stubs],
        exact=exact(given.plan, params, given.evidence, made.signals.column("bm25")),
        exhausted=unseen < params.max_results,
        unseen=unseen,
        notices=(*sheet.notices, *notices([row for row in natural if row not in elsewhere.rows], shown, given)),
        named=tuple(one.id for one, seat in zip(page, seats, strict=True) if seat.named),
        brought=frozenset(one.id for one in guests.values()),
    )


def seats_of(
    made: Ordered,
    natural: list[int],
    shown: list[int],
    moves: dict[int, list[str]],
    ranks: Longs,
    named: Ordered | None,
) -> list[Seat]:
    """Who sits where, and the moves of those that were recalled."""
    if named is None:
        return [Seat(row) for row in shown]
    given = made.given
    best = np.flatnonzero((ranks == 1) & ~given.exposure.seen).tolist()  # stays wherever the session has put it
    kept = frozenset([*(row for row, _ in made.sheet.pins), *best])
    if given.params.session.fill:
        scores, least = named.sheet.score, least_of(made.sheet.score, shown)
    else:  # the page ends where the stateless one does
        scores, least = named.sheet.stateless, least_of(made.sheet.stateless, natural)
    fit = ~named.given.exposure.seen & (scores >= least)
    free = named.order[fit[named.order]].tolist()
    seats = seated(shown, kept, given.evidence, free, named.given.evidence, given.params)
    for place, seat in enumerate(seats, start=1):
        if seat.named and not seat.guest:
            moves.setdefault(seat.row, []).append(f"{STEP}: {int(ranks[seat.row])} -> {place}")
    return seats


def least_of(scores: Doubles, shown: Sequence[int]) -> float:
    """What a named page must score: so far (NAMED_LEAST) from the last candidate to the last of the page."""
    if not shown:
        return -math.inf
    last = float(scores.min())
    return last + NAMED_LEAST * (float(scores[shown[-1]]) - last)


def guests_of(seats: list[Seat], size: int, named: Ordered | None) -> dict[int, Scored]:
    """Row of the named pages -> its account: after everyone who was recalled, in the stateless order."""
    rows = [seat.row for seat in seats if seat.guest]
    if named is None or not rows:
        return {}
    places = {seat.row: place for place, seat in enumerate(seats, start=1) if seat.guest}
    return {
        one.row: replace(
            one,
            stateless_rank=size + one.stateless_rank,
            moves=(*one.moves, f"{STEP}: - -> {places[one.row]}"),
        )
        for one in named.account(rows)
    }


def unseen_recalled(given: SignalInput) -> int:
    """Candidates that some retriever found and that this reader was not shown: what only fills up a page does not
    count, for asking again would not find it either."""
    found = np.zeros(given.size, dtype=np.bool_)
    for ranks in given.evidence.ranks.values():
        found |= ranks > 0
    return int((found & ~given.exposure.seen).sum())


# ---------------------------------------------------------------- scores


def compute_signals(given: SignalInput, weights: Mapping[str, float]) -> Signals:
    """The signals that decide the order, or all of them when they are to be explained or trees read them."""
    params, specs = given.params, catalogue_of(given.params)
    if params.explain or any(stage.type == "trees" for stage in params.rerank):
        return compute(given, specs.values())
    read = signals_read(params, weights)
    return compute(given, [spec for name, spec in specs.items() if name in read])


# ---------------------------------------------------------------- places


def pages(
    before: Longs, after: Longs, sheet: Sheet, given: SignalInput, signals: Signals, elsewhere: Elsewhere = NOWHERE
) -> tuple[list[int], list[int], dict[int, list[str]]]:
    """The page a stateless call would show, the page to show, and the moves on the latter. `before` and `after` are
    the rows by stateless score and by score."""
    seen = given.exposure.seen
    free = after[~np.isin(after, list(elsewhere.rows))] if elsewhere.rows else after
    filling = given.params.session.fill
    dropping = given.params.session.seen == "drop" and seen.any() and not (filling and seen.all())
    if before is free and not dropping:
        shown, moves = placed(after, sheet.score, sheet.pins, given, signals)
        return shown, shown, moves
    natural, _ = placed(before, sheet.stateless, sheet.stateless_pins, given, signals)
    eligible = free[~seen[free]] if dropping else free
    if not filling:
        eligible = eligible[np.isin(eligible, natural)]
    shown, moves = placed(eligible, sheet.score, sheet.pins, given, signals)
    if natural and natural[0] not in elsewhere.rows:
        shown = guard(natural, shown, seen, moves)
    if elsewhere.fill and filling:
        shown = filled(shown, after[~seen[after]] if dropping else after, given, elsewhere, moves)
    return natural, shown, moves


def filled(
    shown: list[int], rows: Longs, given: SignalInput, elsewhere: Elsewhere, moves: dict[int, list[str]]
) -> list[int]:
    """A page that is too short goes on with what other pages show, in this query's order: `batch: 2 -> 9`."""
    missing = given.params.max_results - len(shown)
    there = set(shown)
    places = [(place, row) for place, row in enumerate(rows.tolist(), start=1) if row in elsewhere.rows - there]
    back = places[: max(missing, 0)]
    for at, (place, row) in enumerate(back, start=len(shown) + 1):
        moves[row] = [f"batch: {place} -> {at}"]
    return [*shown, *(row for _, row in back)]


def placed(
    rows: Longs, scores: Doubles, pins: Sequence[tuple[int, int]], given: SignalInput, signals: Signals
) -> tuple[list[int], dict[int, list[str]]]:
    """MMR and caps (diversify.py), with the pinned rows among the others at their places whatever the caps say."""
    size, diversify = given.params.max_results, given.params.diversify
    named = relevance_of(given.params)
    relevance = scores if named is None else signals.column(named)
    pinned = {row for row, _ in pins}
    free = rows if not pinned else rows[~np.isin(rows, list(pinned))]
    shown, moves = arrange(free, scores if relevance is None else relevance, given.evidence, diversify, size)
    if pinned:
        there = [row for row in rows.tolist() if row in pinned]
        arranged = with_pins([*shown, *there], pins)[:size]
        places = {row: place for place, row in enumerate(rows.tolist(), start=1)}
        for place, row in enumerate(arranged, start=1):
            if row in pinned and places[row] != place:
                moves.setdefault(row, []).append(f"pin: {places[row]} -> {place}")
        shown = arranged
    return shown, moves


def guard(natural: list[int], shown: list[int], seen: Mask, moves: dict[int, list[str]]) -> list[int]:
    """The stateless best hit, if unseen, takes the last place of a page that the session kept it off."""
    if not natural or seen[natural[0]] or natural[0] in shown:
        return shown
    moves[natural[0]] = [f"{GUARD}: - -> {len(shown)}"]
    return [*shown[:-1], natural[0]]


def stateless_ranks(natural: list[int], rows: Longs) -> Longs:
    """[n] 1-based: the stateless page, then everyone else by stateless score."""
    ranks = np.empty(len(rows), dtype=np.int64)
    on_page = np.zeros(len(rows), dtype=np.bool_)
    on_page[natural] = True
    rest = rows[~on_page[rows]]
    ranks[natural] = np.arange(1, len(natural) + 1)
    ranks[rest] = np.arange(len(natural) + 1, len(rows) + 1)
    return ranks


def stubs_of(natural: list[int], shown: list[int], given: SignalInput) -> tuple[Stub, ...]:
    """Seen documents of the stateless page that are not on the page, best first: at most max_results."""
    there, records = set(shown), given.exposure.records
    return tuple(
        Stub(given.evidence.ids[row], records[row].seq, place)
        for place, row in enumerate(natural, start=1)
        if row not in there and given.exposure.seen[row]
    )


def notices(natural: list[int], shown: list[int], given: SignalInput) -> tuple[Notice, ...]:
    """What the session and the weights did that a reader should know."""
    told: list[Notice] = []
    set_aside = [name for name in stood_in(given.params) if given.params.weights[name]]
    if set_aside:
        message = f"retrievers are fused, so `fused` stands in for {' and '.join(set_aside)}"
        told.append(Notice("weights_stood_in", f"{message}; name `fused` in weights to weigh all three"))
    if given.params.diversify.method == "mmr" and given.evidence.vectors is None and given.size:
        told.append(
            Notice("mmr_without_vectors", "MMR needs vectors and the collection has none: nothing was moved by it")
        )
    places = {row: place for place, row in enumerate(shown)}
    moved = [
        row
        for place, row in enumerate(natural)
        if given.exposure.seen[row] and places.get(row, len(natural) + 1) > place
    ]
    if moved:
        many = f"{len(moved)} results" if len(moved) > 1 else "1 result"
        if given.params.session.seen == "drop":
            empty = "" if given.params.session.fill else "; fill: false leaves their places empty"
            told.append(Notice("seen_dropped", f"{many} you were shown before left out{empty}"))
        else:
            were = "were" if len(moved) > 1 else "was"
            told.append(Notice("seen_demoted", f"{many} you were shown before {were} moved down"))
    return tuple(told)


# ---------------------------------------------------------------- the account of a score


@dataclass(frozen=True, slots=True)
class Account:
    """Writes down candidates as Scored: only for those that someone will read."""

    given: SignalInput
    signals: Signals
    sheet: Sheet
    ranks: Longs
    moves: Mapping[int, list[str]]

    def of(self, rows: list[int]) -> list[Scored]:
        """In the order of `rows`."""
        names, exposure = self.signals.names, self.given.exposure
        values = self.signals.values[:, rows].T.tolist()
        parts = self.sheet.parts
        contributions = [part[rows].tolist() for part in parts.values()]
        seen = self.given.exposure.seen
        scores, ranks = self.sheet.score[rows].tolist(), self.ranks[rows].tolist()
        absent = [(name, mask) for name, mask in zip(names, self.signals.missing, strict=True) if mask is not None]
        return [
            Scored(
                id=self.given.evidence.ids[row],
                row=row,
                score=scores[place],
                stateless_rank=ranks[place],
                signals=dict(zip(names, values[place], strict=True)) | signals_of(self.sheet.opinions, row),
                signals_missing=tuple(name for name, mask in absent if mask[row]),
                contributions={
                    name: column[place]
                    for name, column in zip(parts, contributions, strict=True)
                    if column[place] or name in self.signals.names or (name == SEEN_ENTRY and seen[row])
                },
                moves=(*self.sheet.notes.get(row, ()), *self.moves.get(row, ())),
                seen=self._mark(row),
                updated=row in exposure.records and bool(exposure.updated[row]),
            )
            for place, row in enumerate(rows)
        ]

    def _mark(self, row: int) -> SeenMark | None:
        session = self.given.session
        if not session.seen and not session.others:
            return None
        return mark_of(row, self.given.evidence.ids[row], self.given.exposure, session)
