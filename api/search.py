"""One search, start to end: given a validated request, an open index and a session's state, returns its outcome.

Reads as the list of steps of ARCHITECTURE.md's first walk. Not for sessions' storage (api/session_door.py) nor
for HTTP. The only clocks here are the caller's `now` and the stopwatch of the trace.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from api import answers
from api.answers import Hit
from api.embeddings import QueryVectors
from api.errors import InvalidRequestError
from api.requests import SearchRequest
from ranking.constants import PASSAGE_NANOSECONDS, POSTING_NANOSECONDS
from ranking.params import DenseRetriever, Params
from ranking.passages import ChosenPassage, choose_passages
from ranking.pipeline import rank
from ranking.plan import OVER_POSTINGS
from ranking.plan import plan as make_plan
from ranking.ports import SearchIndex
from ranking.query import parse
from ranking.shingles import shingles_of
from ranking.types import (
    Evidence,
    Floats,
    Notice,
    Passage,
    Plan,
    PlannedRetriever,
    Query,
    Ranking,
    SessionState,
    Shown,
    ShownPassage,
    Stage,
)
from ranking.weights import resendable, resolve_weights


class Stopwatch:
    """Collects the stages of a trace."""

    def __init__(self) -> None:
        self.started = self._last = time.perf_counter()
        self.stages: list[Stage] = []

    def lap(self, name: str, came: int = 0, went: int = 0) -> None:
        """Close a stage that began at the last lap."""
        now = time.perf_counter()
        self.stages.append(Stage(name, (now - self._last) * 1_000, came, went))
        self._last = now

    def inner(self, stages: tuple[Stage, ...]) -> None:
        """Add stages that a port timed itself."""
        self.stages.extend(stages)

    @property
    def total_ms(self) -> float:
        return (time.perf_counter() - self.started) * 1_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer without its session part, and what the session must record of it (nothing with `record: false`)."""

    body: dict[str, Any]
    shown: tuple[Shown, ...]
    generation: str
    resolved: dict[str, Any]
    ranking: Ranking


def prepare(
    request: SearchRequest, index: SearchIndex, vectors: QueryVectors | None, watch: Stopwatch
) -> tuple[Query, Plan, tuple[Notice, ...]]:
    """Query -> vector -> plan, with notices of what had to be left out."""
    query = parse(request.query)
    watch.lap("parse")
    vector, notices = query_vector(request, query, index, vectors)
    watch.lap("embed")
    plan = make_plan(query, request, index.statistics, index.term_statistics, vector)
    watch.lap("plan", len(query.terms), len(plan.terms))
    return query, plan, notices


def query_vector(
    request: SearchRequest, query: Query, index: SearchIndex, vectors: QueryVectors | None
) -> tuple[Floats | None, tuple[Notice, ...]]:
    """The vector that the request sent, or the one of the query's text; None when nothing would use it."""
    dense = [retriever for retriever in request.retrieve if isinstance(retriever, DenseRetriever)]
    sent = next((retriever.vector for retriever in dense if retriever.vector is not None), None)
    statistics = index.statistics
    if sent is not None:
        return client_vector(sent, statistics.dimension), ()
    if vectors is None or statistics.embedder is None or not statistics.passages or not query.meaning.strip():
        return None, ()
    if vectors.embedder.id != statistics.embedder:
        message = (
            f"vectors of this collection come from {statistics.embedder}, this server has {vectors.embedder.id}: "
            "the dense retriever was left out; rebuild with `forage index --rebuild` or set FORAGE_MODEL"
        )
        return None, (Notice("embedder_mismatch", message),)
    text = f"{request.why}\n{query.meaning}" if request.why else query.meaning
    return vectors.encode(text)[0], ()


