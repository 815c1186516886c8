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
from sessions.branching import forked, merged, splits
from sessions.clock import SystemClock
from sessions.codec import decode_event, decode_session, encode_event, encode_session
from sessions.commits import check_branches, grown, placed, repeated, started, touched
from sessions.errors import SessionStoreError
from sessions.events import MAIN, TRUNK, Branch, Draft, Event, Session
from sessions.idempotency import Claim, Conflict, Flights, Outcome, Replay, other_body, poll
from sessions.ledger import EMPTY, advance, cuts_of
from sessions.names import checked, new_session_id
from sessions.settings import DEFAULTS, SessionSettings
from sessions.snapshots import Snapshots, until
from sessions.sqlite_claims import answered, known, release, take
from sessions.sqlite_file import SqliteFile
from sessions.sqlite_rows import (
    ERASED,
    Row,
    answer_at,
    consistent,
    erase,
    erase_expired,
    events_between,
    folded_at,
    key_of,
    row_of,
    summary_of,
    write_answer,
    write_summary,
)
from sessions.store import Committed, History, Snapshot, check_drafts, in_use, no_session


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
            if kept and _is_at(kept, row):
                return until(kept, row.expires)
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
        return poll(lambda: self._asked(claim), deadline)

    def _asked(self, claim: Claim) -> Outcome:
        """What the file knows of the request; if nothing, it is this claim's now."""
        with self._file.reading() as connection:
            outcome = known(connection, claim, self._clock.now())
        if outcome is not None:
            return outcome
        with self._file.writing(durable=False) as connection:
            now = self._clock.now()
            return known(connection, claim, now) or take(connection, claim, now + self._settings.claim_seconds)

    def abandon(self, claim: Claim) -> None:
        try:
            with contextlib.suppress(SessionStoreError), self._file.writing(durable=False) as connection:
                release(connection, claim)
        finally:
            self._flights.leave(claim)

    def repeat(self, snapshot: Snapshot, body: str, *, reader: str | None = None, branch: str = MAIN) -> Replay | None:
        now = self._clock.now()
        touch = repeated(snapshot, body, reader, branch, now, self._settings)
        if touch is None:
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
        keep: bool = False,
    ) -> Session:
        session_id = new_session_id() if session_id is None else checked("session_id", session_id)
        session = started(tenant, session_id, self._clock.now(), self._settings, objective, budget, keep)
        with self._file.writing() as connection:
            row = row_of(connection, tenant, session_id)
            if row is not None and row.expires > self._clock.now():
                raise in_use(session_id)
            if row is not None:
                erase(connection, row.number)
            self._insert(connection, session)
        self._kept.drop((tenant, session_id))
        return session

    def fork(
        self, tenant: str, session_id: str, *, source: str = MAIN, at: int | None = None, branch: str | None = None
    ) -> Branch:
        checked("session_id", session_id)
        with self._file.writing() as connection:
            row, session, branches = self._head(connection, tenant, session_id)
            branches, new = forked(
                branches,
                source=source,
                at=at,
                name=branch,
                seq=row.seq,
                folded=folded_at(connection, row.number, row.seq),
                limits=self._settings,
            )
            self._write_head(connection, row, session, branches)
        kept = self._kept.get((tenant, session_id))
        if kept is not None and _is_at(kept, row) and not splits(kept.ledger, new.parent or MAIN, new.parent_seq):
            self._kept.put((tenant, session_id), replace(kept, branches=branches, revision=row.revision + 1))
        return new

    def merge(self, tenant: str, session_id: str, *, source: str, into: str) -> Branch:
        checked("session_id", session_id)
        with self._file.writing() as connection:
            row, session, _ = self._head(connection, tenant, session_id)
            before = self._current(connection, tenant, session_id, row)
            assert before is not None  # the row is there
            branches, taker = merged(
                before.branches,
                before.ledger,
                source=source,
                into=into,
                folded=before.summary.seq,
                limits=self._settings,
            )
            if branches is before.branches:
                return taker
            self._write_head(connection, row, session, branches)
        # A cut at the end of the log goes through no trail: the fold stays as it is.
        self._kept.put((tenant, session_id), replace(before, branches=branches, revision=row.revision + 1))
        return taker

    def _head(
        self, connection: sqlite3.Connection, tenant: str, session_id: str
    ) -> tuple[Row, Session, tuple[Branch, ...]]:
        row = row_of(connection, tenant, session_id)
        if row is None or row.revision == ERASED or row.expires <= self._clock.now():
            raise no_session(session_id)
        return row, *decode_session(row.head, tenant=tenant, id=session_id, expires=row.expires)

    def _write_head(
        self, connection: sqlite3.Connection, row: Row, session: Session, branches: tuple[Branch, ...]
    ) -> None:
        session = touched(session, self._clock.now(), self._settings)
        connection.execute(
            "UPDATE sessions SET head = ?, revision = ?, expires = ? WHERE number = ?",
            (encode_session(session, branches), row.revision + 1, session.expires, row.number),
        )

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
        if claim:
            first = answered(connection, claim, self._clock.now())
            if isinstance(first, Conflict):
                raise other_body(claim)
            if first is not None:
                return Committed(0, first.answer, replayed=True), None
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
        growth = grown(
            before,
            events,
            objective,
            now,
            self._settings,
            lambda horizon: events_between(connection, number, before.summary.seq, horizon),
        )
        connection.executemany(
            "INSERT INTO events VALUES (?, ?)", [(key_of(number, event.seq), encode_event(event)) for event in events]
        )
        if growth.asked:
            head = encode_session(growth.session, before.branches)
            connection.execute("UPDATE sessions SET head = ? WHERE number = ?", (head, number))
        if growth.folded:
            write_summary(connection, number, growth.folded)
            connection.execute(
                "DELETE FROM events WHERE key > ? AND key <= ?", (key_of(number, 0), key_of(number, growth.summary.seq))
            )
        return growth.of(before)

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
                return until(kept, row.expires)
            events = events_between(connection, row.number, kept.seq, row.seq)
            snapshot = until(replace(kept, ledger=advance(kept.ledger, events, cuts_of(kept.branches))), row.expires)
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


def _is_at(snapshot: Snapshot, row: Row) -> bool:
    return (snapshot.incarnation, snapshot.revision, snapshot.seq) == (row.number, row.revision, row.seq)
