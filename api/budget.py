"""A budget of time: given a request and what its plan would cost, returns a cheaper request that fits, before anything
is searched.

Costs are predicted by fixed rates (constants.py), so that the same request gives the same answer on every machine and
day; nothing is measured. What was given up is named; `resolved` shows the request as it was asked, so that it can be
sent again with more time. A budget of postings is kept by the plan itself (ranking/plan.py). Not for stopping what runs
already: tantivy and faiss cannot be.
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
from ranking.params import Bm25Retriever, DenseRetriever
from ranking.signals.catalogue import RANK_PREFIX
from ranking.text import tokenize
from ranking.types import Plan
from ranking.weights import relevance_of, score_of

Change = Callable[[SearchRequest], SearchRequest]

MARKS: Final = 2
"""Tokens that a model puts around a text."""

WITHOUT_DENSE: Final = "dense"
"""The step that needs no vector of the query any more."""

FEW_POSTINGS: Final = 1_000
"""What the words beside the rarest may cost when time is short: some microseconds."""


def predicted_ms(request: SearchRequest, plan: Plan) -> float:
    """CPU of the whole search: fixed part, embedding, postings, vectors, evidence on the candidates, opinions."""
    dense = sum(retriever.type == "dense" for retriever in plan.retrievers)
    embedded = 0 if plan.vector is None or sends_vector(request) else len(tokenize(request.query)) + MARKS
    candidates = sum(retriever.k for retriever in plan.retrievers)
    candidates = min(candidates, max(plan.statistics.documents, 1))
    opinions = sum(OPINION_MICROSECONDS[stage.type] * min(stage.depth, candidates) for stage in request.rerank)
    return (
        SEARCH_MICROSECONDS / 1e3
        + embedded * EMBEDDING_MICROSECONDS / 1e3
        + recall_ms(plan.postings, dense * plan.statistics.passages)
        + candidates * CANDIDATE_MICROSECONDS / 1e3
        + opinions / 1e3
    )


def recall_ms(postings: int, passages: int = 0) -> float:
    """CPU of reading so many postings and so many passages' vectors."""
    return (postings * POSTING_NANOSECONDS + passages * PASSAGE_NANOSECONDS) / 1e6


def sends_vector(request: SearchRequest) -> bool:
    """Whether the request brings the query's vector, so that none is computed."""
    return any(isinstance(one, DenseRetriever) and one.vector is not None for one in request.retrieve)


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
    """Words alone, if the request has any retriever of words: no vector is computed, and none is searched. The weights
    of what is left out go with it, as `resolved` names them all; an order that reads its ranks otherwise needs it."""
    kept = tuple(retriever for retriever in request.retrieve if retriever.type != "dense")
    gone = {retriever.name for retriever in request.retrieve if retriever.type == "dense"}
    ranks = {f"{RANK_PREFIX}{name}" for name in gone}
    if not kept or not gone or ranks & _read_by_order(request):
        return request
    weights = {name: weight for name, weight in request.weights.items() if name not in ranks}
    fuse = request.fuse
    if fuse.weights is not None:
        left = {name: weight for name, weight in fuse.weights.items() if name not in gone}
        fuse = fuse.model_copy(update={"weights": left})
    return request.model_copy(update={"retrieve": kept, "weights": {**weights, "dense": 0.0}, "fuse": fuse})


def _read_by_order(request: SearchRequest) -> set[str]:
    """Signals that an expression reads, or MMR. Raises ParamsError as a search does."""
    expression, relevance = score_of(request), relevance_of(request)
    read = set() if expression is None else {call.name for call in expression.reads}
    return read if relevance is None else read | {relevance}


def _shallow(request: SearchRequest) -> SearchRequest:
    """As many candidates as the page is long, times two."""
    depth = 2 * request.max_results
    kept = tuple(retriever.model_copy(update={"k": min(retriever.k, depth)}) for retriever in request.retrieve)
    return request.model_copy(update={"retrieve": kept})


def _rare_words(request: SearchRequest) -> SearchRequest:
    """The rarest word of the query, and as many more as cost nothing much."""
    kept = tuple(
        retriever.model_copy(
            update={"terms": retriever.terms.model_copy(update={"max_postings": FEW_POSTINGS, "min_keep": 1})}
        )
        if isinstance(retriever, Bm25Retriever)
        else retriever
        for retriever in request.retrieve
    )
    return request.model_copy(update={"retrieve": kept})


_STEPS: Final[tuple[tuple[str, Change], ...]] = (
    ("rerank", _without_rerank),
    ("precision", _fast),
    (WITHOUT_DENSE, _without_dense),
    ("depth", _shallow),
    ("terms", _rare_words),
)
