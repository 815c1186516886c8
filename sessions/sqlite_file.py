"""One SQLite file in WAL mode: given a path, lends connections; every sqlite3 error leaves as SessionStoreError.

Writers take turns on one connection (a lock in this process, SQLite's own between processes); readers have a
pool and never wait for a writer. Commits are `synchronous=FULL`: an acknowledged commit survives a power cut, not
only a kill (measured: 0.3 ms more wall time, 0.1 ms CPU, than NORMAL). What may be lost in a power cut, claims
and sweeps, is written with NORMAL. Open it after a fork, not before. Not for what the tables mean (sqlite.py).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
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


class SqliteFile:
    """Connections to one file. Raises SessionStoreError when it cannot be opened."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        self._busy = busy_seconds
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._writers: dict[bool, sqlite3.Connection] = {}
        self._readers: deque[sqlite3.Connection] = deque()
        self._closed = False
        with self._translated():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SessionStoreError(f"cannot make the folder of {path.name}: {error.strerror}") from error
            self._prepare()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode, for SELECT."""
        with self._translated():
            try:
                connection = self._readers.pop()
            except IndexError:
                connection = self._connect(durable=False)
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if self._closed:
                connection.close()
            else:
                self._readers.append(connection)

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True, erase: bool = False) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed when the block ends, rolled back when it raises. With `erase`, freed
        bytes are overwritten and the log of the file is emptied."""
        with self._translated():
            if not self._turn.acquire(timeout=self._busy):
                raise SessionStoreError(f"{self.path.name} is busy: no write turn within {self._busy:g} s")
            try:
                connection = self._writers.get(durable)
                if connection is None:
                    connection = self._writers[durable] = self._connect(durable=durable)
                if erase:
                    connection.execute("PRAGMA secure_delete = ON")
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    yield connection
                    connection.execute("COMMIT")
                except BaseException as error:
                    self._roll_back(connection, durable, broken=isinstance(error, sqlite3.Error))
                    raise
                if erase:
                    connection.execute("PRAGMA secure_delete = FAST")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                self._turn.release()

    def close(self) -> None:
        """Idempotent. Connections in use are closed by their users."""
        self._closed = True
        with self._turn:
            for writer in self._writers.values():
                writer.close()
            self._writers.clear()
        while self._readers:
            self._readers.pop().close()

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
            connection.execute("PRAGMA secure_delete = FAST")
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

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise SessionStoreError(f"{self.path.name}: {error}", hint=_advice(str(error))) from error
        except sqlite3.Error as error:
            raise LogFormatError(
                f"{self.path.name}: {error}", hint="move the file away; sessions start anew"
            ) from error
        except UnicodeEncodeError as error:
            raise EventError(f"text that is not Unicode cannot be stored: {error.reason}") from error


def _advice(message: str) -> str:
    if "locked" in message or "busy" in message:
        return "another process holds the file; it is tried again on the next call"
    if "full" in message or "disk" in message:
        return "free disk space; it is tried again on the next call"
    return "look at the permissions and the disk of the data folder"
