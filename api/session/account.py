"""What a session learned, for people and programs to read: given its history, returns the topics of each reader and the
words that its profile would add now.

Beside sessions/readback.py, which tells what was asked and shown. Not for learning itself (profile.py).
"""

from __future__ import annotations

from typing import Any

from api.requests import SearchRequest
from api.session.batch import Entry
from api.session.replay import RunAgain
from ranking.errors import ForageError
from sessions.events import MAIN, Event
from sessions.store import History, Snapshot


def segments(history: History, as_of: int | None) -> list[dict[str, Any]]:
    """The topics of each reader on each branch, in order of their first search: a search that drifted begins one."""
    running: dict[tuple[str, str], dict[str, Any]] = {}
    told: list[dict[str, Any]] = []
    for event in _searches(history, as_of):
        who = (event.branch, event.who)
        if who not in running or event.drifted:
            running[who] = {
                "first_seq": event.seq,
                "branch": event.branch,
                "reader": event.who,
                "goal": event.query,
                "queries": [],
            }
            told.append(running[who])
        running[who]["queries"].append({"seq": event.seq, "query": event.query})
    return told


def profile_terms(
    history: History, as_of: int | None, again: RunAgain, branch: str = MAIN
) -> list[dict[str, Any]] | None:
    """What the session would add to the latest query of the branch, were it asked once more, by whom it was asked: each
    word with its weight and where it comes from. None when it cannot be asked any more."""
    searches = [event for event in _searches(history, as_of) if event.branch == branch]
    if not searches:
        return []
    latest = searches[-1]
    snapshot = Snapshot(history.session, history.branches, history.ledger(as_of), history.summary, 0)
    try:
        asked = SearchRequest.model_validate(latest.request)
        session = asked.session.model_copy(update={"use_profile": True})
        budget = asked.budget.model_copy(update={"on_exceed": "degrade"})
        request = asked.model_copy(update={"session": session, "budget": budget})
        (entry,) = again(history.session.tenant, [request], snapshot.state(latest.reader, latest.branch))
    except (ForageError, ValueError):  # its collection is gone, or its request is of another version
        return None
    return list(entry.outcome.profile_terms) if isinstance(entry, Entry) else None


def _searches(history: History, as_of: int | None) -> list[Event]:
    return [event for event in history.events if event.kind == "search" and (as_of is None or event.seq <= as_of)]
