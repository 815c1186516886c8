"""A batch inside a session: given its searches, returns the bytes of all their answers, once per request id.

begin (idempotency) -> load and fold, once -> run all on that snapshot -> commit what each showed, in one step. An entry
that missed its deadline carries its error and records nothing; when all did, the batch is refused. Not for ranking
(batch.py) nor for reading the body (batch_requests.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from api import log
from api.errors import DeadlineError, shape_of
from api.requests import SearchRequest, mint_request_id
from api.session.batch import Entry
from api.session.batch_requests import Asked, naming
from api.session.budget import cost_of, together
from api.session.door import (
    IsCurrent,
    Reply,
    degrade,
    deleted,
    draft_of,
    session_body,
    state_for,
    tell,
    tell_of_session,
    unmarked,
)
from api.session.retries import claim_or_replay, held
from ranking.types import SessionState
from sessions.errors import SessionStoreError
from sessions.events import Draft
from sessions.idempotency import Claim, Replay, body_hash
from sessions.names import new_session_id
from sessions.store import SessionStore, Snapshot
from sessions.yields import gain

RunBatch = Callable[[Asked, SessionState], Sequence[Entry | DeadlineError]]

MOVED: Final = "batch_overlap"


class BatchDoor:
    """Runs batches in sessions of one store."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def search(self, asked: Asked, tenant: str, run: RunBatch, is_current: IsCurrent) -> Reply:
        """The answer's bytes; a retry gets the same ones."""
        if not asked.record:
            return Reply(_Batch(asked, run(asked, SessionState()), None).bytes())
        body = body_hash(asked.payload)
        try:
            claim = claim_or_replay(self._store, tenant, asked.request_id, body)
            if isinstance(claim, Replay):
                return Reply(claim.answer, replayed=True)
            with held(self._store, claim):
                return self._answer(asked, tenant, body, claim, run, is_current)
        except SessionStoreError as error:
            log.warning("session_store_failed", error=error.message)
            batch = _Batch(asked, run(asked, SessionState()), asked.first.session_id)
            for each in batch.answered:
                degrade(each.entry.outcome.body, batch.session_id)
            return Reply(batch.bytes())

    def _answer(
        self, asked: Asked, tenant: str, body: str, claim: Claim | None, run: RunBatch, is_current: IsCurrent
    ) -> Reply:
        store, first = self._store, asked.first
        session_id = first.session_id or new_session_id()
        snapshot = store.load(tenant, session_id) if first.session_id else None
        if snapshot is not None and claim is None and asked.replay:
            repeated = store.repeat(snapshot, body, reader=first.reader, branch=first.branch)
            if repeated is not None and is_current(repeated.answer):
                return Reply(repeated.answer, replayed=True)
        expired = snapshot is None and first.session_id is not None and store.expired(tenant, session_id)
        state = state_for(first, snapshot)
        batch = _Batch(asked, run(asked, state), session_id)
        for each in batch.answered:
            tell_of_session(each.entry.outcome.body, session_id, expired, snapshot, first.objective)
        drafts = batch.drafts(state, body, snapshot)
        committed = store.commit(
            tenant,
            session_id,
            drafts,
            lambda seq: batch.bytes(seq, snapshot),
            snapshot=snapshot,
            claim=claim,
            objective=first.objective,
        )
        return Reply(committed.answer, committed.replayed)


@dataclass(slots=True)
class _Answered:
    """One answered search. `number`: of the batch; `place`: among those that are answered."""

    number: int
    place: int
    request: SearchRequest
    entry: Entry
    new: int = 0
    best_new: float = 0.0


class _Batch:
    """The answers of a batch while they are written. Raises the first DeadlineError when there is no answer."""

    def __init__(self, asked: Asked, entries: Sequence[Entry | DeadlineError], session_id: str | None) -> None:
        self.session_id = session_id
        self._entries = entries
        self._request_id = asked.request_id or mint_request_id()
        answered = [(number, entry) for number, entry in enumerate(entries) if isinstance(entry, Entry)]
        self.answered = [
            _Answered(number, place, asked.searches[number], entry) for place, (number, entry) in enumerate(answered)
        ]
        if not answered and isinstance(first := entries[0], DeadlineError):
            with naming(asked.payload, 0):
                raise first
        for each in self.answered:
            outcome = each.entry.outcome
            outcome.body["request_id"] = self._request_id
            outcome.body["session_id"] = session_id
            outcome.resolved["session_id"] = session_id
            outcome.resolved["why"] = None  # as with a single search: never stored
            if each.entry.moved:
                many = len(each.entry.moved)
                what = f"{many} results" if many > 1 else "1 result"
                tell(outcome.body, MOVED, f"{what} of this search serve others of the batch better and stand there")

    def drafts(self, state: SessionState, body: str, snapshot: Snapshot | None) -> list[Draft]:
        """One event for each answer, in the order of the request."""
        drafts = []
        for each in self.answered:
            each.new, each.best_new = gain(state, unmarked(each.entry.outcome))
            drafts.append(draft_of(each.request, each.entry.outcome, body, each.new, each.best_new, snapshot))
        return drafts

    def bytes(self, last: int | None = None, snapshot: Snapshot | None = None) -> bytes:
        """`last`: the seq of the last event; 0: nothing was recorded, for the session is gone; None: nothing was to
        be. A store may ask more than once."""
        seqs: dict[int, int] = {}
        if last:
            seqs = {each.number: last - len(self.answered) + each.place + 1 for each in self.answered}
        written: list[dict[str, Any]] = [
            {} if isinstance(entry, Entry) else _missed(entry, number) for number, entry in enumerate(self._entries)
        ]
        cost = together(cost_of(each.entry.outcome, snapshot) for each in self.answered)
        for each in self.answered:
            outcome = each.entry.outcome
            stubs = [{**stub, "shown_at": seqs.get(stub["search"])} for stub in each.entry.stubs]
            outcome.body["session"] = None
            if last:
                seq = seqs[each.number]
                outcome.body["session"] = session_body(
                    seq, snapshot, each.request, outcome, each.new, each.best_new, cost
                )
            body = {**outcome.body, "stubs": [*outcome.body["stubs"], *stubs], "notices": [*outcome.body["notices"]]}
            if last == 0:
                tell(body, "session_deleted", deleted(self.session_id or ""))
            written[each.number] = body
        return orjson.dumps({"session_id": self.session_id, "request_id": self._request_id, "answers": written})


def _missed(error: DeadlineError, number: int) -> dict[str, Any]:
    """What stands in the place of an answer."""
    path = f"$.searches[{number}]{(error.path or '$')[1:]}"
    return {"error": {**shape_of(error), "path": path}, "results": error.results}
