"""How much approximation costs: given queries, compares approximate with exact search in one collection, with times.

Dense: product quantisation against a scan of every vector. Words: the term budget and rescoring against evaluation of
every term of every document. Not for quality (eval/), which asks people, not the exact search.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from api.embeddings import QueryVectors
from api.open_requests import RecallRequest
from api.preparing import Stopwatch, prepare
from api.requests import SearchRequest
from ranking.params import Params
from ranking.ports import SearchIndex
from ranking.signals.input import SignalInput
from ranking.signals.lexical import bm25
from ranking.types import Evidence, Plan, SessionState

FULL: Final = 10_000
"""Depth of the exact lexical list: rescoring sees every document that could be among the best."""


@dataclass(slots=True)
class _Comparison:
    recalls: list[float] = field(default_factory=list)
    fast_ms: list[float] = field(default_factory=list)
    exact_ms: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def add(self, fast: Sequence[str], exact: Sequence[str], fast_ms: float, exact_ms: float) -> None:
        if exact:
            self.recalls.append(len(set(fast) & set(exact)) / len(exact))
            self.counts.append(len(exact))
            self.fast_ms.append(fast_ms)
            self.exact_ms.append(exact_ms)

    def told(self) -> dict[str, Any] | None:
        if not self.recalls:
            return None
        return {
            "avg_recall": float(np.mean(self.recalls)),
            "min_recall": min(self.recalls),
            "queries": len(self.recalls),
            "avg_exact_count": float(np.mean(self.counts)),
            "avg_ms": {"approximate": float(np.mean(self.fast_ms)), "exact": float(np.mean(self.exact_ms))},
        }


def recall_check(request: RecallRequest, index: SearchIndex, vectors: QueryVectors | None) -> dict[str, Any]:
    """JSON-ready; `dense` and `lexical` are null where the collection, or the server, has nothing to compare."""
    queries = [query for query in request.queries if query.strip()] or index.describe()["titles"][: request.num]
    dense, lexical = _Comparison(), _Comparison()
    worst: list[dict[str, Any]] = []
    for text in queries:
        approximate, exact = _requests(text, request, "dense")
        if vectors is not None:
            fast, fast_ms = _timed(lambda: _nearest(approximate, index, vectors, request.k))  # noqa: B023
            full, full_ms = _timed(lambda: _nearest(exact, index, vectors, request.k))  # noqa: B023
            dense.add(fast, full, fast_ms, full_ms)
        approximate, exact = _requests(text, request, "bm25")
        fast, fast_ms = _timed(lambda: _best(approximate, index, request.k))  # noqa: B023
        full, full_ms = _timed(lambda: _best(exact, index, request.k))  # noqa: B023
        lexical.add(fast, full, fast_ms, full_ms)
        if lexical.recalls and full and lexical.recalls[-1] < 1.0:
            worst.append({"query": text, "lexical_recall": lexical.recalls[-1]})
    return {
        "generation": index.statistics.generation,
        "k": request.k,
        "queries": len(queries),
        "dense": dense.told(),
        "lexical": lexical.told(),
        "worst": sorted(worst, key=lambda row: (row["lexical_recall"], row["query"]))[:10],
    }


def _requests(text: str, request: RecallRequest, kind: str) -> tuple[SearchRequest, SearchRequest]:
    """(as a search does it, exactly)."""
    filters = request.filters.model_dump(mode="json")
    base = {"query": text, "filters": filters, "session": {"record": False}, "max_results": request.k}
    if kind == "dense":
        retrieve: tuple[dict[str, Any], dict[str, Any]] = (
            {"type": "dense", "k": 200},
            {"type": "dense", "k": 200, "exact": True},
        )
    else:
        budget = {"type": "bm25", "k": request.candidates, "terms": {"max_df": request.max_df}}
        retrieve = (budget, {"type": "bm25", "k": FULL, "terms": {"max_df": 1.0}})
    first, second = (SearchRequest.model_validate({**base, "retrieve": [one]}) for one in retrieve)
    return first, second


def _timed(work: Callable[[], list[str]]) -> tuple[list[str], float]:
    begun = time.perf_counter()
    found = work()
    return found, (time.perf_counter() - begun) * 1e3


def _nearest(request: SearchRequest, index: SearchIndex, vectors: QueryVectors, k: int) -> list[str]:
    evidence = index.recall(replace(_plan(request, index, vectors), minimum=0))
    ranks = next(iter(evidence.ranks.values()), np.zeros(evidence.size, np.int32))
    found = np.flatnonzero(ranks > 0)
    return [evidence.ids[row] for row in found[np.argsort(ranks[found])][:k].tolist()]


def _best(request: SearchRequest, index: SearchIndex, k: int) -> list[str]:
    """The best by the signal bm25, which reads every word of the query."""
    plan = replace(_plan(request, index, None), minimum=0)
    evidence: Evidence = index.recall(plan)
    values, _ = bm25(SignalInput(plan, evidence, SessionState(), 0.0, Params(retrieve=request.retrieve)))
    order = np.argsort(-values, kind="stable")[:k]
    return [evidence.ids[row] for row in order.tolist() if values[row] > 0]


def _plan(request: SearchRequest, index: SearchIndex, vectors: QueryVectors | None) -> Plan:
    return prepare(request, index, vectors, Stopwatch()).plan
