"""Searches as doors run them: given a validated request and a tenant, on which index, over which pools, in which
session.

Everything that one search shares with others of its engine is wired here: the open collections, the model, what
sessions learned, what is warm. Not for the steps of a search (search.py) nor for the other doors (engine.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final

import orjson

from api.collections import Collections
from api.embeddings import QueryVectors
from api.errors import DeadlineError
from api.opened.frozen import FrozenQuery
from api.opened.models import Models
from api.requests import SearchRequest, in_body, lost_characters, mint_request_id
from api.search import Found, Outcome, Surrounding, answer, find
from api.session.batch import BatchRunner, Entry
from api.session.batch_door import BatchDoor
from api.session.batch_requests import Asked, together
from api.session.door import Reply, SessionDoor
from api.session.profile import Profiler
from api.settings import Settings
from api.surroundings import synonyms_of
from api.warm.calls import Call, Calls
from api.warm.index import PooledIndex
from api.warm.keys import Key
from api.warm.prefetch import Task
from api.warm.probing import guess, probe
from api.warm.scouting import scout
from ranking.pipeline import NOWHERE, Elsewhere
from ranking.ports import SearchIndex
from ranking.retriever_plans import Likeness
from ranking.types import SessionState
from sessions.store import SessionStore

SYNONYMS: Final = "synonyms.txt"
"""In a collection's folder."""


