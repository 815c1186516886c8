"""Sessions in one SQLite file: survives kill -9 and power cuts, serves several threads and several processes.

`SessionStore` over the tables of sqlite_file.py, whose rows sqlite_rows.py reads and writes. A commit is one short
write transaction that adds rows; it never rewrites the log. Folded sessions are kept in the process, so a load reads
one row when nothing changed, and only the new events when another process added some. Not for many machines: that is
Redis.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ranking.ports import Clock
from sessions.bounds import compact, overflow
from sessions.clock import SystemClock
from sessions.codec import (
    decode_event,
    decode_session,
    encode_event,
    encode_session,
)
from sessions.commits import asked, check_branches, placed, started, touched
from sessions.errors import RequestConflict, SessionExists, SessionStoreError
from sessions.events import MAIN, TRUNK, Draft, Event, Session
from sessions.idempotency import Claim, Conflict, Flights, Fresh, Outcome, Replay, Running
from sessions.ledger import EMPTY, advance, cuts_of
from sessions.names import checked, new_session_id
from sessions.settings import DEFAULTS, SessionSettings
from sessions.snapshots import Snapshots
from sessions.sqlite_file import SqliteFile
from sessions.sqlite_rows import (
    ERASED,
    Row,
    answer_at,
    consistent,
    erase,
    erase_expired,
    events_between,
    key_of,
    release,
    row_of,
    summary_of,
    write_answer,
    write_summary,
)
from sessions.store import Committed, History, Snapshot, check_drafts


class SqliteSessionStore:
    """The file and its folder are made when a session is first asked for; see SqliteFile."""

    def __init__(self, path: Path, settings: SessionSettings = DEFAULTS, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._forget()
        self._file = SqliteFile(Path(path), settings.busy_seconds, on_open=self._forget)
        self._flights = Flights(settings)
        self._swept = time.monotonic()
        self._sweep_from = 0

    def _forget(self) -> None:
        """Another file numbers its sessions anew: what is kept of this one says nothing of them."""
        self._kept = Snapshots(self._settings.cached_exposures)

    # ------------------------------------------------------------ reading

    def load(self, tenant: str, session_id: str) -> Snapshot | None:
        checked("session_id", session_id)
        with self._file.reading() as connection:
            row = row_of(connection, tenant, session_id)
            if row is None or row.revision == ERASED or row.expires <= self._clock.now():
                return None
            kept = self._kept.get((tenant, session_id))
            if kept and (kept.incarnation, kept.revision, kept.seq) == (row.number, row.revision, row.seq):
                return _until(kept, row.expires)
            with consistent(connection):
                snapshot = self._current(connection, tenant, session_id, row_of(connection, tenant, session_id))
        return snapshot

    def expired(self, tenant: str, session_id: str) -> bool:
        checked("session_id", session_id)
        with self._file.reading() as connection:
            row = row_of(connection, tenant, session_id)
        return row is not None and row.expires <= self._clock.now()

    def history(self, tenant: str, session_id: str) -> History | None:
        checked("session_id", session_id)
        with self._file.reading() as connection, consistent(connection):
            row = row_of(connection, tenant, session_id)
            if row is None or row.revision == ERASED or row.expires <= self._clock.now():
                return None
            session, branches = decode_session(row.head, tenant=tenant, id=session_id, expires=row.expires)
            summary = summary_of(connection, row.number)
            events = events_between(connection, row.number, summary.seq, row.seq)
        return History(session, branches, summary, tuple(events))

    def sessions(self, tenant: str, limit: int = 100) -> tuple[Session, ...]:
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT id, expires, head FROM sessions WHERE tenant = ? AND expires > ? AND revision <> ?"
                " ORDER BY number DESC LIMIT ?",
                (tenant, self._clock.now(), ERASED, limit),
            ).fetchall()
        return tuple(decode_session(head, tenant=tenant, id=id_, expires=expires)[0] for id_, expires, head in rows)

    def answer(self, tenant: str, session_id: str, seq: int) -> bytes | None:
        checked("session_id", session_id)
        now = self._clock.now()
        with self._file.reading() as connection, consistent(connection):
            row = row_of(connection, tenant, session_id)
            if row is None or row.expires <= now or not 0 < seq <= row.seq:
                return None
            event = connection.execute("SELECT body FROM events WHERE key = ?", (key_of(row.number, seq),)).fetchone()
            if event is None:
                return None
            return answer_at(connection, key_of(row.number, decode_event(event[0]).answer), now)

    # ------------------------------------------------------------ retries

    def begin(self, tenant: str, request_id: str, body: str, *, wait: float | None = None) -> Outcome:
        checked("request_id", request_id)
        wait = self._settings.join_seconds if wait is None else wait
        return self._flights.begin(tenant, request_id, body, wait, self._look)

    def _look(self, claim: Claim, deadline: float) -> Outcome:
        """For the one thread of this process that may answer; other processes are seen by their claims."""
        pause = 0.005
        while True:
            with self._file.reading() as connection:
                outcome = self._known(connection, claim)
            if outcome is None:
                with self._file.writing(durable=False) as connection:
                    return self._known(connection, claim) or self._take(connection, claim)
            if not isinstance(outcome, Running) or time.monotonic() >= deadline:
                return outcome
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(2 * pause, 0.1)

    def _known(self, connection: sqlite3.Connection, claim: Claim) -> Replay | Conflict | Running | None:
        """What the file says of this request, None if nothing."""
        answered = self._answered(connection, claim)
        if answered:
            return answered
        claimed = connection.execute(
            "SELECT body FROM claims WHERE tenant = ? AND request_id = ? AND until > ?",
            (claim.tenant, claim.request_id, self._clock.now()),
        ).fetchone()
        if claimed:
            return Running() if claimed[0] == claim.body else Conflict()
        return None

    def _answered(self, connection: sqlite3.Connection, claim: Claim) -> Replay | Conflict | None:
        found = connection.execute(
            "SELECT body, response FROM answers WHERE tenant = ? AND request_id = ? AND expires > ?",
            (claim.tenant, claim.request_id, self._clock.now()),
        ).fetchone()
        if found is None:
            return None
        return Replay(found[1]) if found[0] == claim.body else Conflict()

    def _take(self, connection: sqlite3.Connection, claim: Claim) -> Fresh:
        until = self._clock.now() + self._settings.claim_seconds
        connection.execute(
            "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
            (claim.tenant, claim.request_id, claim.body, claim.owner, until),
        )
        return Fresh(claim)

    def abandon(self, claim: Claim) -> None:
        try:
            with contextlib.suppress(SessionStoreError), self._file.writing(durable=False) as connection:
                release(connection, claim)
        finally:
            self._flights.leave(claim)

    def repeat(self, snapshot: Snapshot, body: str, *, reader: str | None = None, branch: str = MAIN) -> Replay | None:
        touch = snapshot.touched(reader, branch)
        now = self._clock.now()
        if touch is None or touch.body != body or now - touch.at > self._settings.repeat_seconds:
            return None
        with self._file.reading() as connection:
            answer = answer_at(connection, key_of(snapshot.incarnation, touch.answer), now)
        return None if answer is None else Replay(answer)

    # ------------------------------------------------------------ writing

    def create(
        self,
        tenant: str,
        session_id: str | None = None,
        *,
        objective: str | None = None,
        budget: Mapping[str, float] | None = None,
    ) -> Session:
        session_id = new_session_id() if session_id is None else checked("session_id", session_id)
        session = started(tenant, session_id, self._clock.now(), self._settings, objective, budget)
        with self._file.writing() as connection:
            row = row_of(connection, tenant, session_id)
            if row is not None and row.expires > self._clock.now():
                raise SessionExists(
                    f"session {session_id!r} exists", path="session_id", hint="search in it, or delete it"
                )
            if row is not None:
                erase(connection, row.number)
            self._insert(connection, session)
        self._kept.drop((tenant, session_id))
        return session

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
        checked("session_id", session_id)
        check_drafts(drafts)
        with self._file.writing() as connection:
            done, after = self._end(connection, tenant, session_id, drafts, answer, snapshot, claim, objective)
        if after is not None:
            self._kept.put((tenant, session_id), after)
        if claim:
            self._flights.leave(claim, done.answer)
        self._sweep_if_due()
        return done

    def _end(
        self,
        connection: sqlite3.Connection,
        tenant: str,
        session_id: str,
        drafts: Sequence[Draft],
        answer: Callable[[int], bytes],
        based_on: Snapshot | None,
        claim: Claim | None,
        objective: str | None,
    ) -> tuple[Committed, Snapshot | None]:
        """How the call ends, and the session after it, if it was added to."""
        first = self._first(connection, claim) if claim else None
        if first is not None:
            return Committed(0, first, replayed=True), None
        row = row_of(connection, tenant, session_id)
        if based_on is not None and (row is None or row.number != based_on.incarnation or row.revision == ERASED):
            if claim:
                release(connection, claim)
            return Committed(0, answer(0)), None
        now = self._clock.now()
        before = None
        if row is not None and row.revision != ERASED and (row.expires > now or based_on is not None):
            before = self._current(connection, tenant, session_id, row)
        if before is None:
            before = self._begun(connection, started(tenant, session_id, now, self._settings, objective), row)
        check_branches(drafts, before.branches)
        events = placed(drafts, before.seq, based_on.seq if based_on else 0, now)
        after = self._grown(connection, before, events, objective, now)
        body = answer(after.seq)
        expires = now + self._settings.answer_seconds
        write_answer(connection, key_of(after.incarnation, after.seq), body, claim, expires)
        connection.execute(
            "UPDATE sessions SET seq = ?, revision = ?, expires = ? WHERE number = ?",
            (after.seq, after.revision, after.session.expires, after.incarnation),
        )
        return Committed(after.seq, body), after

    def _begun(self, connection: sqlite3.Connection, session: Session, row: Row | None) -> Snapshot:
        """A session without events, in the place of an expired one."""
        if row is not None:
            erase(connection, row.number)
        return Snapshot(session, (TRUNK,), EMPTY, EMPTY, self._insert(connection, session))

    def _first(self, connection: sqlite3.Connection, claim: Claim) -> bytes | None:
        """The answer of a call that was faster with this request id."""
        known = self._answered(connection, claim)
        if isinstance(known, Conflict):
            raise RequestConflict(f"request id {claim.request_id!r} was used with another body", path="request_id")
        return known.answer if isinstance(known, Replay) else None

    def _grown(
        self,
        connection: sqlite3.Connection,
        before: Snapshot,
        events: Sequence[Event],
        objective: str | None,
        now: float,
    ) -> Snapshot:
        """Writes the events, and folds what is beyond the bounds."""
        number = before.incarnation
        connection.executemany(
            "INSERT INTO events VALUES (?, ?)", [(key_of(number, event.seq), encode_event(event)) for event in events]
        )
        asking = asked(before.session, events, objective)
        session = touched(asking, now, self._settings)
        cuts = cuts_of(before.branches)
        ledger, summary, revision = advance(before.ledger, events, cuts), before.summary, before.revision
        if asking != before.session:
            head = encode_session(session, before.branches)
            connection.execute("UPDATE sessions SET head = ? WHERE number = ?", (head, number))
            revision += 1
        folding = overflow(ledger, summary.seq, self._settings)
        if folding:
            old = events_between(connection, number, summary.seq, folding.horizon)
            folded = compact(summary, old, ledger, folding, cuts)
            summary, ledger = folded.summary, folded.ledger
            write_summary(connection, number, summary, folded.written, folded.removed, folded.dropped)
            connection.execute(
                "DELETE FROM events WHERE key > ? AND key <= ?", (key_of(number, 0), key_of(number, folding.horizon))
            )
            revision += 1
        return replace(before, session=session, ledger=ledger, summary=summary, revision=revision)

    def _insert(self, connection: sqlite3.Connection, session: Session) -> int:
        cursor = connection.execute(
            "INSERT INTO sessions (tenant, id, seq, revision, expires, head) VALUES (?, ?, 0, 0, ?, ?)",
            (session.tenant, session.id, session.expires, encode_session(session, (TRUNK,))),
        )
        return int(cursor.lastrowid or 0)

    def _current(
        self, connection: sqlite3.Connection, tenant: str, session_id: str, row: Row | None
    ) -> Snapshot | None:
        """The session as the file has it: from what is kept here and the events since, or all anew."""
        if row is None or row.revision == ERASED:
            return None
        kept = self._kept.get((tenant, session_id))
        if kept is not None and (kept.incarnation, kept.revision) == (row.number, row.revision) and kept.seq <= row.seq:
            if kept.seq == row.seq:
                return _until(kept, row.expires)
            events = events_between(connection, row.number, kept.seq, row.seq)
            snapshot = _until(replace(kept, ledger=advance(kept.ledger, events, cuts_of(kept.branches))), row.expires)
        else:
            session, branches = decode_session(row.head, tenant=tenant, id=session_id, expires=row.expires)
            summary = summary_of(connection, row.number)
            ledger = advance(summary, events_between(connection, row.number, summary.seq, row.seq), cuts_of(branches))
            snapshot = Snapshot(session, branches, ledger, summary, row.number, row.revision)
        self._kept.put((tenant, session_id), snapshot)
        return snapshot

    # ------------------------------------------------------------ erasing

    def delete(self, tenant: str, session_id: str) -> bool:
        checked("session_id", session_id)
        with self._file.writing(erase=True) as connection:
            row = row_of(connection, tenant, session_id)
            if row is not None:
                erase(connection, row.number)
        self._kept.drop((tenant, session_id))
        return row is not None and row.revision != ERASED and row.expires > self._clock.now()

    def sweep(self) -> int:
        with self._file.writing(durable=False) as connection:
            erased, self._sweep_from = erase_expired(
                connection,
                self._clock.now(),
                self._sweep_from,
                self._settings.sweep_rows,
                self._settings.tombstone_seconds,
            )
        return erased

    def _sweep_if_due(self) -> None:
        if time.monotonic() - self._swept < self._settings.sweep_seconds:
            return
        self._swept = time.monotonic()
        with contextlib.suppress(SessionStoreError):  # the commit is done; the next one sweeps
            self.sweep()

    def close(self) -> None:
        self._file.close()


def _until(snapshot: Snapshot, expires: float) -> Snapshot:
    if snapshot.session.expires == expires:
        return snapshot
    return replace(snapshot, session=replace(snapshot.session, expires=expires))