def client_vector(sent: tuple[float, ...], dimension: int) -> Floats:
    """The client's vector at unit length; refused when it is of another size or zero."""
    import numpy as np

    vector = np.asarray(sent, dtype=np.float32)
    length = float(np.linalg.norm(vector))
    if vector.shape[0] != dimension or not length:
        raise InvalidRequestError(
            f"the query vector has {vector.shape[0]} numbers and length {length:g}; it needs {dimension}, not all 0",
            path="$.retrieve[].vector",
            hint="embed with the model that GET /v1/describe names",
        )
    return np.asarray(vector / length, dtype=np.float32)


def search(
    request: SearchRequest,
    index: SearchIndex,
    vectors: QueryVectors | None,
    session: SessionState,
    now: float,
) -> Outcome:
    """Parse, embed, plan, recall, rank, choose passages, fetch, write down."""
    watch = Stopwatch()
    query, plan, notices = prepare(request, index, vectors, watch)
    evidence = index.recall(plan)
    watch.lap("recall", 0, evidence.size)
    watch.inner(evidence.stages)
    ranking = rank(plan, evidence, request, session, now)
    watch.lap("rank", evidence.size, len(ranking.page))
    hits = assemble(ranking, plan, index, request, session)
    watch.lap("fetch", len(ranking.page), len(hits))
    resolved = resolve(request, plan)
    stub_ids = [stub.id for stub in ranking.stubs]
    stored = dict(zip(stub_ids, index.fetch(stub_ids), strict=True)) if stub_ids else {}
    hits = answers.trim(hits, request.content)
    results = answers.results(hits, evidence, plan, request.content, request.explain)
    degraded = [*evidence.degraded, *(notice.code for notice in notices), *cut_terms(request, plan)]
    body = {
        "request_id": request.request_id,
        "session_id": None,
        "generation": index.statistics.generation,
        "results": results,
        "stubs": answers.stubs(ranking, stored),
        "resolved": resolved,
        "query": answers.query_report(plan, query.operators, evidence.operator_matches, ranking.exact),
        "session": None,
        "follow_ups": [],
        "facets": {},
    }
    watch.lap("answer", len(hits), len(results))
    body["trace"] = answers.trace(watch.stages, watch.total_ms, plan.postings, degraded, request.explain)
    body["notices"] = answers.notices(
        query.notices, notices, ranking.notices, not_executed(request), emptied(plan, evidence, query, index)
    )
    shown = shown_of(hits) if request.session.record else ()
    return Outcome(body, shown, index.statistics.generation, resolved, ranking)


def not_executed(request: SearchRequest) -> tuple[Notice, ...]:
    """Fields of the contract that this version reads and does not act on: named, never silent."""
    sent = {
        "facets": bool(request.facets),
        "effort": request.effort != "standard",
        "budget.ms": request.budget.ms is not None,
        "budget.on_exceed": request.budget.on_exceed != "degrade",
    }
    names = [name for name, given in sent.items() if given]
    if not names:
        return ()
    return (Notice("not_executed", f"{', '.join(names)} had no effect: this version does not execute it"),)


def cut_terms(request: SearchRequest, plan: Plan) -> list[str]:
    """What a budget of postings cost: the name of the budget, when recall had to drop a term for it."""
    over = request.budget.postings is not None and any(term.why == OVER_POSTINGS for term in plan.terms)
    return ["budget.postings"] if over else []


def emptied(plan: Plan, evidence: Evidence, query: Query, index: SearchIndex) -> tuple[Notice, ...]:
    """When nothing satisfies the constraints: which operator or filter alone matches nothing."""
    if not index.statistics.documents:
        return (Notice("empty_collection", "the collection holds no documents yet"),)
    if evidence.allowed or plan.condition is None:
        return ()
    guilty = [
        operator.text
        for operator, matched in zip(query.operators, evidence.operator_matches, strict=False)
        if matched == 0 and operator.node is not None
    ]
    said = ", ".join(guilty) if guilty else "the operators and filters together"
    return (Notice("no_matches", f"nothing satisfies {said}; nothing was relaxed"),)


