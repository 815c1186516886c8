"""The pure half of a commit: given a session and drafts, returns the events and the session after them.

Shared by all stores, so that they can only differ in how they keep things.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sessions.branching import find
from sessions.events import Branch, Draft, Event, Session, place
from sessions.settings import SessionSettings


def started(
    tenant: str,
    session_id: str,
    now: float,
    settings: SessionSettings,
    objective: str | None = None,
    budget: Mapping[str, float] | None = None,
    keep: bool = False,
) -> Session:
    """A new session, without events."""
    session = Session(
        tenant, session_id, created=now, expires=now, budget=dict(budget or {}), objective=objective, keep=keep
    )
    return touched(session, now, settings)


def touched(session: Session, now: float, settings: SessionSettings) -> Session:
    """It lives on for the idle time, but never beyond the longest life; or until it is deleted."""
    if session.keep:
        return replace(session, expires=math.inf)
    return replace(session, expires=min(now + settings.idle_seconds, session.created + settings.max_seconds))


def placed(drafts: Sequence[Draft], after: int, snapshot_seq: int, now: float) -> tuple[Event, ...]:
    """The drafts as events with the seqs that follow `after`; one answer, kept under the last seq."""
    last = after + len(drafts)
    return tuple(
        place(draft, seq=seq, at=now, snapshot_seq=snapshot_seq, answer=last)
        for seq, draft in enumerate(drafts, after + 1)
    )


def asked(session: Session, events: Sequence[Event], objective: str | None) -> Session:
    """With its first query and its first objective, once there were some; later ones change neither."""
    query = session.first_query
    if query is None:
        query = next((event.query for event in events if event.kind == "search"), None)
    if session.objective is not None:
        objective = session.objective
    if (query, objective) == (session.first_query, session.objective):
        return session
    return replace(session, first_query=query, objective=objective)


def check_branches(drafts: Sequence[Draft], branches: Sequence[Branch]) -> None:
    """Raises BranchNotFound."""
    for draft in drafts:
        find(branches, draft.branch)
