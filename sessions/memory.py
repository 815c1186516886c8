"""Sessions in this process's memory, gone with it: the slow and obvious store that the others are tested against.

It keeps the events and folds all of them on every load. Not for serving.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ranking.ports import Clock
from sessions.bounds import compact, overflow
from sessions.branching import forked, merged
from sessions.clock import SystemClock
from sessions.codec import encode_event
from sessions.commits import asked, check_branches, placed, repeated, started, touched
from sessions.errors import SessionStoreError
from sessions.events import MAIN, TRUNK, Branch, Draft, Event, Session
from sessions.idempotency import Claim, Conflict, Flights, Fresh, Outcome, Replay, other_body
from sessions.ledger import EMPTY, Ledger, advance, cuts_of
from sessions.names import checked, new_session_id
from sessions.settings import DEFAULTS, SessionSettings
from sessions.store import Committed, History, Snapshot, check_drafts, in_use, no_session


@dataclass
class _Log:
    session: Session
    incarnation: int
    branches: tuple[Branch, ...] = (TRUNK,)
    revision: int = 0
    summary: Ledger = EMPTY
    events: list[Event] = field(default_factory=list)
    answers: dict[int, tuple[bytes, float]] = field(default_factory=dict)  # seq -> bytes, until

    @property
    def last(self) -> int:
        return max(self.summary.seq, self.events[-1].seq if self.events else 0)

    def snapshot(self) -> Snapshot:
        ledger = advance(self.summary, self.events, cuts_of(self.branches))
        return Snapshot(self.session, self.branches, ledger, self.summary, self.incarnation, self.revision)


@dataclass(frozen=True)
class _Answered:
    body: str
    answer: bytes
    until: float
    session: tuple[str, str]


class MemorySessionStore:
    """`SessionStore` in a dictionary."""

    def __init__(self, settings: SessionSettings = DEFAULTS, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._logs: dict[tuple[str, str], _Log] = {}
        self._answered: dict[tuple[str, str], _Answered] = {}
        self._flights = Flights(settings)
        self._incarnations = 0
        self._closed = False

    # ------------------------------------------------------------ reading

    def load(self, tenant: str, session_id: str) -> Snapshot | None:
        with self._open():
            log = self._live(tenant, session_id)
            return log.snapshot() if log else None

    def expired(self, tenant: str, session_id: str) -> bool:
        with self._open():
            log = self._logs.get((tenant, checked("session_id", session_id)))
            return log is not None and self._is_over(log)

    def history(self, tenant: str, session_id: str) -> History | None:
        with self._open():
            log = self._live(tenant, session_id)
            return History(log.session, log.branches, log.summary, tuple(log.events)) if log else None

    def sessions(self, tenant: str, limit: int = 100) -> tuple[Session, ...]:
        with self._open():
            logs = [log for (owner, _), log in self._logs.items() if owner == tenant and not self._is_over(log)]
            logs.sort(key=lambda log: log.incarnation, reverse=True)
            return tuple(log.session for log in logs[:limit])

    def answer(self, tenant: str, session_id: str, seq: int) -> bytes | None:
        with self._open():
            log = self._live(tenant, session_id)
            event = next((event for event in log.events if event.seq == seq), None) if log else None
            if log is None or event is None or event.answer not in log.answers:
                return None
            answer, until = log.answers[event.answer]
            return answer if until > self._clock.now() else None

    # ------------------------------------------------------------ retries

    def begin(self, tenant: str, request_id: str, body: str, *, wait: float | None = None) -> Outcome:
        checked("request_id", request_id)
        wait = self._settings.join_seconds if wait is None else wait
        return self._flights.begin(tenant, request_id, body, wait, self._look)

    def _look(self, claim: Claim, deadline: float) -> Outcome:
        with self._open():
            known = self._known(claim)
            if known is None:
                return Fresh(claim)
            return Replay(known.answer) if known.body == claim.body else Conflict()

    def abandon(self, claim: Claim) -> None:
        self._flights.leave(claim)

    def repeat(self, snapshot: Snapshot, body: str, *, reader: str | None = None, branch: str = MAIN) -> Replay | None:
        touch = repeated(snapshot, body, reader, branch, self._clock.now(), self._settings)
        if touch is None:
            return None
        answer = self.answer(snapshot.session.tenant, snapshot.session.id, touch.seq)
        return None if answer is None else Replay(answer)

    # ------------------------------------------------------------ writing

    def create(
        self,
        tenant: str,
        session_id: str | None = None,
        *,
        objective: str | None = None,
        budget: Mapping[str, float] | None = None,
        keep: bool = False,
    ) -> Session:
        with self._open():
            session_id = new_session_id() if session_id is None else session_id
            if self._live(tenant, session_id):
                raise in_use(session_id)
            return self._start(tenant, session_id, objective, budget, keep).session

    def fork(
        self, tenant: str, session_id: str, *, source: str = MAIN, at: int | None = None, branch: str | None = None
    ) -> Branch:
        with self._open():
            log = self._found(tenant, session_id)
            branches, new = forked(
                log.branches,
                source=source,
                at=at,
                name=branch,
                seq=log.last,
                folded=log.summary.seq,
                limits=self._settings,
            )
            self._branched(log, branches)
            return new

    def merge(self, tenant: str, session_id: str, *, source: str, into: str) -> Branch:
        with self._open():
            log = self._found(tenant, session_id)
            branches, taker = merged(
                log.branches,
                log.snapshot().ledger,
                source=source,
                into=into,
                folded=log.summary.seq,
                limits=self._settings,
            )
            if branches is not log.branches:
                self._branched(log, branches)
            return taker

    def _found(self, tenant: str, session_id: str) -> _Log:
        log = self._live(tenant, session_id)
        if log is None:
            raise no_session(session_id)
        return log

    def _branched(self, log: _Log, branches: tuple[Branch, ...]) -> None:
        log.branches, log.revision = branches, log.revision + 1
        log.session = touched(log.session, self._clock.now(), self._settings)

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
        check_drafts(drafts)
        now = self._clock.now()
        with self._open():
            known = self._known(claim) if claim else None
            if claim and known:
                if known.body != claim.body:
                    raise other_body(claim)
                self._flights.leave(claim, known.answer)
                return Committed(0, known.answer, replayed=True)
            key = (tenant, checked("session_id", session_id))
            log = self._logs.get(key)
            if snapshot is not None and (log is None or log.incarnation != snapshot.incarnation):
                body = answer(0)
                if claim:
                    self._flights.leave(claim, body)
                return Committed(0, body)
            if log is not None and snapshot is None and self._is_over(log):
                log = None
            check_branches(drafts, log.branches if log else (TRUNK,))
            events = placed(drafts, log.last if log else 0, snapshot.seq if snapshot else 0, now)
            for event in events:
                encode_event(event)  # refuses what the other stores could not write down
            body = answer(events[-1].seq)
            if log is None:
                log = self._start(tenant, session_id, objective, None)
            log.session = touched(asked(log.session, events, objective), now, self._settings)
            log.events.extend(events)
            log.answers[events[-1].seq] = (body, now + self._settings.answer_seconds)
            if claim:
                until = now + self._settings.answer_seconds
                self._answered[tenant, claim.request_id] = _Answered(claim.body, body, until, key)
            self._shrink(log)
        if claim:
            self._flights.leave(claim, body)
        return Committed(events[-1].seq, body)

    def _shrink(self, log: _Log) -> None:
        ledger = log.snapshot().ledger
        folding = overflow(ledger, log.summary.seq, self._settings)
        if folding:
            log.summary = compact(log.summary, log.events, ledger, folding, cuts_of(log.branches)).summary
            log.events = [event for event in log.events if event.seq > folding.horizon]
            log.answers = {seq: kept for seq, kept in log.answers.items() if seq > folding.horizon}

    def delete(self, tenant: str, session_id: str) -> bool:
        with self._open():
            live = self._live(tenant, session_id) is not None
            self._erase((tenant, session_id))
            return live

    def sweep(self) -> int:
        now = self._clock.now()
        with self._open():
            dead = [
                key for key, log in self._logs.items() if log.session.expires + self._settings.tombstone_seconds <= now
            ]
            for key in dead:
                self._erase(key)
            old = [key for key, kept in self._answered.items() if kept.until <= now]
            for request in old:
                del self._answered[request]
            return len(dead) + len(old)

    def close(self) -> None:
        self._closed = True

    # ------------------------------------------------------------ inside

    def _open(self) -> threading.RLock:
        if self._closed:
            raise SessionStoreError("the session store is closed")
        return self._lock

    def _live(self, tenant: str, session_id: str) -> _Log | None:
        log = self._logs.get((tenant, checked("session_id", session_id)))
        return None if log is None or self._is_over(log) else log

    def _is_over(self, log: _Log) -> bool:
        return log.session.expires <= self._clock.now()

    def _known(self, claim: Claim) -> _Answered | None:
        known = self._answered.get((claim.tenant, claim.request_id))
        return known if known and known.until > self._clock.now() else None

    def _start(
        self,
        tenant: str,
        session_id: str,
        objective: str | None,
        budget: Mapping[str, float] | None,
        keep: bool = False,
    ) -> _Log:
        self._erase((tenant, session_id))
        self._incarnations += 1
        session = started(tenant, session_id, self._clock.now(), self._settings, objective, budget, keep)
        log = self._logs[tenant, session_id] = _Log(session, self._incarnations)
        return log

    def _erase(self, key: tuple[str, str]) -> None:
        self._logs.pop(key, None)
        for request in [request for request, kept in self._answered.items() if kept.session == key]:
            del self._answered[request]
