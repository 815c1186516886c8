"""Why a document is where it is: given a request and one document, in the results or not, returns its rank, the account
of its score, the stage that lost it, and what would bring it up.

The document is made a candidate whatever the retrievers found, so its signals are known; when a filter keeps it out,
the same search without conditions tells its signals, and every condition is tried on it alone. Stateless: sessions are
not asked. Not for the sums themselves (ranking/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from api import answers
from api.opened.conditions import Failed, conditions
from api.opened.opinions import OpinionReader
from api.opened.requests import ExplainRequest
from api.preparing import Prepared
from api.search import degraded_by, given_up, resolve
from indexer.rerankers.registry import Rerankers
from ranking.counterfactuals import WeightChange, weight_changes
from ranking.explain import bm25_weight, term_table
from ranking.params import Params
from ranking.pipeline import Ordered, order, page_of
from ranking.ports import SearchIndex
from ranking.types import Evidence, SessionState
from ranking.weights import resolve_weights

SHOWN_CHANGES: Final = 8
"""Counterfactuals that are checked and shown: a search each."""

SIGNIFICANT: Final = 4
"""Digits of a suggested weight, where they suffice."""


def explain(
    request: ExplainRequest,
    document: str,
    prepared: Prepared,
    index: SearchIndex,
    rerankers: Rerankers,
    now: float,
) -> dict[str, Any]:
    """`document` is an id that the index holds; `prepared` was made of the request with `explain`, which has every
    signal computed."""
    params = prepared.request
    plan = replace(prepared.plan, include=(document,))
    evidence = index.recall(plan)
    failed: tuple[Failed, ...] = ()
    if document not in evidence.ids:
        named = conditions(prepared)
        plan = replace(plan, condition=None, probes=(*plan.probes, *named))
        evidence = index.recall(plan)
        failed = tuple(
            name
            for name, holds in zip(named.values(), _tried(evidence, document, len(named)), strict=True)
            if not holds
        )
        plan = replace(plan, probes=plan.probes[: len(plan.probes) - len(named)])
        probes = None if evidence.probes is None else evidence.probes[: len(plan.probes)]
        evidence = replace(evidence, probes=probes)
    opinions = OpinionReader(rerankers, plan, evidence, index) if params.rerank else None
    ordered = order(plan, evidence, params, SessionState(), now, opinions, prepared.rules)
    ranking = page_of(ordered)
    row = evidence.ids.index(document)
    place = ordered.rank_of(row)
    page = [scored.id for scored in ranking.page]
    found_by = {name: int(ranks[row]) for name, ranks in evidence.ranks.items() if ranks[row]}
    lost_at = _lost_at(failed, found_by, document, page, place, params)
    scored = ordered.account([row])[0]
    target = request.target_rank or min(params.max_results, max(place - 1, 1))
    resolved = resolve(request, plan, prepared.rules)
    return {
        "document": document,
        "rank": None if lost_at in ("filter", "recall") else place,
        "rank_if_found": place,
        "page_rank": page.index(document) + 1 if document in page and not failed else None,
        "score": scored.score,
        "lost_at": lost_at,
        "failed": [{"text": one.text, "kind": one.kind} for one in failed],
        "found_by": found_by,
        "signals": dict(scored.signals),
        "signals_missing": list(scored.signals_missing),
        "contributions": dict(scored.contributions),
        "moves": list(scored.moves),
        "terms": term_table(plan, evidence, params, row, bm25_weight(scored)),
        "terms_missing": answers.missing_terms(plan, evidence, [row])[0],
        "target_rank": target,
        "ahead": _ahead(ordered, evidence, place),
        "counterfactuals": [_without(failed, place)]
        if failed
        else _counterfactuals(ordered, prepared, row, target, opinions),
        "query": answers.query_report(plan, prepared.query.operators, evidence.operator_matches, ranking.exact),
        "resolved": {name: value for name, value in resolved.items() if name not in ("document", "target_rank")},
        "degraded": [*evidence.degraded, *degraded_by(prepared)],
        "generation": index.statistics.generation,
        "notices": answers.notices(prepared.query.notices, prepared.notices, ranking.notices, given_up(prepared)),
    }


def _tried(evidence: Evidence, document: str, many: int) -> list[bool]:
    assert evidence.probes is not None
    row = evidence.ids.index(document)
    truth: list[bool] = evidence.probes[len(evidence.probes) - many :, row].tolist()
    return truth


def _lost_at(
    failed: Sequence[Failed],
    found_by: Mapping[str, int],
    document: str,
    page: Sequence[str],
    place: int,
    params: Params,
) -> str | None:
    """The first stage at which the document is out; None when it is on the page."""
    if failed:
        return "filter"
    if document in page:
        return None
    if not found_by:
        return "recall"
    return "diversify" if place <= params.max_results else "rank"


def _ahead(ordered: Ordered, evidence: Evidence, place: int) -> list[dict[str, Any]]:
    """The candidate right before it, and by what it leads: the parts of the score, greatest difference first."""
    if place < 2:
        return []
    mine, other = ordered.account([int(ordered.order[place - 1]), int(ordered.order[place - 2])])
    names = dict.fromkeys((*mine.contributions, *other.contributions))
    lead = {name: other.contributions.get(name, 0.0) - mine.contributions.get(name, 0.0) for name in names}
    ranked = sorted(lead, key=lambda name: (-abs(lead[name]), name))
    return [
        {
            "rank": place - 1,
            "id": other.id,
            "score": other.score,
            "leads_by": {name: lead[name] for name in ranked if lead[name]},
        }
    ]


# ---------------------------------------------------------------- counterfactuals


def _without(failed: Sequence[Failed], place: int) -> dict[str, Any]:
    """No weight brings in what a condition keeps out: its rank without those that it fails."""
    return {"change": {"without": [one.text for one in failed]}, "rank": place}


def _counterfactuals(
    ordered: Ordered, prepared: Prepared, row: int, target: int, opinions: OpinionReader | None
) -> list[dict[str, Any]]:
    """Single weights that bring the document to the target rank, each checked by ranking again with it."""
    given = ordered.given
    params, plan, evidence = given.params, given.plan, given.evidence
    if params.score is not None or ordered.rank_of(row) <= target:
        return []
    weights = resolve_weights(params, plan)
    changes = weight_changes(ordered.signals, weights, ordered.sheet.score, row, target, evidence.ids)
    told = []
    for change in changes[:SHOWN_CHANGES]:
        for weight in _rounded(change):
            tried = params.model_copy(update={"weights": {**params.weights, change.signal: weight}})
            again = order(plan, evidence, tried, SessionState(), given.now, opinions, prepared.rules)
            place = again.rank_of(row)
            if place <= target:
                told.append({"change": {"weights": {change.signal: weight}}, "from": change.before, "rank": place})
                break
    return told


def _rounded(change: WeightChange) -> list[float]:
    """The weight in few digits, away from where it was; and as it is."""
    short = float(f"{change.weight:.{SIGNIFICANT}g}")
    step = 10.0 ** (np.floor(np.log10(abs(short) or 1.0)) - SIGNIFICANT + 1)
    away = short + (step if change.weight > change.before else -step)
    return [short, float(f"{away:.{SIGNIFICANT}g}"), change.weight]
