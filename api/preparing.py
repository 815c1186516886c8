"""From a request to a plan: given a validated request and an open index, returns the query, its plan and what had to be
left out. A dry run ends here; a search begins.

Not for running the plan (api/search.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from api.absent import absent
from api.budget import WITHOUT_DENSE, cheaper, predicted_ms, sends_vector
from api.embeddings import QueryVectors
from api.requests import SearchRequest
from api.surroundings import surroundings
from ranking.expand import Feedback, cut_short
from ranking.plan import plan as make_plan
from ranking.plan import rules_of
from ranking.ports import SearchIndex
from ranking.query import parse
from ranking.retriever_plans import Likeness, Surroundings
from ranking.rules import CompiledRules
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

    def resumed(self) -> Stopwatch:
        """One that goes on from the last lap, as if no time had passed since."""
        watch = Stopwatch()
        watch.started -= self._last - self.started
        watch.stages = [*self.stages]
        return watch

    @property
    def total_ms(self) -> float:
        return (time.perf_counter() - self.started) * 1_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """`request` is the one that runs: the one that came, unless a budget made it cheaper. `asked` is the one that came,
    `rules` its rules; `degraded` names what was given up, `predicted_ms` what the plan will cost."""

    asked: SearchRequest
    request: SearchRequest
    query: Query
    plan: Plan
    rules: CompiledRules
    around: Surroundings
    synonyms: Mapping[str, Sequence[str]]
    predicted_ms: float
    notices: tuple[Notice, ...] = ()
    degraded: tuple[str, ...] = ()
    feedback: Feedback = field(default=())

    def again(self, vector: Floats | None, feedback: Feedback) -> Prepared:
        """The same with the words of relevance feedback, and the vector where it moved that."""
        planned = _planner(self.query, self.around, self.synonyms, self.rules, feedback, vector)
        return replace(self, plan=planned(self.request, self.plan.vector), feedback=feedback)


def prepare(
    request: SearchRequest,
    index: SearchIndex,
    vectors: QueryVectors | None,
    watch: Stopwatch,
    session: SessionState | None = None,
    synonyms: Synonyms | None = None,
    *,
    embed: bool = True,
    likenesses: Mapping[str, Likeness] | None = None,
) -> Prepared:
    """Query -> plan -> a plan within the budget -> vector. Without `embed` the vector is one that says nothing, as it
    is while the budget decides: enough to know what a search would do and cost. `likenesses`: those known already, by
    retriever."""
    query = parse(request.query)
    watch.lap("parse")
    text, notices = text_to_embed(request, query, index, vectors)
    vector = None if text is None else _nothing(index.statistics.dimension)
    rules = rules_of(request)
    around = surroundings(request.retrieve, index, vectors if embed else None, session or SessionState(), likenesses)
    own = synonyms() if synonyms is not None and request.expand.collection_synonyms else {}
    planned = _planner(query, around, own, rules)
    plan = planned(request, vector)
    cost = predicted_ms(request, plan)
    ran, degraded = request, []
    if request.budget.ms is not None:
        for name, less in cheaper(request):
            if cost <= request.budget.ms:
                break
            vector = None if name == WITHOUT_DENSE else vector
            ran, plan = less, planned(less, vector)
            degraded.append(f"budget.ms:{name}")
            cost = predicted_ms(ran, plan)
    notices = (*notices, *cut_short(query, ran, len(plan.query.terms) - len(query.terms)))
    watch.lap("plan", len(query.terms), len(plan.terms))
    if embed and vector is not None and vectors is not None and text is not None:
        plan = replace(plan, vector=vectors.encode(text)[0])
        watch.lap("embed")
    notices = (*notices, *absent(request, plan, index))
    return Prepared(request, ran, query, plan, rules, around, own, cost, notices, tuple(degraded))


def _planner(
    query: Query,
    around: Surroundings,
    synonyms: Mapping[str, Sequence[str]],
    rules: CompiledRules,
    feedback: Feedback = (),
    moved: Floats | None = None,
) -> Callable[[SearchRequest, Floats | None], Plan]:
    return lambda request, vector: make_plan(
        query,
        request,
        around.statistics,
        around.lookup,
        vector,
        around=around,
        synonyms=synonyms,
        feedback=feedback,
        moved=moved,
        rules=rules,
    )


def text_to_embed(
    request: SearchRequest, query: Query, index: SearchIndex, vectors: QueryVectors | None
) -> tuple[str | None, tuple[Notice, ...]]:
    """The text whose vector is the query's; None when the request sent a vector, or nothing can be done with one."""
    statistics = index.statistics
    if sends_vector(request) or vectors is None or statistics.embedder is None:
        return None, ()
    if not statistics.passages or not query.meaning.strip():
        return None, ()
    if vectors.embedder.id != statistics.embedder:
        message = (
            f"vectors of this collection come from {statistics.embedder}, this server has {vectors.embedder.id}: "
            "the dense retriever was left out; rebuild with `forage index --rebuild` or set FORAGE_MODEL"
        )
        return None, (Notice("embedder_mismatch", message),)
    return f"{request.why}\n{query.meaning}" if request.why else query.meaning, ()


def _nothing(dimension: int) -> Floats:
    vector = np.zeros(dimension, np.float32)
    vector[0] = 1.0
    return vector
