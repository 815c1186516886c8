"""A session for people and programs to read: given its history, returns `{session, branches, events, seen, profile}`.

JSON-ready; times are RFC 3339, UTC. `as_of` reads it as it was after that seq. Shingles, bodies of requests and
stored answers stay inside. Not for storing (codec.py).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ranking.types import Shown
from sessions.events import MAIN, Event, Session
from sessions.fold import marks_of, reach_of, state_of
from sessions.ledger import Ledger
from sessions.store import History


def readback(history: History, *, as_of: int | None = None, branch: str = MAIN) -> dict[str, Any]:
    """`seen` is by reader, over what `branch` knows; `events` are of all branches, oldest first, as far as they
    are kept (`session.folded`: events up to it are only in `seen`). Of the past, a branch that begins later and a
    merge that came later are left out. Raises HistoryFolded, BranchNotFound."""
    ledger = history.ledger(as_of)
    events = history.events if as_of is None else tuple(event for event in history.events if event.seq <= as_of)
    session = _begun(history, events)
    return {
        "session": session_shape(session, ledger, history.summary.seq),
        "branches": [
            {
                "id": item.id,
                "parent": item.parent,
                "parent_seq": item.parent_seq if item.parent is not None else None,
                "merged": [
                    {"from": merge.source, "upto": merge.upto, "at": merge.at}
                    for merge in item.merged
                    if as_of is None or merge.at <= as_of
                ],
            }
            for item in history.branches
            if as_of is None or item.parent_seq <= as_of
        ],
        "events": [event_shape(event) for event in events],
        "seen": _seen(history, ledger, branch),
        "profile": _profile(replace(history, session=session, events=events), ledger, branch),
    }


def session_shape(session: Session, ledger: Ledger, folded: int) -> dict[str, Any]:
    """The session itself, with what is left of its budget (null without one)."""
    left = {name: max(0.0, amount - ledger.spent.get(name, 0.0)) for name, amount in session.budget.items()}
    return {
        "id": session.id,
        "created": instant(session.created),
        "expires": ends(session),
        "keep": session.keep,
        "seq": ledger.seq,
        "folded": folded,
        "first_query": session.first_query,
        "objective": session.objective,
        "budget": dict(session.budget) or None,
        "budget_left": left or None,
    }


def event_shape(event: Event) -> dict[str, Any]:
    """One event; keys that its kind does not have are left out."""
    shape: dict[str, Any] = {
        "seq": event.seq,
        "at": instant(event.at),
        "branch": event.branch,
        "reader": event.who,
        "kind": event.kind,
        "snapshot_seq": event.snapshot_seq,
    }
    if event.kind == "search":
        shape |= {
            "query": event.query,
            "generation": event.generation,
            "new": event.new,
            "shown": [_shown(item) for item in event.shown],
            "drifted": event.drifted,
            "stubs": [{"id": stub.id, "shown_at": stub.shown_at, "rank_now": stub.rank_now} for stub in event.stubs],
            "request": dict(event.request),
        }
    else:
        shape |= {"document": event.document or None, "passage": event.passage}
        if event.note:
            shape["note"] = event.note
        if event.query:  # of a probe
            shape["query"] = event.query
        if event.shown:
            shape["shown"] = [_shown(item) for item in event.shown]
    if event.cost:
        shape["cost"] = dict(event.cost)
    return shape


def instant(seconds: float) -> str:
    """Epoch seconds as RFC 3339 with milliseconds, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ends(session: Session) -> str | None:
    """When it expires; None for one that lives until it is deleted."""
    return None if session.keep else instant(session.expires)


def _shown(item: Shown) -> dict[str, Any]:
    return {
        "document": item.document,
        "url": item.url,
        "title": item.title,
        "rank": item.rank,
        "score": float(item.score),
        "passages": [int(ordinal) for ordinal in item.passages],
        "content_hash": item.content_hash,
        "cluster": item.cluster,
    }


def _seen(history: History, ledger: Ledger, branch: str) -> dict[str, list[dict[str, Any]]]:
    reach, _ = reach_of(branch, history.branches, ledger.seq)
    readers = {key.reader for key in ledger.trails if key.branch in reach} | {branch}
    seen: dict[str, list[dict[str, Any]]] = {}
    for reader in sorted(readers):
        state = state_of(ledger, reader, branch, history.branches)
        rows = [
            {
                "document": item.document,
                "seq": item.seq,
                "rank": item.rank,
                "calls_ago": item.calls_ago,
                "passages": sorted(item.passages),
                "by": list(state.others.get(item.document, ())),
            }
            for item in state.seen.values()
        ]
        if rows or reader == branch:
            seen[reader] = sorted(rows, key=lambda row: (row["seq"], row["rank"], row["document"]))
    return seen


def _begun(history: History, events: tuple[Event, ...]) -> Session:
    """The session as these events have left it: without a first query where none of them, nor any before, is one."""
    asked = history.summary.seq or any(event.kind == "search" for event in events)
    return history.session if asked else replace(history.session, first_query=None)


def _profile(history: History, ledger: Ledger, branch: str) -> dict[str, Any]:
    """`goal` is that of whoever searched last on the branch."""
    session, branches = history.session, history.branches
    searches = (event for event in reversed(history.events) if event.kind == "search" and event.branch == branch)
    latest = next(searches, None)
    topic = state_of(ledger, latest.who if latest else None, branch, branches).goal
    return {
        "goal": session.objective or topic or session.first_query,
        "feedback": [
            {"document": document, "kind": mark.kind, "seq": mark.seq, "at": instant(mark.at), "passage": mark.passage}
            for document, mark in marks_of(ledger, branch, branches).items()
        ],
    }
