"""How much approximation costs: given queries, compares approximate with exact search in one collection, with times.

Dense: product quantisation against a scan of every vector. Words: the term budget and rescoring against evaluation of
every term of every document. Times are of searching alone: queries are embedded and planned before. Not for quality
(eval/), which asks people, not the exact search.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np

from api import answers
from api.embeddings import QueryVectors
from api.errors import InvalidRequestError
from api.opened.requests import RecallRequest
from api.preparing import Stopwatch, prepare
from api.requests import SearchRequest
from ranking.params import MAX_QUERY_CHARACTERS, Params
from ranking.ports import SearchIndex
from ranking.query import NOT_BLANK
from ranking.signals.input import SignalInput
from ranking.signals.lexical import bm25
from ranking.types import Notice, Plan, SessionState

FULL: Final = 10_000
"""Depth of the exact lexical list: rescoring sees every document that could be among the best."""

DENSE_DEPTH: Final = 200
"""Of both dense lists, as a search has it."""

SPARE: Final = 2
"""Times as many pages are read as titles are wanted, and as before while they repeat each other."""

MOST_PAGES: Final = 10_000
"""That are read for their titles: a fifth of a second."""

WORST: Final = 10
"""Queries that are named, those that lose most."""


@dataclass(slots=True)
class _Comparison:
    recalls: list[float] = field(default_factory=list)
    fast_ms: list[float] = field(default_factory=list)
    exact_ms: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def compare(
        self, find: Callable[[Plan, SearchIndex, int], list[str]], plans: tuple[Plan, Plan], index: SearchIndex, k: int
    ) -> float | None:
        """The share of the exact list that the approximate one has; None, and not counted, where that is empty."""
        (fast, fast_ms), (exact, exact_ms) = (_timed(partial(find, plan, index, k)) for plan in plans)
        if not exact:
            return None
        self.recalls.append(len(set(fast) & set(exact)) / len(exact))
        self.counts.append(len(exact))
        self.fast_ms.append(fast_ms)
        self.exact_ms.append(exact_ms)
        return self.recalls[-1]

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
    """JSON-ready; `dense` and `lexical` are null where the collection, or the server, has nothing to compare. Of the
    collection's titles `num` are sampled, or all that there are, which a notice says; `queries` counts them."""
    for place, query in enumerate(request.queries):
        if not re.search(NOT_BLANK, query):
            raise InvalidRequestError(
                "a query of blanks asks nothing", path=f"$.queries[{place}]", hint="leave queries out to sample titles"
            )
    given = list(request.queries)
    queries = given or titles_of(index, request)
    apart = None if vectors is None else vectors.apart(1)  # both plans of a query need its vector, and nobody else does
    dense, lexical = _Comparison(), _Comparison()
    worst: list[dict[str, Any]] = []
    for text in queries:
        if apart is not None:
            dense.compare(_nearest, _plans(text, request, "dense", index, apart), index, request.k)
        recall = lexical.compare(_best, _plans(text, request, "bm25", index, None), index, request.k)
        if recall is not None and recall < 1.0:
            worst.append({"query": text, "lexical_recall": recall})
    return {
        "generation": index.statistics.generation,
        "k": request.k,
        "queries": len(queries),
        "dense": dense.told(),
        "lexical": lexical.told(),
        "worst": sorted(worst, key=lambda row: (row["lexical_recall"], row["query"]))[:WORST],
        "notices": answers.notices(() if given else _short(len(queries), request.num)),
    }


def titles_of(index: SearchIndex, request: RecallRequest) -> list[str]:
    """At most `num` different titles of pages that satisfy the filters, the most authoritative pages first."""
    plan = _plan(_search("titles", request, {"type": "bm25"}), index, None)
    wanted = SPARE * request.num
    while True:
        listing = replace(plan, terms=(), retrievers=(), needs=frozenset(), minimum=wanted)
        pages = index.fetch(index.recall(listing).ids)
        ranked = sorted(pages, key=lambda page: (-page.authority, page.document.id))
        titles = dict.fromkeys(" ".join(page.document.title.split()) for page in ranked)
        usable = [title for title in titles if 0 < len(title) <= MAX_QUERY_CHARACTERS]
        if len(usable) >= request.num or len(pages) < wanted or wanted >= MOST_PAGES:
            return usable[: request.num]
        wanted *= SPARE


def _short(found: int, wanted: int) -> tuple[Notice, ...]:
    if found >= wanted:
        return ()
    return (Notice("few_titles", f"{wanted} queries were wanted; the pages have {found} different titles"),)


# ---------------------------------------------------------------- one query


def _timed(work: Callable[[], list[str]]) -> tuple[list[str], float]:
    begun = time.perf_counter()
    found = work()
    return found, (time.perf_counter() - begun) * 1e3


def _search(text: str, request: RecallRequest, retriever: Mapping[str, Any]) -> SearchRequest:
    return SearchRequest.model_validate(
        {
            "query": text,
            "filters": request.filters.model_dump(mode="json"),
            "session": {"record": False},
            "max_results": request.k,
            "retrieve": [retriever],
        }
    )


def _plans(
    text: str, request: RecallRequest, kind: str, index: SearchIndex, vectors: QueryVectors | None
) -> tuple[Plan, Plan]:
    """(as a search does it, exactly)."""
    if kind == "dense":
        as_searched: dict[str, Any] = {"type": "dense", "k": DENSE_DEPTH}
        exactly = {**as_searched, "exact": True}
    else:
        as_searched = {"type": "bm25", "k": request.candidates, "terms": {"max_df": request.max_df}}
        exactly = {"type": "bm25", "k": FULL, "terms": {"max_df": 1.0}}
    first, second = (_plan(_search(text, request, each), index, vectors) for each in (as_searched, exactly))
    return first, second


def _plan(request: SearchRequest, index: SearchIndex, vectors: QueryVectors | None) -> Plan:
    return replace(prepare(request, index, vectors, Stopwatch()).plan, minimum=0)


def _nearest(plan: Plan, index: SearchIndex, k: int) -> list[str]:
    evidence = index.recall(plan)
    ranks = next(iter(evidence.ranks.values()), np.zeros(evidence.size, np.int32))
    found = np.flatnonzero(ranks > 0)
    return [evidence.ids[row] for row in found[np.argsort(ranks[found])][:k].tolist()]


def _best(plan: Plan, index: SearchIndex, k: int) -> list[str]:
    """The best by the signal bm25, which reads every word of the query."""
    evidence = index.recall(plan)
    values, _ = bm25(SignalInput(plan, evidence, SessionState(), 0.0, Params()))
    order = np.argsort(-values, kind="stable")[:k]
    return [evidence.ids[row] for row in order.tolist() if values[row] > 0]
