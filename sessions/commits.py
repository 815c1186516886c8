"""The pure half of a commit: given a session and drafts, returns the events and the session after them.

Shared by all stores, so that they can only differ in how they keep things.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sessions.bounds import Folded, compact, overflow
from sessions.events import Branch, Draft, Event, Session, place
from sessions.fold import find_branch
from sessions.ledger import Ledger, Touch, advance, cuts_of
from sessions.settings import SessionSettings
from sessions.store import Snapshot

SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


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


@dataclass(frozen=True, slots=True)
class Growth:
    """A session after a commit. `asked`: its head changed (first query or objective). `folded`: what was folded and
    forgotten, if anything was."""

    session: Session
    ledger: Ledger
    summary: Ledger
    revision: int
    asked: bool
    folded: Folded | None

    def of(self, before: SnapshotT) -> SnapshotT:
        """The snapshot that this makes of the one before."""
        return replace(before, session=self.session, ledger=self.ledger, summary=self.summary, revision=self.revision)


def grown(
    before: Snapshot,
    events: Sequence[Event],
    objective: str | None,
    now: float,
    settings: SessionSettings,
    kept: Callable[[int], Sequence[Event]],
) -> Growth:
    """The session with these events, within its bounds. `kept(horizon)` reads the stored events up to a seq."""
    asking = asked(before.session, events, objective)
    cuts = cuts_of(before.branches)
    ledger, summary, revision = advance(before.ledger, events, cuts), before.summary, before.revision
    changed = asking != before.session
    folding = overflow(ledger, summary.seq, settings)
    folded = None
    if folding:
        folded = compact(summary, [*kept(folding.horizon), *events], ledger, folding, cuts)
        summary, ledger = folded.summary, folded.ledger
    revision += changed + (folded is not None)
    return Growth(touched(asking, now, settings), ledger, summary, revision, changed, folded)


def repeated(
    snapshot: Snapshot, body: str, reader: str | None, branch: str, now: float, settings: SessionSettings
) -> Touch | None:
    """The latest event of this reader on this branch, of any kind, if it is of this request and not long ago."""
    touch = snapshot.touched(reader, branch)
    if touch is None or touch.body != body or now - touch.at > settings.repeat_seconds:
        return None
    return touch


def check_branches(drafts: Sequence[Draft], branches: Sequence[Branch]) -> None:
    """Raises BranchNotFound."""
    for draft in drafts:
        find_branch(branches, draft.branch)
