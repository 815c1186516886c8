"""The body of a search: given a plan, evidence, params and a session's state, returns the explained order.

Pure and deterministic: the same input gives an equal Ranking, and the order of candidates in the evidence does not
matter. `Ranking.scored` is the head of the list by (-score, id): as long as a page, and SCORED_KEPT longer when
`explain` is set. Not for recall (ports.SearchIndex), for fetching what is shown, or for timing (`stages` is empty).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ranking.certificate import exact
from ranking.constants import SCORED_KEPT
from ranking.diversify import arrange
from ranking.errors import UnsupportedError
from ranking.params import Params
from ranking.seen import demotion, mark_of
from ranking.signals.catalogue import Signals, compute
from ranking.signals.input import SignalInput, rows_by_id
from ranking.types import Doubles, Evidence, Longs, Mask, Notice, Plan, Ranking, Scored, SeenMark, SessionState, Stub
from ranking.weights import catalogue_of, resolve_weights, stood_in

SEEN_ENTRY = "seen"
"""Key of the demotion in `contributions`; a weight on the signal `seen` is added to it."""


def rank(plan: Plan, evidence: Evidence, params: Params, session: SessionState, now: float) -> Ranking:
    """Signals -> scores -> seen -> order -> page and stubs -> account. `now` is epoch seconds.

    Raises ParamsError for unknown names, UnsupportedError for what this version does not execute, SignalError for a
    defect of a signal.
    """
    refuse_reserved(params)
    if params.session.seen == "off":
        session = SessionState()
    given = SignalInput(plan, evidence, session, now, params)
    weights = resolve_weights(params, plan)
    signals = compute_signals(given, weights)
    sheet = score(signals, weights, given)
    order = by_score(sheet.score, evidence.ids)
    before = order if sheet.stateless is sheet.score else by_score(sheet.stateless, evidence.ids)
    natural, shown, moves = pages(before, order, sheet, given)
    unseen = int((~given.exposure.seen).sum())
    stubs = stubs_of(natural, shown, given)
    ranks = stateless_ranks(natural, before)
    account = Account(given, signals, sheet, ranks, moves)
    best = order[: params.max_results + (SCORED_KEPT if params.explain else 0)].tolist()
    wanted = list(dict.fromkeys([*shown, *best]))
    scored = dict(zip(wanted, account.of(wanted), strict=True))
    return Ranking(
        page=tuple(scored[row] for row in shown),
        scored=tuple(scored[row] for row in best),
        stubs=stubs,
        exact=exact(plan, params, evidence, signals.column("bm25")),
        exhausted=unseen < params.max_results,
        unseen=unseen,
        notices=notices(natural, shown, given),
    )


def refuse_reserved(params: Params) -> None:
    """Names of the contract that nothing here executes are refused, never ignored."""
    for name, sent in (("score", params.score), ("rules", params.rules), ("rerank", params.rerank)):
        if sent:
            raise UnsupportedError(
                f"{name} is not executed by this version", path=f"$.{name}", hint=f"leave {name} out"
            )


# ---------------------------------------------------------------- scores


@dataclass(frozen=True, slots=True)
class Sheet:
    """How each score comes about: score = contributions summed over signals + demotion."""

    contributions: Doubles  # [S, n] weight x signal
    demotion: Doubles | None  # [n], at most 0
    stateless: Doubles  # [n] without anything a session did; the same array as `score` when it did nothing
    score: Doubles  # [n]


def compute_signals(given: SignalInput, weights: Mapping[str, float]) -> Signals:
    """The signals that weigh something, or all of them when they are to be explained."""
    specs = catalogue_of(given.params)
    return compute(given, [spec for name, spec in specs.items() if given.params.explain or weights[name]])


def score(signals: Signals, weights: Mapping[str, float], given: SignalInput) -> Sheet:
    """Sum of weight x signal, then the seen mode."""
    contributions = signals.values * np.array([weights[name] for name in signals.names], dtype=np.float64)[:, None]
    plain = contributions.sum(axis=0)
    specs = catalogue_of(given.params)
    sessional = [specs[name].of_session and weights[name] != 0 for name in signals.names]
    stateless = contributions[~np.array(sessional)].sum(axis=0) if any(sessional) else plain
    change = demotion(plain, given.exposure, given.evidence, given.params.session) if given.size else None
    return Sheet(contributions, change, stateless, plain if change is None else plain + change)


def by_score(scores: Doubles, ids: Sequence[str]) -> Longs:
    """[n] rows by (-score, id)."""
    by_id = rows_by_id(ids)
    return by_id[np.argsort(-scores[by_id], kind="stable")]


# ---------------------------------------------------------------- places


def pages(
    before: Longs, order: Longs, sheet: Sheet, given: SignalInput
) -> tuple[list[int], list[int], dict[int, list[str]]]:
    """The page a stateless call would show, the page to show, and the moves on the latter. `before` and `order` are
    the rows by stateless score and by score."""
    diversify, size, seen = given.params.diversify, given.params.max_results, given.exposure.seen
    dropping = given.params.session.seen == "drop" and seen.any() and not seen.all()
    if before is order and not dropping:
        shown, moves = arrange(order, sheet.score, given.evidence, diversify, size)
        return shown, shown, moves
    natural, _ = arrange(before, sheet.stateless, given.evidence, diversify, size)
    eligible = order[~seen[order]] if dropping else order
    shown, moves = arrange(eligible, sheet.score, given.evidence, diversify, size)
    return natural, guard(natural, shown, seen, moves), moves


def guard(natural: list[int], shown: list[int], seen: Mask, moves: dict[int, list[str]]) -> list[int]:
    """The stateless best hit, if unseen, takes the last place of a page that the session kept it off."""
    if not natural or seen[natural[0]] or natural[0] in shown:
        return shown
    moves[natural[0]] = [f"guard: - -> {len(shown)}"]
    return [*shown[:-1], natural[0]]


def stateless_ranks(natural: list[int], order: Longs) -> Longs:
    """[n] 1-based: the stateless page, then everyone else by stateless score."""
    ranks = np.empty(len(order), dtype=np.int64)
    on_page = np.zeros(len(order), dtype=np.bool_)
    on_page[natural] = True
    rest = order[~on_page[order]]
    ranks[natural] = np.arange(1, len(natural) + 1)
    ranks[rest] = np.arange(len(natural) + 1, len(order) + 1)
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
        message = f"fuse.method is {given.params.fuse.method}, so `fused` stands in for {' and '.join(set_aside)}"
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
            told.append(Notice("seen_dropped", f"{many} you were shown before left out"))
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
        contributions = self.sheet.contributions[:, rows].T.tolist()
        scores, ranks = self.sheet.score[rows].tolist(), self.ranks[rows].tolist()
        absent = [(name, mask) for name, mask in zip(names, self.signals.missing, strict=True) if mask is not None]
        return [
            Scored(
                id=self.given.evidence.ids[row],
                row=row,
                score=scores[place],
                stateless_rank=ranks[place],
                signals=dict(zip(names, values[place], strict=True)),
                signals_missing=tuple(name for name, mask in absent if mask[row]),
                contributions=self._contributions(row, dict(zip(names, contributions[place], strict=True))),
                moves=tuple(self.moves.get(row, ())),
                seen=self._mark(row),
                updated=row in exposure.records and bool(exposure.updated[row]),
            )
            for place, row in enumerate(rows)
        ]

    def _contributions(self, row: int, weighed: dict[str, float]) -> dict[str, float]:
        if self.sheet.demotion is not None and self.given.exposure.seen[row]:
            weighed[SEEN_ENTRY] = weighed.get(SEEN_ENTRY, 0.0) + float(self.sheet.demotion[row])
        return weighed

    def _mark(self, row: int) -> SeenMark | None:
        session = self.given.session
        if not session.seen and not session.others:
            return None
        return mark_of(row, self.given.evidence.ids[row], self.given.exposure, session)
