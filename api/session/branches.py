"""Branches of a session: given what to fork or to merge, does it and returns what became of it, JSON-ready.

Not for what a branch knows (sessions/fold.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from api.requests import in_body, read_request
from api.session.requests import ForkRequest, MergeRequest
from ranking.nearest import nearest
from sessions.errors import BranchNotFound, SessionNotFound
from sessions.events import Branch
from sessions.store import SessionStore, Snapshot, no_session


def fork(store: SessionStore, session_id: str, payload: Any, tenant: str) -> dict[str, Any]:
    """{branch, parent, parent_seq}: where the fork was written, which for a fork from before its parent began is the
    parent's parent. Raises what SessionStore.fork does."""
    request = read_request(ForkRequest, payload)
    with _changing(store, session_id, tenant, request.source):
        branch = store.fork(tenant, session_id, source=request.source, at=request.at, branch=request.branch)
    return {"branch": branch.id, "parent": branch.parent, "parent_seq": branch.parent_seq}


def merge(store: SessionStore, session_id: str, payload: Any, tenant: str) -> dict[str, Any]:
    """{branch, merged}: the branch that knows more now, with all that was merged into it. Raises what
    SessionStore.merge does."""
    request = read_request(MergeRequest, payload)
    with _changing(store, session_id, tenant, request.source, request.into):
        return {
            "session_id": session_id,
            **merges(store.merge(tenant, session_id, source=request.source, into=request.into)),
        }


def merges(branch: Branch) -> dict[str, Any]:
    """A branch with what it took from others."""
    return {
        "branch": branch.id,
        "merged": [{"from": merge.source, "upto": merge.upto, "at": merge.at} for merge in branch.merged],
    }


@contextmanager
def _changing(store: SessionStore, session_id: str, tenant: str, *named: str) -> Iterator[Snapshot]:
    """The session, which has to be there; errors name fields of the body, and the branch that was meant."""
    snapshot = store.load(tenant, session_id)
    if snapshot is None:
        raise no_session(session_id)
    try:
        with in_body():
            yield snapshot
    except BranchNotFound as error:
        known = [branch.id for branch in snapshot.branches]
        error.did_you_mean = next((nearest(name, known) for name in named if name not in known), None)
        raise
    except SessionNotFound:  # deleted in between
        raise no_session(session_id) from None
