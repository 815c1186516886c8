"""What doors may do with sessions beside searching in them, in one place: create, list, read back, delete, feedback,
fork, merge, replay, export, and ask whether the store works. JSON-ready. Not for searches (api/session/door.py,
batch_door.py), nor for what a session is (sessions/).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from api import log
from api.collections import OpenIndex
from api.requests import SessionRequest, in_body, read_request
from api.searches import Searches
from api.session import branches, parquet
from api.session import feedback as session_feedback
from api.session.account import profile_terms, segments
from api.session.door import Reply
from api.session.export import Rows, What, rows
from api.session.replay import Replayed, replay
from sessions.errors import EventError, SessionStoreError
from sessions.events import MAIN, Session
from sessions.readback import ends, instant, readback
from sessions.store import History, SessionStore, no_session

LISTED: Final = 100
"""Sessions of a list: what a person or a page looks through."""


class SessionCalls:
    """On one store. `searches` runs some once more, and knows what is warm. Every call but `trouble` raises
    SessionStoreError when the store cannot be used, and SessionNotFound for unknown, expired and foreign ids alike."""

    def __init__(self, store: SessionStore, open_index: OpenIndex, searches: Searches) -> None:
        self._store = store
        self._searches = searches
        self._open_index = open_index
        self._again = searches.again

    def create(self, payload: Any, tenant: str) -> dict[str, Any]:
        """An empty session. Raises SessionExists."""
        request = read_request(SessionRequest, payload)
        with in_body():
            session = self._store.create(
                tenant,
                request.session_id,
                objective=request.objective,
                budget={str(name): amount for name, amount in request.budget.items()},
                keep=request.keep,
            )
        self._searches.calls.begin(tenant, session.id)
        return {"session_id": session.id, **_dates(session)}

    def list(self, tenant: str, limit: int = LISTED) -> dict[str, Any]:
        """Live sessions of a tenant, newest first, so many of them."""
        sessions = self._store.sessions(tenant, limit)
        return {
            "sessions": [{"id": each.id, **_dates(each), "first_query": each.first_query} for each in sessions],
        }

    def read(self, session_id: str, tenant: str, as_of: int | None = None, branch: str = MAIN) -> dict[str, Any]:
        """Log and topics; what each reader on the branch saw, and what the profile would add there now."""
        history = self._history(session_id, tenant)
        check_seq(history, as_of)
        body = readback(history, as_of=as_of, branch=branch)
        body["profile"]["terms"] = profile_terms(history, as_of, self._again, branch)
        return {**body, "segments": segments(history, as_of), **self._searches.calls.report(tenant, session_id)}

    def delete(self, session_id: str, tenant: str) -> None:
        """Erase it."""
        if not self._store.delete(tenant, session_id):
            raise no_session(session_id)
        self._searches.forget(tenant, session_id)

    def feedback(self, session_id: str, payload: Any, tenant: str) -> Reply:
        """What an agent opened, cited or rejected."""
        return session_feedback.record(self._store, self._open_index, session_id, payload, tenant)

    def fork(self, session_id: str, payload: Any, tenant: str) -> dict[str, Any]:
        """A new branch, at any seq that is kept."""
        return branches.fork(self._store, session_id, payload, tenant)

    def merge(self, session_id: str, payload: Any, tenant: str) -> dict[str, Any]:
        """One branch knows from now on what another knows now."""
        return branches.merge(self._store, session_id, payload, tenant)

    def replay(self, session_id: str, seq: int, tenant: str) -> Replayed:
        """The answer of an event, byte for byte; made anew, with equal `results`, when it is no longer kept."""
        return replay(self._store, self._again, session_id, seq, tenant)

    def export(self, session_id: str, what: What, tenant: str) -> Iterator[Rows]:
        """Rows of what was asked, shown, read and said, made as they are asked for."""
        return rows(self._history(session_id, tenant), what, self._open_index, self._again)

    def parquet(self, session_id: str, what: What, tenant: str) -> bytes:
        """The same rows as one Parquet file. Raises NotInstalledError."""
        parquet.require()
        return parquet.parquet(self.export(session_id, what, tenant), what)

    def _history(self, session_id: str, tenant: str) -> History:
        history = self._store.history(tenant, session_id)
        if history is None:
            raise no_session(session_id)
        return history

    def trouble(self) -> str | None:
        """Why sessions cannot be kept now, also in the log; None when they can."""
        try:
            self._store.sessions("default", limit=1)
        except SessionStoreError as error:
            log.warning("session_store_failed", error=error.message, hint=error.hint)
            return f"{error.message} ({error.hint})" if error.hint else error.message
        return None


def check_seq(history: History, as_of: int | None) -> None:
    """Raises EventError for a seq that the log does not have yet."""
    last = history.seq
    if as_of is not None and as_of > last:
        raise EventError(
            f"the log ends at {last}; there is no state as of {as_of} yet", path="as_of", hint=f"0 to {last}"
        )


def _dates(session: Session) -> dict[str, str | None]:
    return {"created": instant(session.created), "expires": ends(session)}
