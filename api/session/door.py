"""A search inside a session: given a request, returns the bytes of its answer, once per request id.

begin (idempotency) -> load and fold -> search on that snapshot -> commit what was shown, with the answer. A store
that fails, or a DELETE that comes in between, costs the session, never the search. Not for ranking (api/search.py) or
for folding (sessions/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from api import log
from api.requests import SearchRequest
from api.search import Outcome
from api.session.budget import advice, cost_of, left_after
from api.session.retries import claim_or_replay, held
from ranking.types import SessionState, Shown
from sessions.errors import SessionStoreError
from sessions.events import Draft
from sessions.idempotency import Claim, Replay, body_hash
from sessions.names import new_session_id
from sessions.store import SessionStore, Snapshot
from sessions.yields import exhausted, gain, low_yield, stop

RunSearch = Callable[[SearchRequest, SessionState], Outcome]
IsCurrent = Callable[[bytes], bool]
"""Whether the same request would search today what this answer searched."""

DEGRADED: Final = "session"
PROBED: Final = "probe"
"""The note of an event that was one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes to send; `replayed`: they were made for an earlier call."""

    body: bytes
    replayed: bool = False


class SessionDoor:
    """Runs searches in sessions of one store."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def search(
        self,
        payload: Mapping[str, Any],
        request: SearchRequest,
        tenant: str,
        run: RunSearch,
        is_current: IsCurrent = bool,
    ) -> Reply:
        """`payload` is the request as sent: its canonical JSON decides whether a retry is one. Without a request id it
        is none once a generation was published."""
        if not request.session.record:
            outcome = run(request, SessionState())
            return Reply(orjson.dumps(outcome.body))
        body = body_hash(payload)
        try:
            claim = claim_or_replay(self._store, tenant, request.request_id, body)
            if isinstance(claim, Replay):
                return Reply(claim.answer, replayed=True)
            with held(self._store, claim):
                return self._answer(request, tenant, body, claim, run, is_current)
        except SessionStoreError as error:
            log.warning("session_store_failed", error=error.message)
            return self._without_session(request, run)

    def _answer(
        self,
        request: SearchRequest,
        tenant: str,
        body: str,
        claim: Claim | None,
        run: RunSearch,
        is_current: IsCurrent,
    ) -> Reply:
        store = self._store
        session_id = request.session_id or new_session_id()
        snapshot = store.load(tenant, session_id) if request.session_id else None
        if snapshot is not None and claim is None and request.session.on_repeat == "replay":
            repeated = store.repeat(snapshot, body, reader=request.reader, branch=request.branch)
            if repeated is not None and is_current(repeated.answer):
                return Reply(repeated.answer, replayed=True)
        expired = snapshot is None and request.session_id is not None and store.expired(tenant, session_id)
        state = state_for(request, snapshot)
        outcome = run(request, state)
        tell_of_session(outcome.body, session_id, expired, snapshot, request.objective)
        new, best_new = gain(state, unmarked(outcome))
        outcome.body["session_id"] = session_id
        outcome.resolved["session_id"] = session_id
        outcome.resolved["why"] = None  # free reasoning is encoded with the query and never stored, nor are these bytes
        draft = draft_of(request, outcome, body, new, best_new, snapshot)

        def answer(seq: int) -> bytes:
            """A store may ask more than once."""
            outcome.body["session"] = None
            if seq:
                outcome.body["session"] = session_body(seq, snapshot, request, outcome, new, best_new)
                return orjson.dumps(outcome.body)
            body = {**outcome.body, "notices": [*outcome.body["notices"]]}
            tell(body, "session_deleted", deleted(session_id))
            return orjson.dumps(body)

        committed = store.commit(
            tenant, session_id, [draft], answer, snapshot=snapshot, claim=claim, objective=request.objective
        )
        return Reply(committed.answer, committed.replayed)

    def _without_session(self, request: SearchRequest, run: RunSearch) -> Reply:
        """The stateless answer, named as such. Nothing is recorded, so a retry is an ordinary call."""
        outcome = run(request, SessionState())
        degrade(outcome.body, request.session_id)
        return Reply(orjson.dumps(outcome.body))


