"""Calls that keep warm: given a request, an open index over the pools of this process, and what follows from the
answer.

One for each search in a session: it says where the answer came from, offers follow-ups, remembers what the session
keeps warm and, once the answer has left, lets the next guesses wait for a quiet moment. Whatever of this is switched
off, results are the same. Not for searching (search.py) nor for committing (api/session/door.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from api.requests import SearchRequest
from api.search import Found, Outcome
from api.session.door import DEGRADED, tell
from api.warm.following import Ahead, look_ahead
from api.warm.index import Cellar, PooledIndex, Terms
from api.warm.keys import Key, Scope
from api.warm.metrics import BYTES, POOLS, RECALLS
from api.warm.pools import Pool
from api.warm.prefetch import Prefetcher, Task, Traffic
from api.warm.probing import probed
from api.warm.warmth import Kept, Warmth, unused
from ranking.ports import SearchIndex
from ranking.types import SessionState
from sessions.predictors import Predictors

MB = 2**20

Guess = Callable[[Task, Callable[[SearchIndex], PooledIndex]], Key | None]
"""Runs a search without its answer, on an index that is put over the pools; returns the key of its pool."""


class Calls:
    """What the calls of one engine share. `ttl`: seconds a session's pools stay pinned without a call."""

    def __init__(self, megabytes: int, ttl: float, guess: Guess) -> None:
        self.traffic = Traffic()
        self._ttl = ttl
        self._cellar = Cellar(megabytes * MB, unused)
        self._warmth = Warmth(self._cellar.pools.peek)
        self._predictors = Predictors()
        self._guess = guess
        self._prefetcher = Prefetcher(self._prefetch, self._warmth, self.traffic)

    @contextmanager
    def together(self, tenant: str, requests: Sequence[SearchRequest]) -> Iterator[tuple[Call, ...]]:
        """Around searches that are answered together, one or a batch, from their requests to the answer's bytes."""
        with self.traffic.real():
            calls = tuple(Call(self, tenant, request) for request in requests)
            yield calls
            wanted = [guess for call in calls for guess in call.ended()]
        session_id = next((call.session_id for call in calls if call.session_id), None)
        if wanted and session_id:
            owner = (tenant, session_id)
            self._prefetcher.ask(owner, [Task(owner, request, scout) for request, scout in wanted])

    def forget(self, tenant: str, session_id: str) -> None:
        """Everything of a session, with the pools that it touched: others make them again."""
        owner = (tenant, session_id)
        self._cellar.pools.forget(owner, self._warmth.forget(owner))

    def begin(self, tenant: str, session_id: str) -> None:
        """A session is new: what is known under its id is of an earlier one, which expired or was erased elsewhere."""
        if self._warmth.knows((tenant, session_id)):
            self.forget(tenant, session_id)

    def report(self, tenant: str, session_id: str) -> dict[str, Any]:
        """`pools`, `prefetch` and `predictors` of a session, for reading it back."""
        return {**self._warmth.report((tenant, session_id)), "predictors": self._predictors.report()}

    def kept(self, tenant: str, session_id: str) -> list[Kept]:
        """The pools that are warm for a session's next call. For evaluation."""
        return self._warmth.kept((tenant, session_id))

    def settle(self, seconds: float = 5.0) -> bool:
        """Wait until no guess waits or runs; whether that came about. For tests and benchmarks."""
        return self._prefetcher.settle(seconds)

    def close(self) -> None:
        self._prefetcher.close()

    def _prefetch(self, task: Task, going_on: Callable[[], None]) -> Key | None:
        def over(index: SearchIndex) -> PooledIndex:
            scope = Scope(task.owner[0], task.request.collection, index.statistics.generation)
            return PooledIndex(index, self._cellar, scope, Terms(going_on=going_on, guess=task.owner))

        going_on()
        key = self._guess(task, over)
        if key is not None and not self._warmth.knows(task.owner):  # it was erased while the guess ran
            self._cellar.pools.forget(task.owner, [key])
            return None
        return key


