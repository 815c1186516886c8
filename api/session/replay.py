"""An answer again: given a session and a seq, returns the bytes that the call was answered with, or makes them anew.

The bytes are kept for a while (SessionSettings.answer_seconds). After that the call is run again: its resolved request,
in the generation that it searched, on the session as it was at its snapshot. What comes out is compared with what the
log says was shown, and given only when it is the same, so `results` are equal, byte for byte, or there is no answer.
Not for retries (retries.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import ValidationError

from api.errors import DeadlineError, GoneError
from api.requests import SearchRequest
from api.session.batch import Entry
from api.session.budget import together as summed
from api.session.door import session_body, state_for
from ranking.errors import ForageError
from ranking.types import SessionState
from sessions.errors import EventError, HistoryFolded
from sessions.events import Event
from sessions.fold import ledger_at
from sessions.store import History, SessionStore, Snapshot, no_session

RunAgain = Callable[[str, Sequence[SearchRequest], SessionState], Sequence[Entry | DeadlineError]]
"""(tenant, searches of one batch or a single one, state) -> what they find now."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """`recomputed`: the bytes were made anew, and may differ from the first ones outside of `results`."""

    body: bytes
    recomputed: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """A call that was run again and showed what it showed then."""

    event: Event
    request: SearchRequest
    entry: Entry
    snapshot: Snapshot

    def body(self, cost: Mapping[str, float]) -> dict[str, Any]:
        """The answer, JSON-ready. `cost`: of all that were answered together."""
        outcome, event = self.entry.outcome, self.event
        body = outcome.body
        body["session_id"] = self.snapshot.session.id
        body["resolved"] = {**event.request, "why": None}
        body["session"] = session_body(event.seq, self.snapshot, self.request, outcome, event.new, event.best_new, cost)
        return body


def replay(store: SessionStore, again: RunAgain, session_id: str, seq: int, tenant: str) -> Replayed:
    """NotFoundError for a session that is not there, EventError for a seq that the log does not have yet,
    HistoryFolded or GoneError for an answer that nothing can bring back."""
    history = store.history(tenant, session_id)
    if history is None:
        raise no_session(session_id)
    event = event_at(history, seq)
    stored = store.answer(tenant, session_id, seq)
    if stored is not None:
        return Replayed(stored)
    if event.kind != "search":
        raise _gone(event, f"only searches are run again, and this is a {event.kind}")
    calls = run_again(history, event, again, tenant)
    cost = summed(call.event.cost for call in calls)
    bodies = [call.body(cost) for call in calls]
    if len(bodies) == 1:
        return Replayed(orjson.dumps(bodies[0]), recomputed=True)
    request_id = bodies[0]["request_id"]
    whole = {"session_id": session_id, "request_id": request_id, "answers": bodies}
    return Replayed(orjson.dumps(whole), recomputed=True)


def event_at(history: History, seq: int) -> Event:
    """The event, if it is kept. Raises EventError, HistoryFolded."""
    last = history.seq
    if not 0 < seq <= last:
        raise EventError(f"there is no event {seq}; the log ends at {last}", path="seq", hint=f"1 to {last}")
    if seq <= history.summary.seq:
        raise HistoryFolded(
            f"events up to {history.summary.seq} are folded into the summary",
            path="seq",
            hint=f"ask for {history.summary.seq + 1} or later",
        )
    return next(event for event in history.events if event.seq == seq)


def run_again(history: History, event: Event, again: RunAgain, tenant: str, explain: bool = False) -> list[Again]:
    """The call of an event, with those that were answered together with it, in order. Raises GoneError when it does
    not show what it showed then, HistoryFolded when the session cannot be had as it was."""
    together = [each for each in history.events if each.answer == event.answer and each.kind == "search"]
    try:
        requests = [_request(each, explain) for each in together]
    except ValidationError:
        raise _gone(event, "its request was made by another version") from None
    why = ""
    for snapshot, state in _states(history, event, requests[0]):
        try:
            entries = again(tenant, requests, state)
        except ForageError as error:  # the generation, the collection, a model or a profile is not there any more
            raise _gone(event, error.message) from error
        made = [
            Again(each, request, entry, snapshot)
            for each, request, entry in zip(together, requests, entries, strict=True)
            if isinstance(entry, Entry) and entry.outcome.shown == each.shown
        ]
        if len(made) == len(together):
            return made
        why = "run again it shows something else: it had a `why`, which is never stored, or what it read was changed"
    raise _gone(event, why)


def _request(event: Event, explain: bool) -> SearchRequest:
    """As resolved then, in the generation of then; a deadline that it kept then is no reason to refuse now."""
    asked = SearchRequest.model_validate(event.request)
    budget = asked.budget.model_copy(update={"on_exceed": "degrade"})
    update = {"generation": event.generation, "budget": budget, "explain": explain or asked.explain}
    return asked.model_copy(update=update)


def _states(history: History, event: Event, request: SearchRequest) -> list[tuple[Snapshot, SessionState]]:
    """The session as it was, as far as the log says: its objective may have come later."""
    before = event.snapshot_seq
    try:
        ledger = ledger_at(history.events, as_of=before, branches=history.branches, summary=history.summary)
    except HistoryFolded as error:
        raise HistoryFolded(
            f"event {event.seq} was answered on the session as it was at {before}, which is folded into the summary",
            path="seq",
            hint=error.hint,
        ) from None
    session = history.session if before else replace(history.session, first_query=None)
    sessions = [session] if session.objective is None else [session, replace(session, objective=None)]
    snapshots = [Snapshot(each, history.branches, ledger, history.summary, 0) for each in sessions]
    return [(snapshot, state_for(request, snapshot)) for snapshot in snapshots]


def _gone(event: Event, why: str) -> GoneError:
    return GoneError(
        f"the answer of event {event.seq} is no longer kept and cannot be made again: {why}",
        path="seq",
        hint="the log of the session still says what was shown; send the query again for what is found now",
    )
