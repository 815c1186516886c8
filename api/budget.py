"""A budget of time: given a request and what its plan would cost, returns a cheaper request that fits, before anything
is searched.

Costs are predicted by fixed rates (constants.py), so that the same request gives the same answer on every machine and
day; nothing is measured. What was given up is named, and `resolved` shows the request that ran. A budget of postings is
kept by the plan itself (ranking/plan.py). Not for stopping what runs already: tantivy and faiss cannot be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from api.requests import SearchRequest
from ranking.constants import (
    CANDIDATE_MICROSECONDS,
    EMBEDDING_MICROSECONDS,
    OPINION_MICROSECONDS,
    PASSAGE_NANOSECONDS,
    POSTING_NANOSECONDS,
    SEARCH_MICROSECONDS,
)
from ranking.params import Bm25Retriever
from ranking.text import tokenize
from ranking.types import Plan

Change = Callable[[SearchRequest], SearchRequest]


def predicted_ms(request: SearchRequest, plan: Plan) -> float:
    """CPU of the whole search: fixed part, embedding, postings, vectors, evidence on the candidates, opinions."""
    dense = sum(retriever.type == "dense" for retriever in plan.retrievers)
    embedded = len(tokenize(request.query)) + 2 if dense and not _sent(request) else 0
    candidates = sum(retriever.k for retriever in plan.retrievers)
    candidates = min(candidates, max(plan.statistics.documents, 1))
    opinions = sum(OPINION_MICROSECONDS[stage.type] * min(stage.depth, candidates) for stage in request.rerank)
    return (
        SEARCH_MICROSECONDS / 1e3
        + embedded * EMBEDDING_MICROSECONDS / 1e3
        + plan.postings * POSTING_NANOSECONDS / 1e6
        + dense * plan.statistics.passages * PASSAGE_NANOSECONDS / 1e6
        + candidates * CANDIDATE_MICROSECONDS / 1e3
        + opinions / 1e3
    )


def _sent(request: SearchRequest) -> bool:
    return any(getattr(retriever, "vector", None) is not None for retriever in request.retrieve)


def cheaper(request: SearchRequest) -> list[tuple[str, SearchRequest]]:
    """Requests that cost less and less, each with the name of what it gives up beyond those before it."""
    steps: list[tuple[str, SearchRequest]] = []
    for name, change in _STEPS:
        changed = change(request)
        if changed != request:
            steps.append((name, changed))
            request = changed
    return steps


def _without_rerank(request: SearchRequest) -> SearchRequest:
    return request.model_copy(update={"rerank": ()})


def _fast(request: SearchRequest) -> SearchRequest:
    return request.model_copy(update={"precision": "fast"})


def _without_dense(request: SearchRequest) -> SearchRequest:
    """Words alone, if the request has any retriever of words: no vector is computed, and none is searched."""
    kept = tuple(retriever for retriever in request.retrieve if retriever.type != "dense")
    if not kept or len(kept) == len(request.retrieve):
        return request
    return request.model_copy(update={"retrieve": kept, "weights": {**request.weights, "dense": 0.0}})


def _shallow(request: SearchRequest) -> SearchRequest:
    """As many candidates as the page is long, times two."""
    depth = 2 * request.max_results
    kept = tuple(retriever.model_copy(update={"k": min(retriever.k, depth)}) for retriever in request.retrieve)
    return request.model_copy(update={"retrieve": kept})


def _rare_words(request: SearchRequest) -> SearchRequest:
    """The rarest word of the query, and as many more as cost nothing much."""
    kept = tuple(
        retriever.model_copy(
            update={"terms": retriever.terms.model_copy(update={"max_postings": 1_000, "min_keep": 1})}
        )
        if isinstance(retriever, Bm25Retriever)
        else retriever
        for retriever in request.retrieve
    )
    return request.model_copy(update={"retrieve": kept})


_STEPS: Final[tuple[tuple[str, Change], ...]] = (
    ("rerank", _without_rerank),
    ("precision", _fast),
    ("dense", _without_dense),
    ("depth", _shallow),
    ("terms", _rare_words),
)
