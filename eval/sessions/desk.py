"""The desk of an agent: given a system, asks the engine as the system asks, and returns what is displayed.

Every system sends the same request but for its `session`: a difference between two of them is the session's alone. Not
for what a reader notices (readers.py).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import orjson

from api.engine import Engine
from eval.adhoc.runs import TENANT, plain
from eval.agents.view import Asked
from eval.errors import SessionRunError
from eval.latency import timed
from eval.sessions.displayed import Answer, answer_of, without
from eval.sessions.history import compose
from eval.sessions.systems import System

QUIET: Final = {"prefetch": False, "follow_ups": False}
"""Of every session under test: neither changes a result, and both cost time."""
TRIES: Final = 3
"""Of a call whose answer was degraded."""
PAUSE_S: Final = 0.5
"""Before the second try, twice that before the third: the store was busy, and an hour of calls is not to end by it."""


def request_of(system: System, collection: str, query: str) -> dict[str, Any]:
    """What every system asks, but for the session."""
    session = {**QUIET, **system.session} if system.kind == "session" else {"record": False}
    return {
        "query": plain(query).strip() or query,
        "collection": collection,
        "max_results": system.k,
        "diversify": {"max_per_site": None},
        "session": session,
    }


class Desk:
    """One session of one system: every call of one agent on one topic, whose question is its objective. close() erases
    what it left behind."""

    def __init__(self, engine: Engine, system: System, collection: str, objective: str = "") -> None:
        self._engine = engine
        self._system = system
        self._collection = collection
        self._objective = objective if system.tells else ""
        self._session = f"eval-{secrets.token_hex(8)}"
        self._recorded = system.kind == "session"
        self._used = False
        self._kept: dict[str | None, set[str]] = {}
        self._asked: list[str] = []

    def search(self, asked: Asked) -> Answer:
        """What is displayed to the reader of `asked`."""
        rule, query = self._system.history, asked.query
        if rule is not None:
            query = compose(rule, self._asked, query)
        self._asked.append(asked.query)
        request = request_of(self._system, self._collection, query)
        if self._recorded:
            self._used = True
            request["session_id"] = self._session
            if self._objective:
                request["objective"] = self._objective
            if asked.reader is not None:
                request["reader"] = asked.reader
        answer = answer_of(*self._whole(request))
        if self._system.kind == "dedupe":
            kept = self._kept.setdefault(asked.reader, set())
            page = tuple(item.document for item in answer.shown)
            answer = replace(without(answer, kept), stateless=page)
            kept.update(item.document for item in answer.shown)
        if self._recorded:
            return replace(answer, stateless=self._stateless(query))
        return answer

    def _stateless(self, query: str) -> tuple[str, ...]:
        """What a page has for the query that no session had a part in: what this system withheld is seen against it. No
        agent is shown it, and its time is nobody's."""
        request = request_of(replace(self._system, kind="stateless"), self._collection, query)
        body, _ = self._whole({**request, "content": {"passages": 0}})
        return tuple(hit["id"] for hit in body["results"])

    def _whole(self, request: dict[str, Any]) -> tuple[Any, float]:
        """An answer that nothing was left out of: a session that its store failed for once would be measured as
        stateless. Such a call recorded nothing, so it can be made again. SessionRunError when that does not help. With
        it the milliseconds that the search took, in the try that counts."""
        for tried in range(TRIES):
            time.sleep(PAUSE_S * tried)
            reply, ms = timed(partial(self._engine.search, request, TENANT))
            body = orjson.loads(reply.body)
            if not body["trace"]["degraded"]:
                return body, ms
        degraded = ", ".join(body["trace"]["degraded"])
        raise SessionRunError(f"the engine answered without {degraded}", hint="run it again: what is done is kept")

    def cite(self, documents: Sequence[str], reader: str | None) -> None:
        """Tell the session what was noticed, when the system is to know."""
        if self._recorded and self._system.cites and documents:
            events = [{"kind": "cite", "document": document} for document in documents]
            self._engine.sessions.feedback(self._session, {"events": events, "reader": reader}, TENANT)

    def close(self) -> None:
        if self._used:
            self._engine.sessions.delete(self._session, TENANT)
            self._used = False
