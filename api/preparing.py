"""From a request to a plan: given a validated request and an open index, returns the query, its plan and what had to be
left out. A dry run ends here; a search begins.

Not for running the plan (api/search.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from api.budget import cheaper, predicted_ms
from api.embeddings import QueryVectors
from api.errors import InvalidRequestError
from api.requests import SearchRequest
from api.surroundings import surroundings
from ranking.expand import Feedback
from ranking.params import DenseRetriever
from ranking.plan import plan as make_plan
from ranking.ports import SearchIndex
from ranking.query import parse
from ranking.retriever_plans import Surroundings
from ranking.types import Floats, Notice, Plan, Query, SessionState, Stage

Synonyms = Callable[[], Mapping[str, Sequence[str]]]
"""The collection's own, read when a request wants them."""


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
class Prepared:
    """`request` is the one that runs: the one that came, unless a budget made it cheaper. `asked` is the one that came;
    `degraded` names what was given up, `predicted_ms` what the plan will cost."""

    asked: SearchRequest
    request: SearchRequest
    query: Query
    plan: Plan
    around: Surroundings
    synonyms: Mapping[str, Sequence[str]]
    predicted_ms: float
    notices: tuple[Notice, ...] = ()
    degraded: tuple[str, ...] = ()
    feedback: Feedback = field(default=())

    def again(self, vector: Floats | None, feedback: Feedback) -> Prepared:
        """The same with the words and the vector of relevance feedback."""
        plan = _plan(self.request, self.query, vector, self.around, self.synonyms, feedback)
        return replace(self, plan=plan, feedback=feedback)


def prepare(
    request: SearchRequest,
    index: SearchIndex,
    vectors: QueryVectors | None,
    watch: Stopwatch,
    session: SessionState | None = None,
    synonyms: Synonyms | None = None,
    *,
    embed: bool = True,
) -> Prepared:
    """Query -> vector -> plan -> a plan within the budget. Without `embed` the vector is one that says nothing: enough
    to know what a search would do and cost."""
    query = parse(request.query)
    watch.lap("parse")
    encode, notices = query_vector(request, query, index, vectors, embed)
    vector = encode() if encode is not None else None
    watch.lap("embed")
    around = surroundings(request.retrieve, index, vectors, session or SessionState())
    own = synonyms() if synonyms is not None and request.expand.collection_synonyms else {}
    plan = _plan(request, query, vector, around, own)
    cost = predicted_ms(request, plan)
    ran, degraded = request, []
    if request.budget.ms is not None:
        for name, less in cheaper(request):
            if cost <= request.budget.ms:
                break
            ran, plan = less, _plan(less, query, vector, around, own)
            degraded.append(f"budget.ms:{name}")
            cost = predicted_ms(ran, plan)
    watch.lap("plan", len(query.terms), len(plan.terms))
    return Prepared(request, ran, query, plan, around, own, cost, notices, tuple(degraded))


def _plan(
    request: SearchRequest,
    query: Query,
    vector: Floats | None,
    around: Surroundings,
    synonyms: Mapping[str, Sequence[str]],
    feedback: Feedback = (),
) -> Plan:
    return make_plan(
        query, request, around.statistics, around.lookup, vector, around=around, synonyms=synonyms, feedback=feedback
    )


def query_vector(
    request: SearchRequest, query: Query, index: SearchIndex, vectors: QueryVectors | None, embed: bool = True
) -> tuple[Callable[[], Floats] | None, tuple[Notice, ...]]:
    """How to get the vector that the request sent, or the one of the query's text; None when nothing would use it."""
    dense = [
        (place, retriever)
        for place, retriever in enumerate(request.retrieve)
        if isinstance(retriever, DenseRetriever) and retriever.vector is not None
    ]
    statistics = index.statistics
    sent = [client_vector(one.vector or (), statistics.dimension, place) for place, one in dense]
    if sent:
        return partial(_given, sent[0]), ()
    if vectors is None or statistics.embedder is None or not statistics.passages or not query.meaning.strip():
        return None, ()
    if not embed:
        return partial(_nothing, statistics.dimension), ()
    if vectors.embedder.id != statistics.embedder:
        message = (
            f"vectors of this collection come from {statistics.embedder}, this server has {vectors.embedder.id}: "
            "the dense retriever was left out; rebuild with `forage index --rebuild` or set FORAGE_MODEL"
        )
        return None, (Notice("embedder_mismatch", message),)
    text = f"{request.why}\n{query.meaning}" if request.why else query.meaning
    return partial(_encoded, vectors, text), ()


def _given(vector: Floats) -> Floats:
    return vector


def _encoded(vectors: QueryVectors, text: str) -> Floats:
    return vectors.encode(text)[0]


def _nothing(dimension: int) -> Floats:
    vector = np.zeros(dimension, np.float32)
    vector[0] = 1.0
    return vector


def client_vector(sent: tuple[float, ...], dimension: int, place: int) -> Floats:
    """The client's vector at unit length; refused when it is of another size or zero."""
    vector = np.asarray(sent, dtype=np.float32)
    length = float(np.linalg.norm(vector))
    if vector.shape[0] != dimension or not length:
        raise InvalidRequestError(
            f"the query vector has {vector.shape[0]} numbers and length {length:g}; it needs {dimension}, not all 0",
            path=f"$.retrieve[{place}].vector",
            hint="embed with the model that GET /v1/describe names",
        )
    return np.asarray(vector / length, dtype=np.float32)
