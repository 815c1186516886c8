"""The certificate `query.exact`: given a plan, its evidence and bm25, returns True when no document outside the
candidates can belong to the lexical top of the page, and None when that cannot be told. Never False.

A document that recall did not return holds no more of the kept terms than recall's floor, and of each dropped term at
most its saturation, idf (k1 + 1). When the last result of the lexical page has at least that, the page is proven
(ranking anchors 3.5). Not for dense retrieval, and not for parameters that recall does not know.
"""

from __future__ import annotations

import numpy as np

from ranking.params import FIELD_WEIGHTS, Bm25Retriever, Params
from ranking.retriever_params import RECALL_B, RECALL_K1
from ranking.types import Doubles, Evidence, Plan, PlannedTerm


def exact(plan: Plan, params: Params, evidence: Evidence, bm25: Doubles | None) -> bool | None:
    """`bm25`: the signal's column, [n] in [0, 1]; None when it was not computed.

    True when the best `max_results` by bm25 among all documents that satisfy the condition are candidates.
    """
    retriever = next((one for one in params.retrieve if isinstance(one, Bm25Retriever)), None)
    if retriever is None or bm25 is None or not _as_recall_scores(retriever):
        return None
    if evidence.size >= evidence.allowed:
        return True  # every document that may be returned is a candidate
    scale = sum(_most(planned) for planned in plan.terms if planned.scored)
    if not scale > 0 or evidence.size < params.max_results:
        return None
    found = evidence.ranks[retriever.name] > 0 if retriever.name in evidence.ranks else np.zeros(evidence.size, bool)
    dropped = sum(
        _most(planned) for planned in plan.terms if planned.scored and not planned.kept and planned.statistics.df
    )
    floor = 0.0
    if int(found.sum()) >= _depth(plan, retriever):
        known = evidence.floors.get(retriever.name)
        if known is None:
            return None
        floor = known * _merging(retriever)
    last = float(np.partition(bm25, evidence.size - params.max_results)[evidence.size - params.max_results])
    return True if last * scale >= floor + dropped else None


def _as_recall_scores(retriever: Bm25Retriever) -> bool:
    """Whether recall orders by the parameters that the signal scores with: tantivy's k1 and b, and field weights as
    they come (the defaults, or 1 each)."""
    standard = retriever.fields == FIELD_WEIGHTS or all(weight == 1.0 for weight in retriever.fields.values())
    return retriever.k1 == RECALL_K1 and retriever.b == RECALL_B and standard


def _most(planned: PlannedTerm) -> float:
    """The most that a term can add to BM25."""
    return max(0.0, planned.idf * planned.term.boost) * (RECALL_K1 + 1.0)


def _merging(retriever: Bm25Retriever) -> float:
    """BM25F of a document is at most this times the weighted sum of its fields' BM25: saturation is concave, so
    merged fields never exceed their sum, and a weight w below 1 shrinks the sum by w but BM25F by less."""
    return max(max(1.0, 1.0 / weight) for weight in retriever.fields.values())


def _depth(plan: Plan, retriever: Bm25Retriever) -> int:
    return next(planned.k for planned in plan.retrievers if planned.name == retriever.name)
