"""What doors may do with sessions beside searching in them: create, list, read back, delete, and ask whether the store
works. JSON-ready. Not for searches (session_door.py), nor for what a session is (sessions/).
"""

from __future__ import annotations

from typing import Any

from api import log
from api.errors import NotFoundError
from api.requests import SessionRequest, in_body, read_request
from ranking.shown import shown
from sessions.errors import SessionStoreError
from sessions.events import Session
from sessions.readback import instant, readback
from sessions.store import SessionStore


class SessionCalls:
    """On one store. Every call but `trouble` raises SessionStoreError when the store cannot be used."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    def create(self, payload: Any, tenant: str) -> dict[str, Any]:
        """An empty session. Raises SessionExists."""
        request = read_request(SessionRequest, payload)
        with in_body():
            session = self._store.create(tenant, request.session_id, objective=request.objective)
        return {"session_id": session.id, **_dates(session)}

    def list(self, tenant: str) -> dict[str, Any]:
        """Live sessions of a tenant, newest first."""
        sessions = self._store.sessions(tenant)
        return {
            "sessions": [{"id": each.id, **_dates(each), "first_query": each.first_query} for each in sessions],
        }

    def read(self, session_id: str, tenant: str, as_of: int | None) -> dict[str, Any]:
        """Log, what each reader saw, profile. NotFoundError for ids of others too."""
        history = self._store.history(tenant, session_id)
        if history is None:
            raise _no_session(session_id)
        return readback(history, as_of=as_of)

    def delete(self, session_id: str, tenant: str) -> None:
        """Erase it; NotFoundError for ids of others too."""
        if not self._store.delete(tenant, session_id):
            raise _no_session(session_id)

    def trouble(self) -> str | None:
        """Why sessions cannot be kept now, also in the log; None when they can."""
        try:
            self._store.sessions("default", limit=1)
        except SessionStoreError as error:
            log.warning("session_store_failed", error=error.message, hint=error.hint)
            return f"{error.message} ({error.hint})" if error.hint else error.message
        return None


def _dates(session: Session) -> dict[str, str]:
    return {"created": instant(session.created), "expires": instant(session.expires)}


def _no_session(session_id: str) -> NotFoundError:
    return NotFoundError(
        f"there is no session {shown(session_id)}", path="session_id", hint="GET /v1/sessions lists the live ones"
    )
