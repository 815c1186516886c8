"""What is likely whatever is asked: given a goal, or pages that were cited or opened, returns the documents that a
search for them alone finds best, and the words it searched with.

The search has the settings of the request that wants to know, less what belongs to that one query, and it is stateless:
so equal goals hold the same for likely, in any session. Not for how much of it a query gets (ranking/profile.py), nor
for keeping it (profile.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from api.embeddings import QueryVectors
from api.preparing import Prepared, Stopwatch, prepare
from api.requests import SearchRequest
from ranking.constants import FEEDBACK_PASSAGES, FEEDBACK_WORDS
from ranking.errors import ForageError
from ranking.feedback import feedback_words
from ranking.params import Bm25Retriever, DenseRetriever, Params
from ranking.pipeline import Ordered, order
from ranking.plan import plan as make_plan
from ranking.ports import SearchIndex
from ranking.profile import gains_of
from ranking.types import Floats, Plan, Query, ScoredTerm, SessionState
from ranking.weights import FUSED, FUSED_FROM, resolve_weights

_PLAIN: Final = SearchRequest(query="-")

_OF_ONE_CALL: Final = (
    "query", "generation", "session_id", "request_id", "reader", "branch", "objective", "why", "profile", "facets",
    "explain", "diversify", "session", "content", "effort",
)  # fmt: skip
"""Fields that change no order of a stateless search, and the query."""

_OF_ONE_QUERY: Final = ("rerank", "rules", "expand", "budget")
"""Fields that change it, and are meant for the query they came with."""


@dataclass(frozen=True, slots=True)
class Likely:
    """`gains` by document (profile.gains_of); `words` with idf x boost."""

    gains: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, float] = field(default_factory=dict)


def neutral(request: SearchRequest, plan: Plan) -> SearchRequest:
    """The request without what is of one call or one query: equal for all queries of a session, as a rule, and for a
    request and its `resolved`. `plan`: of its query."""
    kept = tuple(
        retriever.model_copy(update={"vector": None}) if isinstance(retriever, DenseRetriever) else retriever
        for retriever in request.retrieve
        if isinstance(retriever, Bm25Retriever | DenseRetriever)
    )
    changes: dict[str, Any] = {name: getattr(_PLAIN, name) for name in (*_OF_ONE_CALL, *_OF_ONE_QUERY)}
    changes["retrieve"] = kept or Params().retrieve
    changes["weights"] = _own_weights(request, plan)
    if kept != request.retrieve:  # the expression may read a list that is not there
        changes["score"] = None
    return request.model_copy(update=changes)


def _own_weights(request: SearchRequest, plan: Plan) -> dict[str, float]:
    """The weights that this query would not have without the request's: what `resolved` fills in is of one query."""
    if not request.weights:
        return {}
    bare = resolve_weights(request.model_copy(update={"weights": {}}), plan)
    weights = resolve_weights(request, plan)
    own = {name: weight for name, weight in weights.items() if weight != bare.get(name)}
    if request.fuse.method != "linear" and own.keys() & set(FUSED_FROM):
        own[FUSED] = weights[FUSED]  # without it they would stand aside
    return own


def of_text(text: str, request: SearchRequest, index: SearchIndex, vectors: QueryVectors, now: float) -> Likely:
    """`request` is a neutral one. Nothing for a text that cannot be searched for."""
    try:
        asked = request.model_copy(update={"query": text})
        prepared = prepare(asked, index, vectors, Stopwatch())
        evidence = index.recall(prepared.plan)
        return of_order(prepared, order(prepared.plan, evidence, asked, SessionState(), now, rules=prepared.rules))
    except ForageError:
        return Likely()


def of_order(prepared: Prepared, ordered: Ordered) -> Likely:
    """Of a search that was run anyway."""
    return Likely(
        gains_of(ordered.given.evidence.ids, ordered.before, ordered.sheet.stateless), words_of(prepared.plan)
    )


def tells(prepared: Prepared) -> bool:
    """Whether `of_order` of this search is what `of_text` of its text would be."""
    request = prepared.asked
    same = all(getattr(request, name) == getattr(_PLAIN, name) for name in (*_OF_ONE_QUERY, "why", "effort"))
    return same and neutral(request, prepared.plan).retrieve == request.retrieve


def of_pages(
    mass: Mapping[str, float], request: SearchRequest, index: SearchIndex, session: SessionState, now: float
) -> Likely:
    """Of pages with their parts of the feedback: the words that set apart the passage that was cited or opened of them,
    else those that were shown, or that they begin with; and the mean of those passages' vectors."""
    passages = [(document, ordinal) for document in mass for ordinal in _read(document, index, session)]
    texts = [passage.text for passage in index.fetch_passages(passages)]
    weights = [mass[document] for document, _ in passages]
    words = feedback_words(texts, weights, (), index.statistics, index.term_statistics, FEEDBACK_WORDS, weight=0.5)
    if not words:
        return Likely()
    most = max(boost for _, boost in words)
    terms = tuple(ScoredTerm(word, boost / most) for word, boost in words)
    query = Query(" ".join(term.token for term in terms), terms, (), None, (), "")
    vector = _mean(index, passages, weights)
    plan = make_plan(query, request, index.statistics, index.term_statistics, vector)
    ordered = order(plan, index.recall(plan), request, SessionState(), now)
    return Likely(gains_of(ordered.given.evidence.ids, ordered.order, ordered.sheet.score), words_of(plan))


def words_of(plan: Plan) -> dict[str, float]:
    """The words that score, with idf x boost; nothing that was added to the query."""
    return {
        planned.term.token: planned.idf * planned.term.boost
        for planned in plan.terms
        if planned.scored and planned.idf > 0 and planned.term.source == "query"
    }


def _read(document: str, index: SearchIndex, session: SessionState) -> list[int]:
    """Ordinal of the passage that was said something of, or those that the reader was shown, or the first ones; at most
    FEEDBACK_PASSAGES. Of a page whose content changed since it was shown, the first ones: places moved."""
    (stored,) = index.fetch([document])
    record = session.seen.get(document)
    same = record is None or record.content_hash == stored.document.content_hash
    named = said_of(session, document)
    if named is not None and named < stored.passages and same:
        return [named]
    shown = sorted(record.passages) if record and same else []
    there = [ordinal for ordinal in shown or range(stored.passages) if ordinal < stored.passages]
    return there[:FEEDBACK_PASSAGES]


def said_of(session: SessionState, document: str) -> int | None:
    """The passage that the latest word on a document was about."""
    return next((mark.passage for mark in session.marks if mark.document == document), None)


def _mean(index: SearchIndex, passages: list[tuple[str, int]], weights: list[float]) -> Floats | None:
    """[d] at unit length; None without vectors."""
    if not index.statistics.dimension or not passages:
        return None
    vectors = index.passage_vectors(passages).astype(np.float64)
    mean = (vectors * np.array(weights)[:, None]).sum(axis=0)
    length = float(np.sqrt((mean * mean).sum()))
    return (mean / length).astype(np.float32) if length > 0 else None