def assemble(
    ranking: Ranking, plan: Plan, index: SearchIndex, params: Params, session: SessionState
) -> tuple[Hit, ...]:
    """The page with its documents and passages."""
    ids = [scored.id for scored in ranking.page]
    if not ids:
        return ()
    stored = index.fetch(ids)
    chosen: list[tuple[ChosenPassage, ...]] = [() for _ in ids]
    if params.content.passages:
        chosen = [
            choose_passages(
                evidence,
                params.content.passages,
                None if scored.updated else session.seen.get(scored.id),
                params.session.seen,
            )
            for scored, evidence in zip(ranking.page, index.passage_evidence(plan, ids), strict=True)
        ]
    wanted = [(document, choice.ordinal) for document, choices in zip(ids, chosen, strict=True) for choice in choices]
    passages = {passage.id: passage for passage in index.fetch_passages(wanted)}
    return tuple(
        Hit(scored, document, shown_passages(scored.id, choices, passages))
        for scored, document, choices in zip(ranking.page, stored, chosen, strict=True)
    )


def shown_passages(
    document: str, choices: tuple[ChosenPassage, ...], passages: Mapping[str, Passage]
) -> tuple[ShownPassage, ...]:
    return tuple(
        ShownPassage(passages[f"{document}#{choice.ordinal}"], choice.score, choice.seen) for choice in choices
    )


def shown_of(hits: Sequence[Hit]) -> tuple[Shown, ...]:
    """What the session records of a page: the texts as they were cut."""
    hashed = iter(shingles_of([text for hit in hits for text in hit.texts]))
    return tuple(
        _shown(rank, hit, frozenset().union(*islice(hashed, len(hit.texts)))) for rank, hit in enumerate(hits, start=1)
    )


def _shown(rank: int, hit: Hit, hashed: frozenset[int]) -> Shown:
    scored, stored, document = hit.scored, hit.stored, hit.stored.document
    return Shown(
        document=document.id,
        url=document.url,
        title=document.title,
        rank=rank,
        score=scored.score,
        content_hash=document.content_hash,
        cluster=stored.cluster,
        passages=tuple(shown.passage.ordinal for shown in hit.passages),
        shingles=tuple(sorted(hashed)),
    )


def resolve(request: SearchRequest, plan: Plan) -> dict[str, Any]:
    """The whole request with every default filled in, itself a valid request. The retry key is left out: sent
    again it would replay this answer."""
    body = request.model_dump(mode="json", by_alias=True)
    body["weights"] = resendable(resolve_weights(request, plan), request)
    body["request_id"] = None
    return body


def dry_run(
    request: SearchRequest,
    query: Query,
    plan: Plan,
    index: SearchIndex,
    notices: tuple[Notice, ...],
    resolved: dict[str, Any],
) -> dict[str, Any]:
    """The answer of a dry run: `matches` is exact here, for the condition is counted and nothing is scored."""
    matches = index.count(plan.condition)
    counts = [-1 if operator.node is None else index.count(operator.node) for operator in query.operators]
    return {
        "resolved": resolved,
        "query": answers.query_report(plan, query.operators, counts, None),
        "stages": [
            {"name": f"recall.{retriever.name}", **predicted_cost(retriever, plan)} for retriever in plan.retrievers
        ],
        "matches": {"estimate": matches, "low": matches, "high": matches},
        "generation": index.statistics.generation,
        "notices": answers.notices(query.notices, notices),
    }


def predicted_cost(retriever: PlannedRetriever, plan: Plan) -> dict[str, Any]:
    """Postings, and milliseconds of CPU by the constants' rates: an order of magnitude, not a promise."""
    if retriever.type == "bm25":
        return {"postings": plan.postings, "ms": round(plan.postings * POSTING_NANOSECONDS / 1e6, 4)}
    passages = plan.statistics.passages if plan.vector is not None else 0
    return {"postings": 0, "ms": round(passages * PASSAGE_NANOSECONDS / 1e6, 4)}