def state_for(request: SearchRequest, snapshot: Snapshot | None) -> SessionState:
    """What the call sees of the session. An objective counts from the call on that brings it."""
    state = snapshot.state(request.reader, request.branch) if snapshot else SessionState()
    kept = snapshot.session.objective if snapshot else None
    return replace(state, goal=request.objective) if request.objective and kept is None else state


def unmarked(outcome: Outcome) -> list[Shown]:
    """What was shown, without what the ranking knew as seen: a copy may have come into a seen page's cluster since,
    and under another name, which the session's own clusters do not tell."""
    marked = {one.id for one in outcome.ranking.page if one.seen and one.seen.seq and not one.updated}
    return [shown for shown in outcome.shown if shown.document not in marked]


def draft_of(
    request: SearchRequest, outcome: Outcome, body: str, new: int, best_new: float, snapshot: Snapshot | None
) -> Draft:
    """What the log keeps of a search. `body`: the hash of the request as sent. A probe is a note: it showed nothing, so
    it counts neither as a call nor for what calls brought."""
    probed = request.effort == "probe"
    return Draft(
        kind="note" if probed else "search",
        note=PROBED if probed else "",
        branch=request.branch,
        reader=request.reader,
        query=request.query,
        request=outcome.resolved,
        generation=outcome.generation,
        body=body,
        shown=outcome.shown,
        stubs=outcome.ranking.stubs,
        new=new,
        best_new=best_new,
        drifted=outcome.drifted,
        cost=cost_of(outcome, snapshot),
    )


def tell(body: dict[str, Any], code: str, message: str) -> None:
    """One more notice."""
    body["notices"].append({"code": code, "message": message})


def tell_of_session(
    body: dict[str, Any], session_id: str, expired: bool, snapshot: Snapshot | None, objective: str | None
) -> None:
    """What the reader of an answer should know of the session that it was made in."""
    if expired:
        tell(body, "session_expired", f"session {session_id} had expired; a new one was begun under its id")
    kept = snapshot.session.objective if snapshot else None
    if kept is not None and objective not in (None, kept):
        tell(body, "objective_kept", f"session {session_id} has an objective already, which stays as it is")


def degrade(body: dict[str, Any], session_id: str | None) -> None:
    """Says of an answer that the session store failed."""
    body["session_id"] = session_id
    body["trace"]["degraded"].append(DEGRADED)
    tell(body, "session_unavailable", "the session store failed: this answer is stateless and was not recorded")


def deleted(session_id: str) -> str:
    """Why an answer was not recorded."""
    return f"session {session_id} was deleted, or expired, during this search: it was not recorded"


def session_body(
    seq: int,
    snapshot: Snapshot | None,
    request: SearchRequest,
    outcome: Outcome,
    new: int,
    best_new: float,
    cost: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The `session` of an answer. `cost`: of the whole commit, where it is of more than this answer."""
    shown = len(outcome.shown)
    progress = snapshot.progress(request.reader, request.branch) if snapshot else None
    probed = request.effort == "probe"
    whole = not probed or outcome.body["probe"]["exact"]  # a part of the candidates cannot tell that none is left
    is_exhausted = whole and exhausted(outcome.ranking.unseen, request.max_results)
    rule = request.session.stop
    ruled = stop(min_new=rule.min_new, min_gain=rule.min_gain, new=new, best_new=best_new, exhausted=is_exhausted)
    left = left_after(snapshot, cost_of(outcome, snapshot) if cost is None else cost)
    return {
        "seq": seq,
        "snapshot_seq": snapshot.seq if snapshot else 0,
        "exhausted": is_exhausted,
        "low_yield": progress is not None and not probed and low_yield(progress, shown, new, best_new),
        "shown_before": shown - new,
        "new": new,
        "served_from": outcome.served_from,
        "profile_terms": list(outcome.profile_terms),
        "named": list(outcome.named),
        "budget_left": left,
        "stop": advice(None if probed else ruled, left),
    }