class Searches:
    """Of one engine. Thread-safe; close() when done."""

    def __init__(
        self, settings: Settings, collections: Collections, vectors: QueryVectors, models: Models, store: SessionStore
    ) -> None:
        self._collections, self._vectors, self._models = collections, vectors, models
        self._door, self._batch_door = SessionDoor(store), BatchDoor(store)
        self.batches = BatchRunner(settings.search_threads)
        self.profiler = Profiler(vectors)
        self.calls = Calls(settings.pool_mb, float(settings.session_ttl_s), self._guess)

    def close(self) -> None:
        """Idempotent."""
        self.calls.close()
        self.batches.close()

    def forget(self, tenant: str, session_id: str) -> None:
        """What is in memory of a session that is erased."""
        self.calls.forget(tenant, session_id)
        self.profiler.forget(tenant)

    def one(self, payload: Any, request: SearchRequest, tenant: str) -> Reply:
        """In its session; `payload` is the request as sent."""
        with self.calls.together(tenant, [request]) as (call,):
            is_current = partial(self._is_current, tenant, [request])
            return self._door.search(payload, request, tenant, partial(self.run, tenant, call=call), is_current)

    def many(self, asked: Asked, tenant: str) -> Reply:
        """In one session, on one snapshot."""
        with self.calls.together(tenant, asked.searches) as calls:
            is_current = partial(self._is_current, tenant, asked.searches)
            return self._batch_door.search(asked, tenant, partial(self._run_batch, tenant, calls=calls), is_current)

    def _is_current(self, tenant: str, searches: Sequence[SearchRequest], answer: bytes) -> bool:
        """Whether all of them would be answered from the generations that this answer names."""
        body = orjson.loads(answer)
        for request, answered in zip(searches, body.get("answers", [body]), strict=True):
            with self.open(tenant, request) as index:
                if answered.get("generation") not in (None, index.statistics.generation):
                    return False
        return True

    def again(
        self, tenant: str, searches: Sequence[SearchRequest], session: SessionState
    ) -> list[Entry | DeadlineError]:
        """Searches that were answered together once, on a session as it was then."""
        return self._run_batch(tenant, together(searches), session)

    def run(self, tenant: str, request: SearchRequest, session: SessionState, call: Call | None = None) -> Outcome:
        """On the index that it names."""
        with self.open(tenant, request) as index:
            return self.on(tenant, request, session, index, call=call)

    def on(
        self,
        tenant: str,
        request: SearchRequest,
        session: SessionState,
        index: SearchIndex,
        likenesses: Mapping[str, Likeness] | None = None,
        call: Call | None = None,
    ) -> Outcome:
        """On this index; without a `call` over no pools."""
        return self._page(tenant, request, self._find(tenant, request, session, index, likenesses, call=call), call)

    def _find(
        self,
        tenant: str,
        request: SearchRequest,
        session: SessionState,
        index: SearchIndex,
        likenesses: Mapping[str, Likeness] | None = None,
        minimum: int = 0,
        call: Call | None = None,
    ) -> Found:
        surrounding, now = self._surrounding(tenant, request, likenesses), newest(index)
        if call is None:
            return find(request, index, self._vectors, session, now, surrounding, minimum)
        pooled = call.over(index, session)
        if request.effort == "probe":
            return probe(request, pooled, self._vectors, session, now, surrounding, call.pools)
        return find(request, pooled, self._vectors, session, now, surrounding, minimum)

    def _surrounding(
        self, tenant: str, request: SearchRequest, likenesses: Mapping[str, Likeness] | None = None
    ) -> Surrounding:
        synonyms, scope = partial(self.synonyms, tenant, request.collection), f"{tenant}/{request.collection}"
        return Surrounding(synonyms, self._models.rerankers(tenant), likenesses, self.profiler, scope)

    def _page(
        self, tenant: str, request: SearchRequest, found: Found, call: Call | None, elsewhere: Elsewhere = NOWHERE
    ) -> Outcome:
        """With what there is to say of its collection and of its text, and an id."""
        outcome = answer(found, elsewhere)
        if call is not None:
            outcome = call.tell(outcome, found)
        outcome.body["notices"].extend(self._collections.notices(tenant, request.collection))
        outcome.body["notices"].extend(lost_characters(request))
        outcome.body["request_id"] = request.request_id or mint_request_id()
        return outcome

    def freeze(self, tenant: str, request: SearchRequest) -> FrozenQuery:
        """Up to its order, with every signal, kept: in no session and over no pools."""
        asked = request.model_copy(update={"explain": True})
        with self.open(tenant, asked) as index:
            found = self._find(tenant, asked, SessionState(), index)
            prepared, ordered = found.prepared, found.ordered
            urls = tuple(stored.document.url for stored in index.fetch(found.evidence.ids))
            return FrozenQuery(
                prepared.request,
                prepared.plan,
                found.evidence,
                ordered,
                urls,
                ordered.given.now,
                prepared.rules,
                index.statistics.generation,
            )

    def _run_batch(
        self, tenant: str, asked: Asked, session: SessionState, calls: Sequence[Call] = ()
    ) -> list[Entry | DeadlineError]:
        call_of = {id(call.request): call for call in calls}

        def look(request: SearchRequest, index: SearchIndex, minimum: int) -> Found:
            return self._find(tenant, request, session, index, minimum=minimum, call=call_of.get(id(request)))

        def page(request: SearchRequest, found: Found, elsewhere: Elsewhere) -> Outcome:
            return self._page(tenant, request, found, call_of.get(id(request)), elsewhere)

        return self.batches.run(asked, partial(self.open, tenant), look, page)

    def _guess(self, task: Task, over: Callable[[SearchIndex], PooledIndex]) -> Key | None:
        """A search up to its passages, for nobody: what it read stays in the pools."""
        tenant, request = task.owner[0], task.request
        with self.open(tenant, request) as index:
            surrounding = replace(self._surrounding(tenant, request), profiler=None, rerankers=None)
            if task.scout:
                return scout(request, over(index), surrounding.synonyms)
            return guess(request, over(index), self._vectors, newest(index), surrounding)

    @contextmanager
    def open(self, tenant: str, request: Any) -> Iterator[SearchIndex]:
        """The index of the collection and generation that a request names; errors name its fields."""
        with in_body(), self._collections.open(tenant, request.collection, request.generation) as index:
            yield index

    def synonyms(self, tenant: str, collection: str) -> dict[str, tuple[str, ...]]:
        """Of the collection's synonyms.txt, read anew for each request that wants them: it is edited by hand."""
        path = self._collections.folder(tenant, collection) / SYNONYMS
        return dict(synonyms_of(path.read_text("utf-8", "replace"))) if path.is_file() else {}


def newest(index: SearchIndex) -> float:
    """Ages count from the newest date of the generation: the same request gives the same bytes tomorrow."""
    return index.statistics.newest or 0.0
