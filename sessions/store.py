"""Where sessions live: the port that the engine asks, with one contract suite in tests/contract/test_session_store*.py.

A call: `begin` (when it has a request id), `load`, rank on `snapshot.state(...)`, `commit` what was shown, or
`abandon`. Any method raises SessionStoreError when the store cannot be used (the engine then goes on without a
session and says `degraded: ["session"]`), and InvalidName for an id that cannot be one. Unknown, foreign,
deleted and expired ids are all None. Every store keeps the bounds of SessionSettings (bounds.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ranking.types import SessionState
from sessions.errors import SessionExists, SessionNotFound
from sessions.events import MAIN, Branch, Draft, Event, Session
from sessions.fold import Progress, ledger_at, progress_of, state_of
from sessions.idempotency import Claim, Outcome, Replay
from sessions.ledger import Ledger, Touch
from sessions.names import checked


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at one seq, folded; it stays as it is while others commit. `incarnation` tells it from an earlier
    session of the same id; `revision` counts the changes that are not events."""

    session: Session
    branches: tuple[Branch, ...]
    ledger: Ledger
    summary: Ledger  # of the events that are no longer kept; summary.seq is the last of them
    incarnation: int
    revision: int = 0

    @property
    def seq(self) -> int:
        """What an answer calls `snapshot_seq`."""
        return self.ledger.seq

    def state(self, reader: str | None = None, branch: str = MAIN) -> SessionState:
        """What a call of this reader sees. Costs the same however long the log is. Its `goal` is the session's
        objective, or what the reader's topic, or else the session, began with. Raises BranchNotFound."""
        state = state_of(self.ledger, reader, branch, self.branches)
        return replace(state, goal=self.session.objective or state.goal or self.session.first_query or "")

    def progress(self, reader: str | None = None, branch: str = MAIN) -> Progress:
        """For yields.low_yield. Raises BranchNotFound."""
        return progress_of(self.ledger, reader, branch, self.branches)

    def budget_left(self) -> dict[str, float] | None:
        """Resource -> what is left, at least 0; None for a session without a budget."""
        if not self.session.budget:
            return None
        spent = self.ledger.spent
        return {name: max(0.0, amount - spent.get(name, 0.0)) for name, amount in self.session.budget.items()}

    def touched(self, reader: str | None, branch: str) -> Touch | None:
        """The latest event of this reader on this branch, of any kind."""
        who = reader or branch
        found = [
            trail.touched
            for key, trail in self.ledger.trails.items()
            if key.branch == branch and key.reader == who and trail.touched
        ]
        return max(found, key=lambda touch: touch.seq, default=None)