class Call:
    """One search. Its index is put over the pools by `over`; `tell` completes its outcome."""

    def __init__(self, calls: Calls, tenant: str, request: SearchRequest) -> None:
        self.request = request
        self.pools: Sequence[Pool] = ()  # what is warm for the session, on the generation of `over`
        self._calls, self._tenant = calls, tenant
        self._begun, self._thread = (time.perf_counter(), time.thread_time()), threading.get_ident()
        self._index: PooledIndex | None = None
        self._outcome: Outcome | None = None
        self._ahead = Ahead()

    @property
    def session_id(self) -> str | None:
        """Of the answer, once it is made; None where nothing was recorded."""
        outcome = self._outcome
        recorded = outcome is not None and outcome.body["session"] is not None
        return outcome.body["session_id"] if outcome is not None and recorded else None

    def over(self, index: SearchIndex, session: SessionState) -> PooledIndex:
        """The index over the pools. A stateless call leaves and takes nothing, and joins what is in flight. Of a
        session that has no log nothing is warm, whatever an earlier one of its id left."""
        request = self.request
        budget, settings = request.budget, request.session
        keep = settings.record and settings.reuse != "off" and bool(index.statistics.documents)
        here = Scope(self._tenant, request.collection, index.statistics.generation)
        self.pools = self._pools(here) if keep and session.snapshot_seq else ()
        self._index = PooledIndex(
            index,
            self._calls._cellar,
            here,
            Terms(
                settings.reuse,
                keep,
                request.explain,
                None if budget.ms is None else self._begun[0] + budget.ms / 1_000,
                budget.on_exceed == "fail",
            ),
        )
        return self._index

    def tell(self, outcome: Outcome, found: Found) -> Outcome:
        """With follow-ups, where a session wants them; of a probe with its counts."""
        request, index = self.request, self._index
        if request.effort == "probe":
            outcome = probed(outcome, found, self.pools)
        elif index is not None and request.session.record:
            if request.session.follow_ups:
                self._ahead = self._look_ahead(outcome, found.session, index)
                outcome.body["follow_ups"] = [each.body() for each in self._ahead.follow_ups if each.offered]
            if outcome.served_from == "pool":
                message = "the candidates are those of a near query asked before, scored for this one (session.reuse)"
                tell(outcome.body, "pool_reused", message)
                outcome.body["query"]["exact"] = None  # of another query's candidates nothing is proven
        self._outcome = outcome
        return outcome

    def ended(self) -> list[tuple[SearchRequest, bool]]:
        """Once the answer is made: what the session keeps warm, and what it may want next: a request, and whether
        words alone are to fill its pool."""
        calls, outcome, index = self._calls, self._outcome, self._index
        if index is None or outcome is None:
            return []
        served = index.all_served()
        for each in served:
            RECALLS.labels(each.tier).inc()
            if each.guess is not None:
                calls._warmth.used(each.guess, each.saved_ms, each.late)
        pools, size = calls._cellar.pools.size()
        POOLS.set(pools)
        BYTES.set(size)
        session_id = self.session_id
        if session_id is None:
            if self.request.session.record and DEGRADED not in outcome.body["trace"]["degraded"]:  # it was erased
                calls._cellar.pools.forget((), [each.key for each in served])
            return []
        if outcome.body["session"]["seq"] == 1:
            calls.begin(self._tenant, session_id)
        if self.request.effort == "probe" or self.request.session.reuse == "off":
            return []
        owner, top = (self._tenant, session_id), [hit["id"] for hit in outcome.body["results"]]
        cpu_ms = (time.thread_time() - self._begun[1]) * 1_000
        if index.thread != self._thread:  # of a batch, whose searches run in threads of their own
            cpu_ms = float(outcome.body["trace"]["total_ms"])
        keys, judged = calls._warmth.noted(owner, self.request.query, served, top, self._ahead.follow_ups, cpu_ms)
        calls._cellar.pools.pin(owner, keys, calls._ttl)
        for predictor, hit in judged:
            calls._predictors.count(predictor, hit)
        return self._wanted()

    def _wanted(self) -> list[tuple[SearchRequest, bool]]:
        """Requests like this one: the outlook, which is cheap and holds most, then what was offered and is not warm.
        One whose plan depends on what was shown by then cannot be guessed."""
        request = self.request
        if not request.session.prefetch or any(one.type == "session" for one in request.retrieve):
            return []
        fields = {"why": None, "request_id": None, "session_id": None, "explain": False, "facets": ()}
        outlook = [(self._ahead.outlook, True)] if self._ahead.outlook else []
        offered = [(each.query, False) for each in self._ahead.follow_ups if each.offered and not each.prefetched]
        return [(request.model_copy(update={**fields, "query": text}), scout) for text, scout in outlook + offered]

    def _pools(self, here: Scope) -> list[Pool]:
        if self.request.effort != "probe" or self.request.session_id is None:
            return []
        kept = self._calls._warmth.kept((self._tenant, self.request.session_id))
        return [each.pool for each in kept if each.pool.scope == here]

    def _look_ahead(self, outcome: Outcome, session: SessionState, index: PooledIndex) -> Ahead:
        request, warmth = self.request, self._calls._warmth
        owner = (self._tenant, request.session_id or "")
        state = replace(session, goal=session.goal or request.objective or "")
        return look_ahead(
            request.query,
            outcome.body["results"],
            state,
            index,
            self._calls._predictors,
            warmth.successors(self._tenant, request.query),
            lambda query: warmth.guess(owner, query),
        )
