"""One SQLite file in WAL mode: given a path, lends connections; every sqlite3 error leaves as SessionStoreError.

Writers take turns on one connection (a lock in this process, SQLite's own between processes); readers have a
pool and never wait for a writer. Commits are `synchronous=FULL`: an acknowledged commit survives a power cut, not
only a kill (measured: 0.3 ms more wall time, 0.1 ms CPU, than NORMAL). What may be lost in a power cut, claims
and sweeps, is written with NORMAL. Open it after a fork, not before. Not for what the tables mean (sqlite.py).

The file is opened when it is first used, and opened anew after it was damaged, or when another lies at its path: so
nothing but sessions depends on it, and they come back by themselves when it is mended. What is no file of ours is left
as it is.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sessions.errors import EventError, LogFormatError, SessionStoreError

SCHEMA_VERSION: Final = 1

SCHEMA: Final = """
CREATE TABLE sessions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: it names the incarnation
    tenant TEXT NOT NULL, id TEXT NOT NULL,
    seq INTEGER NOT NULL,       -- of the last event
    revision INTEGER NOT NULL,  -- counts changes that are not events; -1: erased, only the id is left
    expires REAL NOT NULL,
    head BLOB NOT NULL,         -- codec.encode_session
    UNIQUE (tenant, id)
);
CREATE TABLE events (           -- key = number << 24 | seq: one tree, a session's events side by side
    key INTEGER PRIMARY KEY, body BLOB NOT NULL
);
CREATE TABLE digests (          -- of the summary, what is not an entry
    number INTEGER PRIMARY KEY, body BLOB NOT NULL
);
CREATE TABLE entries (          -- of the summary: exposures (shelf seen) and marks (shelf mark)
    number INTEGER NOT NULL, branch TEXT NOT NULL, reader TEXT NOT NULL, era INTEGER NOT NULL,
    shelf TEXT NOT NULL, document TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (number, branch, reader, era, shelf, document)
) WITHOUT ROWID;
CREATE TABLE answers (          -- key as in events: that of the last event of the commit
    key INTEGER PRIMARY KEY, expires REAL NOT NULL, tenant TEXT, request_id TEXT, body TEXT, response BLOB NOT NULL
);
CREATE UNIQUE INDEX answers_request ON answers (tenant, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX answers_expires ON answers (expires);
CREATE TABLE claims (
    tenant TEXT NOT NULL, request_id TEXT NOT NULL, body TEXT NOT NULL, owner TEXT NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (tenant, request_id)
) WITHOUT ROWID;
"""


_DAMAGED: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_ERROR}
)
"""Primary codes of errors after which nothing that is open can be trusted; the last: a table is not there."""

_PRIMARY: Final = 0xFF
"""The part of an error's code that says what it is; the rest says where it came up."""

Identity = tuple[int, int]
"""(device, inode)"""


class SqliteFile:
    """Connections to one file. `reading` and `writing` raise SessionStoreError when it cannot be used. `on_open` is
    called before the first of them lends a connection to a file that was opened, anew or for the first time."""

    def __init__(self, path: Path, busy_seconds: float, on_open: Callable[[], object] = lambda: None) -> None:
        self.path = path
        self._busy = busy_seconds
        self._on_open = on_open
        self._process = os.getpid()
        self._opened: Identity | None = None
        self._refusal: SessionStoreError | None = None
        self._refused_until = 0.0
        self._in_vain_until = 0.0
        self._turn = threading.Lock()
        self._writers: dict[bool, sqlite3.Connection] = {}
        self._readers: deque[sqlite3.Connection] = deque()
        self._closed = False

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode, for SELECT."""
        with self._translated():
            if not self._is_open():
                with self._at_turn():
                    self._open()
            pool = self._readers  # of this opening: another has another
            try:
                connection = pool.pop()
            except IndexError:
                connection = self._connect(durable=False)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if self._closed or pool is not self._readers:
                connection.close()
            else:
                pool.append(connection)

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True, erase: bool = False) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed when the block ends, rolled back when it raises. With `erase`, freed
        bytes are overwritten and the log of the file is emptied."""
        with self._translated(), self._at_turn():
            self._open()
            connection = self._writers.get(durable)
            if connection is None:
                connection = self._writers[durable] = self._connect(durable=durable)
            try:
                self._lock(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                self._roll_back(connection, durable, broken=isinstance(error, sqlite3.Error))
                raise
            if erase:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _lock(self, connection: sqlite3.Connection) -> None:
        """Begins the transaction. When a call has waited for the lock in vain, those of the next `busy` seconds only
        try: a program that holds it for long must not make each of them wait."""
        waits = time.monotonic() >= self._in_vain_until
        if not waits:
            connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if waits and error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY:
                self._in_vain_until = time.monotonic() + self._busy
            raise
        finally:
            if not waits:
                connection.execute(f"PRAGMA busy_timeout = {int(self._busy * 1_000)}")
        self._in_vain_until = 0.0

    @contextlib.contextmanager
    def _at_turn(self) -> Iterator[None]:
        """One thread of this process at a time."""
        if not self._turn.acquire(timeout=self._busy):
            raise SessionStoreError(f"{self.path.name} is busy: no write turn within {self._busy:g} s")
        try:
            yield
        finally:
            self._turn.release()

    def close(self) -> None:
        """Idempotent. Connections in use are closed by their users."""
        self._closed = True
        with self._turn:
            self._let_go()

    def _let_go(self) -> None:
        """Of every connection that nobody uses. For whose turn it is."""
        leaving, self._readers = self._readers, deque()
        doomed = list(self._writers.values())
        self._writers.clear()
        with contextlib.suppress(IndexError):
            while True:  # a reader that came in between may take one: each is taken once
                doomed.append(leaving.pop())
        for connection in doomed:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _open(self) -> None:
        """Makes the file ready unless the one at the path is. For whose turn it is. An attempt that failed is not
        repeated for as long as it took, so that a file that is locked for long does not make every call wait."""
        if self._is_open():
            return
        if self._refusal is not None and time.monotonic() < self._refused_until:
            raise type(self._refusal)(self._refusal.message, hint=self._refusal.hint)
        self._let_go()
        began = time.monotonic()
        try:
            with self._translated():
                self._make_folder()
                self._prepare()
        except SessionStoreError as error:
            self._refusal, self._refused_until = error, 2 * time.monotonic() - began
            raise
        self._on_open()
        self._opened, self._refusal = self._identity(), None

    def _is_open(self) -> bool:
        return self._opened is not None and self._opened == self._identity()

    def _identity(self) -> Identity | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SessionStoreError(
                f"cannot make the folder of {self.path.name}: {error.strerror}", hint=_advice("")
            ) from error

    def _roll_back(self, connection: sqlite3.Connection, durable: bool, *, broken: bool) -> None:
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        if broken:  # after an I/O error a connection may be beyond use; the next writer gets a new one
            self._writers.pop(durable, None)
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _connect(self, *, durable: bool) -> sqlite3.Connection:
        if self._closed:
            raise SessionStoreError("the session store is closed", hint="open a new one")
        if os.getpid() != self._process:
            raise SessionStoreError("the session store was opened before a fork", hint="open it in each worker")
        connection = sqlite3.connect(
            self.path, timeout=self._busy, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            # Pages that folds and sweeps free would keep their words, and a later DELETE does not know them any more.
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA journal_size_limit = 67108864")  # 64 MB: a burst must not keep the disk
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        """Schema and WAL mode. Several processes may do this at once; changing the mode does not wait, so we do."""
        until = time.monotonic() + 5 * self._busy
        while True:
            connection = self._connect(durable=True)
            try:
                connection.execute("PRAGMA journal_mode = WAL").fetchone()
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version == 0:
                    connection.execute("BEGIN IMMEDIATE")
                    version = connection.execute("PRAGMA user_version").fetchone()[0]
                    if version == 0:
                        for statement in SCHEMA.split(";\n"):
                            connection.execute(statement)
                        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                    connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.02)
                continue
            finally:
                connection.close()
            if version not in (0, SCHEMA_VERSION):
                raise LogFormatError(
                    f"{self.path.name} has schema {version}, this program writes {SCHEMA_VERSION}",
                    hint="serve it with the version of Forage that made it, or move the file away",
                )
            return

    def _note(self, error: sqlite3.Error) -> None:
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _DAMAGED:
            self._opened = None

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            self._note(error)
            raise SessionStoreError(f"{self.path.name}: {error}", hint=_advice(str(error))) from error
        except sqlite3.Error as error:
            self._note(error)
            raise LogFormatError(
                f"{self.path.name}: {error}", hint="mend the file, or move it away: sessions then start anew"
            ) from error
        except UnicodeEncodeError as error:
            raise EventError(f"text that is not Unicode cannot be stored: {error.reason}") from error


def _advice(message: str) -> str:
    if "locked" in message or "busy" in message:
        return "another process holds the file; it is tried again on the next call"
    if "full" in message or "disk" in message:
        return "free disk space; it is tried again on the next call"
    return "look at the permissions and the disk of the data folder"