@dataclass(frozen=True, slots=True)
class History:
    """A session with every event that is still kept, in order of seq."""

    session: Session
    branches: tuple[Branch, ...]
    summary: Ledger
    events: tuple[Event, ...]

    @property
    def seq(self) -> int:
        """Of the latest event, kept or folded."""
        return self.events[-1].seq if self.events else self.summary.seq

    def ledger(self, as_of: int | None = None) -> Ledger:
        """The fold up to `as_of`. Raises HistoryFolded."""
        return ledger_at(self.events, as_of=as_of, branches=self.branches, summary=self.summary)


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of a call. `seq`: of the last event added, or 0: nothing was. Then it is `replayed`, for another call
    with this request id was first and `answer` is its bytes, or the session that the call was ranked on is gone."""

    seq: int
    answer: bytes
    replayed: bool = False


class SessionStore(Protocol):
    """Every method is safe to call from several threads; it may block (disk, lock, `wait`)."""

    def load(self, tenant: str, session_id: str) -> Snapshot | None:
        """The live session, folded."""
        ...

    def expired(self, tenant: str, session_id: str) -> bool:
        """Whether `load` gave None because the session of this id has expired (known for a day)."""
        ...

    def history(self, tenant: str, session_id: str) -> History | None:
        """The live session with its events, for reading back, as-of and export. Costs the length of the log."""
        ...

    def sessions(self, tenant: str, limit: int = 100) -> tuple[Session, ...]:
        """The tenant's live sessions, newest first."""
        ...

    def create(
        self,
        tenant: str,
        session_id: str | None = None,
        *,
        objective: str | None = None,
        budget: Mapping[str, float] | None = None,
        keep: bool = False,
    ) -> Session:
        """An empty session; the id is minted when None. With `keep` it lives until it is deleted. Raises SessionExists.
        (Searching needs no create.)"""
        ...

    def fork(
        self, tenant: str, session_id: str, *, source: str = MAIN, at: int | None = None, branch: str | None = None
    ) -> Branch:
        """A new branch that knows what `source` knew at seq `at` (None: now); its name is minted when None. A pointer:
        no event is copied. Raises SessionNotFound, BranchNotFound, BranchExists, TooManyBranches, HistoryFolded,
        and EventError for a seq that the log does not have."""
        ...

    def merge(self, tenant: str, session_id: str, *, source: str, into: str) -> Branch:
        """From now on `into` knows, as hints, what `source` knows now; returns `into`. A pointer. Merging again with
        nothing new changes nothing. Raises SessionNotFound, BranchNotFound, TooManyBranches, and EventError for a merge
        with itself."""
        ...

    def delete(self, tenant: str, session_id: str) -> bool:
        """Erases the log, its summary, stored answers and request ids; False if there was no live session."""
        ...

    def begin(self, tenant: str, request_id: str, body: str, *, wait: float | None = None) -> Outcome:
        """What to do with a call that has a request id; `body` is its body_hash. Waits up to `wait` seconds
        (default: settings.join_seconds) for a call that is being answered."""
        ...

    def abandon(self, claim: Claim) -> None:
        """The call produced no answer (or a 4xx or 5xx): its request id is free again. Never raises."""
        ...

    def repeat(self, snapshot: Snapshot, body: str, *, reader: str | None = None, branch: str = MAIN) -> Replay | None:
        """The stored answer, if this reader's latest event was a call with this very body, within 120 s."""
        ...

    def commit(
        self,
        tenant: str,
        session_id: str,
        drafts: Sequence[Draft],
        answer: Callable[[int], bytes],
        *,
        snapshot: Snapshot | None = None,
        claim: Claim | None = None,
        objective: str | None = None,
    ) -> Committed:
        """Adds the events with consecutive seqs and stores the answer, in one atomic step, or does neither.

        `answer(seq)` makes the bytes once the last seq is known; it is called inside the step, so it must be quick,
        and if it raises nothing is added; when another process is faster it is called again, with a later seq.
        `snapshot` is what the call was ranked on. None, it found no session: one that is not there is begun.
        Otherwise a session that expired while the call ran lives on, but one that was erased (deleted, swept, begun
        anew) is not brought back: nothing is added or kept, and the answer is `answer(0)`, for this call and for
        those that wait for it. `objective` becomes the session's if it has none. Raises RequestConflict, EventError
        and BranchNotFound.
        """
        ...

    def answer(self, tenant: str, session_id: str, seq: int) -> bytes | None:
        """The bytes that the call with the event `seq` was answered with, while they are kept (15 minutes at most)."""
        ...

    def sweep(self) -> int:
        """Erases some of what has expired; returns how many rows. Commits do it now and then by themselves."""
        ...

    def close(self) -> None:
        """Lets go of files. Idempotent."""
        ...


def in_use(session_id: str) -> SessionExists:
    """What create raises for the id of a live session."""
    return SessionExists(f"session {session_id!r} exists", path="session_id", hint="search in it, or delete it")


def no_session(session_id: str) -> SessionNotFound:
    """Of unknown, foreign, deleted and expired ids alike."""
    return SessionNotFound(
        f"there is no session {session_id!r}", path="session_id", hint="GET /v1/sessions lists the live ones"
    )


def check_drafts(drafts: Sequence[Draft]) -> None:
    """The door of `commit`. Raises InvalidName, ValueError for no drafts at all."""
    if not drafts:
        raise ValueError("a commit needs at least one event")
    for draft in drafts:
        checked("branch", draft.branch)
        if draft.reader is not None:
            checked("reader", draft.reader)
        if draft.document:
            checked("document", draft.document)
