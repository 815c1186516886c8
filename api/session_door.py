"""A search inside a session: given a request, returns the bytes of its answer, once per request id.

begin (idempotency) -> load and fold -> search on that snapshot -> commit what was shown, with the answer. A store
that fails, or a DELETE that comes in between, costs the session, never the search. Not for ranking (api/search.py) or
for folding (sessions/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from api import log
from api.errors import ConflictingRetryError, InvalidRequestError, OverloadedError
from api.requests import SearchRequest
from api.search import Outcome
from ranking.types import SessionState, Shown
from sessions.errors import BranchNotFound, InvalidName, RequestConflict, SessionStoreError
from sessions.events import Draft
from sessions.idempotency import Claim, Conflict, Replay, Running, body_hash
from sessions.names import new_session_id
from sessions.store import SessionStore, Snapshot
from sessions.yields import exhausted, gain, low_yield, stop

RunSearch = Callable[[SearchRequest, SessionState], Outcome]

DEGRADED: Final = "session"


@dataclass(frozen=True, slots=True)
class Reply:
    """The bytes to send; `replayed`: they were made for an earlier call."""

    body: bytes
    replayed: bool = False


class SessionDoor:
    """Runs searches in sessions of one store."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def search(self, payload: Mapping[str, Any], request: SearchRequest, tenant: str, run: RunSearch) -> Reply:
        """`payload` is the request as sent: its canonical JSON decides whether a retry is one."""
        if not request.session.record:
            outcome = run(request, SessionState())
            return Reply(orjson.dumps(outcome.body))
        body = body_hash(payload)
        claim: Claim | None = None
        try:
            if request.request_id is not None:
                begun = self._store.begin(tenant, request.request_id, body)
                if isinstance(begun, Replay):
                    return Reply(begun.answer, replayed=True)
                claim = _claim_of(begun, request.request_id)
            return self._answer(request, tenant, body, claim, run)
        except SessionStoreError as error:
            log.warning("session_store_failed", error=error.message)
            return self._without_session(request, run, claim)
        except InvalidName as error:
            self._give_up(claim)
            raise InvalidRequestError(error.message, path=f"$.{error.path}", hint=error.hint) from None
        except BranchNotFound as error:
            self._give_up(claim)
            raise BranchNotFound(error.message, path=f"$.{error.path}", hint=error.hint) from None
        except RequestConflict:
            self._give_up(claim)
            raise _conflict(request.request_id) from None
        except BaseException:
            self._give_up(claim)
            raise

    def _answer(self, request: SearchRequest, tenant: str, body: str, claim: Claim | None, run: RunSearch) -> Reply:
        store = self._store
        session_id = request.session_id or new_session_id()
        snapshot = store.load(tenant, session_id) if request.session_id else None
        if snapshot is not None and claim is None and request.session.on_repeat == "replay":
            repeated = store.repeat(snapshot, body, reader=request.reader, branch=request.branch)
            if repeated is not None:
                return Reply(repeated.answer, replayed=True)
        expired = snapshot is None and request.session_id is not None and store.expired(tenant, session_id)
        state = snapshot.state(request.reader, request.branch) if snapshot else SessionState()
        outcome = run(request, state)
        if expired:
            _tell(outcome, "session_expired", f"session {session_id} had expired; a new one was begun under its id")
        kept = snapshot.session.objective if snapshot else None
        if kept is not None and request.objective not in (None, kept):
            _tell(outcome, "objective_kept", f"session {session_id} has an objective already, which stays as it is")
        new, best_new = gain(state, unmarked(outcome))
        outcome.body["session_id"] = session_id
        outcome.resolved["session_id"] = session_id
        outcome.resolved["why"] = None  # free reasoning is encoded with the query and never stored, nor are these bytes
        draft = Draft(
            kind="search",
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
        )

        def answer(seq: int) -> bytes:
            if seq:
                outcome.body["session"] = session_body(seq, snapshot, request, outcome, new, best_new)
            else:
                message = f"session {session_id} was deleted, or expired, during this search: it was not recorded"
                _tell(outcome, "session_deleted", message)
            return orjson.dumps(outcome.body)

        committed = store.commit(
            tenant, session_id, [draft], answer, snapshot=snapshot, claim=claim, objective=request.objective
        )
        return Reply(committed.answer, committed.replayed)

    def _without_session(self, request: SearchRequest, run: RunSearch, claim: Claim | None) -> Reply:
        """The stateless answer, named as such. Nothing is recorded, so a retry is an ordinary call."""
        self._give_up(claim)
        outcome = run(request, SessionState())
        outcome.body["session_id"] = request.session_id
        outcome.body["trace"]["degraded"].append(DEGRADED)
        _tell(outcome, "session_unavailable", "the session store failed: this answer is stateless and was not recorded")
        return Reply(orjson.dumps(outcome.body))

    def _give_up(self, claim: Claim | None) -> None:
        if claim is not None:
            self._store.abandon(claim)


def unmarked(outcome: Outcome) -> list[Shown]:
    """What was shown, without what the ranking knew as seen: a copy may have come into a seen page's cluster since,
    and under another name, which the session's own clusters do not tell."""
    marked = {one.id for one in outcome.ranking.page if one.seen and one.seen.seq and not one.updated}
    return [shown for shown in outcome.shown if shown.document not in marked]


def _tell(outcome: Outcome, code: str, message: str) -> None:
    outcome.body["notices"].append({"code": code, "message": message})


def _claim_of(begun: Any, request_id: str) -> Claim:
    if isinstance(begun, Conflict):
        raise _conflict(request_id)
    if isinstance(begun, Running):
        raise OverloadedError(
            f"the request {request_id!r} is still being answered", path="$.request_id", hint="retry with the same body"
        )
    claim: Claim = begun.claim
    return claim


def _conflict(request_id: str | None) -> ConflictingRetryError:
    return ConflictingRetryError(
        f"request_id {request_id!r} was used with another body",
        path="$.request_id",
        hint="a retry sends the same body; a new request needs a new request_id",
    )


def session_body(
    seq: int, snapshot: Snapshot | None, request: SearchRequest, outcome: Outcome, new: int, best_new: float
) -> dict[str, Any]:
    """The `session` of an answer."""
    shown = len(outcome.shown)
    progress = snapshot.progress(request.reader, request.branch) if snapshot else None
    is_exhausted = exhausted(outcome.ranking.unseen, request.max_results)
    rule = request.session.stop
    return {
        "seq": seq,
        "snapshot_seq": snapshot.seq if snapshot else 0,
        "exhausted": is_exhausted,
        "low_yield": progress is not None and low_yield(progress, shown, new, best_new),
        "shown_before": shown - new,
        "new": new,
        "served_from": outcome.served_from,
        "profile_terms": list(outcome.profile_terms),
        "budget_left": snapshot.budget_left() if snapshot else None,
        "stop": stop(min_new=rule.min_new, min_gain=rule.min_gain, new=new, best_new=best_new, exhausted=is_exhausted),
    }
