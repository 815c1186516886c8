"""The log's nouns: a session, its branches, its events. Everything a session knows is a fold of its events.

seq counts the events of one session over all branches: 1, 2, 3 without gaps, in the order of commits. So a
fork is a pointer (parent, parent_seq), a merge is a pointer too (source, upto), and both are unions of event
sets. Not for what was learned (ledger.py, fold.py), nor for bytes (codec.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from ranking.types import Shown, Stub
from sessions.errors import EventError

MAIN: Final = "main"
"""The trunk."""

Kind = Literal["search", "open", "cite", "reject", "note"]
KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))
FEEDBACK: Final = frozenset({"open", "cite", "reject"})
"""Kinds that say something of a document; only these move a profile. `shown` is exposure, not interest."""


@dataclass(frozen=True, slots=True)
class Session:
    """`created` and `expires` in epoch seconds. `budget`: name of a resource -> how much may be spent. `keep`: it lives
    until it is deleted; `expires` is then infinite."""

    tenant: str
    id: str
    created: float
    expires: float
    budget: Mapping[str, float] = field(default_factory=dict)
    first_query: str | None = None
    objective: str | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """From the session's seq `at` on, the branch that holds this knows the events of `source` up to `upto`. It is
    later than `at` when the source was merged again with nothing new in between."""

    source: str
    upto: int  # at least the seq at which `source` was forked
    at: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of events. It knows its parent's events up to `parent_seq`, and none later. A fork of a branch
    before that branch began is written as a fork of its parent, so `parent_seq` is at least the parent's own.
    Forks and merges at one seq are simultaneous: what is known does not depend on their order."""

    id: str
    parent: str | None = None
    parent_seq: int = 0
    merged: tuple[Merge, ...] = ()


TRUNK: Final = Branch(MAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event without its place in the log. `reader` None: the branch's own. Raises EventError.

    `body` is the hash of the request as sent. `new` and `best_new` say how many of `shown` the reader had not
    seen, and the best score among those (yields.gain). `cost`: resource -> amount, taken from the budget.
    `drifted`: this search began a new topic.
    A `why` in `request` is dropped: free reasoning is used for encoding and never stored.
    """

    kind: Kind = "search"
    branch: str = MAIN
    reader: str | None = None
    query: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    generation: str = ""
    body: str = ""
    shown: tuple[Shown, ...] = ()
    stubs: tuple[Stub, ...] = ()
    new: int = 0
    best_new: float = 0.0
    document: str = ""  # of open, cite and reject
    passage: int | None = None  # its ordinal
    note: str = ""
    cost: Mapping[str, float] = field(default_factory=dict)
    drifted: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise EventError(f"unknown kind of event {self.kind!r}", hint=f"one of {', '.join(sorted(KINDS))}")
        if self.kind in FEEDBACK and not self.document:
            raise EventError(f"{self.kind!r} needs a document", path="document")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Draft):
    """One entry of the log. `at`: epoch seconds of the commit. `snapshot_seq`: what its call knew of the log.
    `answer`: the seq under which the bytes of its answer are kept (events of one commit share one answer)."""

    seq: int
    at: float
    snapshot_seq: int = 0
    answer: int = 0

    @property
    def who(self) -> str:
        """The reader by name."""
        return self.reader or self.branch


def place(draft: Draft, *, seq: int, at: float, snapshot_seq: int, answer: int) -> Event:
    """The event that this draft becomes at this place of the log."""
    request = draft.request
    if "why" in request:
        request = {name: value for name, value in request.items() if name != "why"}
    return Event(
        kind=draft.kind,
        branch=draft.branch,
        reader=draft.reader or draft.branch,
        query=draft.query,
        request=request,
        generation=draft.generation,
        body=draft.body,
        shown=draft.shown,
        stubs=draft.stubs,
        new=draft.new,
        best_new=draft.best_new,
        document=draft.document,
        passage=draft.passage,
        note=draft.note,
        cost=draft.cost,
        drifted=draft.drifted,
        seq=seq,
        at=at,
        snapshot_seq=snapshot_seq,
        answer=answer,
    )
