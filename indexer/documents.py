"""The documents of a collection, in SQLite: the truth that every index can be rebuilt from.

`DocumentStore(path)` is a DocumentSink: `add` is all or nothing and upserts by id, `remove` leaves a tombstone. `stage`
and `commit` are the two halves of `add`, for who has to do something in between (build.py).
Every commit that changes something gets the next revision; a document that is what it was keeps its own. WAL and
synchronous=FULL: what `add` returned from survives kill -9 and power loss; any number of threads and processes may use
one file. Not for search, and not for telling an index of changes: a build comes and compares (pieces.py).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from indexer.errors import CollectionBusyError, DocumentsError
from indexer.limits import DOCUMENTS_FORMAT, StoreLimits
from indexer.lock import deleted
from indexer.rows import COLUMNS, SIGN, Row, clean
from indexer.snapshot import Snapshot, Version
from indexer.staged_snapshot import StagedSnapshot
from indexer.staging import Staging
from indexer.storage import storage_full
from indexer.urls import url_key
from ranking.types import Document

DOCUMENTS: Final = "documents.sqlite"
"""Name of the file in a collection's folder."""

_SCHEMA: Final = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE documents (
    row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, deleted INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL, fingerprint BLOB, {", ".join(COLUMNS)});
CREATE INDEX documents_by_revision ON documents (revision);
CREATE INDEX documents_by_url ON documents (url_key) WHERE url_key IS NOT NULL;
CREATE TABLE bodies (row INTEGER PRIMARY KEY, text BLOB NOT NULL, links BLOB NOT NULL);
CREATE TABLE edges (row INTEGER PRIMARY KEY, edges BLOB NOT NULL);
CREATE TABLE anchors (key INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE aliases (key INTEGER PRIMARY KEY, url TEXT NOT NULL, id TEXT NOT NULL);
"""
_WRITTEN: Final = ("id", "revision", "fingerprint", *COLUMNS)
_UPSERT: Final = (
    f"INSERT INTO documents ({', '.join(_WRITTEN)}) VALUES ({', '.join('?' * len(_WRITTEN))}) "
    f"ON CONFLICT (id) DO UPDATE SET deleted = 0, {', '.join(f'{name} = excluded.{name}' for name in _WRITTEN[1:])} "
    "RETURNING row"
)
_EMPTIED: Final = ", ".join(f"{name} = NULL" for name in ("fingerprint", *COLUMNS))
_FORGET: Final = f"UPDATE documents SET deleted = 1, revision = ?, {_EMPTIED} WHERE row = ?"
_FETCHED: Final = COLUMNS.index("fetched_at")


class DocumentStore:
    """See the module. Opening creates the file, and never its folder; `close` (or `with`) lets go of it."""

    def __init__(self, path: Path, limits: StoreLimits | None = None) -> None:
        self.path = path
        self._limits = limits = limits or StoreLimits()
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._process = os.getpid()
        with storage_full(path), self._translated(), self._connected() as connection:
            _prepare(connection, path, limits)

    # ------------------------------------------------------------ the sink

    def add(self, documents: Iterable[Document]) -> int:
        """Store them, all or none (also when the iterable raises); the last of an id wins.

        Returns how many were new or changed. Memory stays flat: a large batch is staged in an unlinked file.
        Raises StorageFullError, CollectionBusyError (a writer held the file for 30 s), DocumentsError.
        """
        with self.stage() as staged:
            staged.add(documents)
            return self.commit(staged)

    def stage(self) -> Staging:
        """Where documents wait for `commit`; the caller closes it."""
        return Staging(self.path.parent, self._limits)

    def commit(self, staged: Staging, generation: str | None = None, *, revised: bool = False) -> int:
        """Store what is staged, all or none; returns how many were new or changed. Raises as `add` does.

        `generation`: the one that holds these documents; from the same instant on, `self.generation` is its id.
        `revised`: it was built for the next revision, so there is one, even when somebody else stored the same
        documents meanwhile: what else came with them is not in that generation.
        """
        with storage_full(self.path):
            if not staged:
                return 0
            with self._writing() as connection:
                revision = _next_revision(connection)
                changed = self._upsert(connection, revision, staged.batches())
                if changed or revised:
                    _set_revision(connection, revision)
                if generation is not None:
                    connection.execute("INSERT OR REPLACE INTO meta VALUES ('generation', ?)", (generation,))
                return changed

    def remove(self, ids: Iterable[str]) -> int:
        """Forget them; unknown ids are no error; returns how many were there."""
        wanted = [clean(id) for id in dict.fromkeys(ids)]
        with storage_full(self.path), self._writing() as connection:
            revision, removed = _next_revision(connection), 0
            for id in wanted:
                row = connection.execute("SELECT row FROM documents WHERE id = ? AND deleted = 0", (id,)).fetchone()
                if row is None:
                    continue
                removed += 1
                connection.execute(_FORGET, (revision, *row))
                connection.execute("DELETE FROM bodies WHERE row = ?", row)
                connection.execute("DELETE FROM edges WHERE row = ?", row)
            if removed:
                _set_revision(connection, revision)
            return removed

    def alias(self, pairs: Iterable[tuple[str, str]]) -> int:
        """(URL, document id): links to that URL count for that document (redirects, rel=canonical variants).

        Returns how many were new or changed.
        """
        with storage_full(self.path), self._writing() as connection:
            changed = 0
            for url, id in pairs:
                changed += connection.execute(
                    "INSERT INTO aliases (key, url, id) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE "
                    "SET url = excluded.url, id = excluded.id WHERE id IS NOT excluded.id",
                    (url_key(url) - SIGN, clean(url), clean(id)),
                ).rowcount
            if changed:
                _set_revision(connection, _next_revision(connection))
            return changed

    def redirect(self, pairs: Iterable[tuple[str, str]]) -> int:
        """(URL, URL of the page that it leads to), as a crawl knows them: `alias` for those whose page is stored.

        Returns how many aliases were new or changed.
        """
        known = ((url, self.find(target)) for url, target in pairs)
        return self.alias([(url, id) for url, id in known if id is not None])

    # ------------------------------------------------------------ reading

    @contextmanager
    def snapshot(self, staged: Staging | None = None) -> Iterator[Snapshot]:
        """A consistent view for as long as the block runs; with `staged`, as if that were committed already."""
        with self._translated(), self._connected() as connection:
            connection.execute("BEGIN")
            try:
                whole = Snapshot(connection, self._limits)
                yield whole if staged is None else StagedSnapshot(connection, self._limits, staged)
            finally:
                connection.execute("ROLLBACK")

    @property
    def generation(self) -> str | None:
        """The generation that was committed together with documents, the last one; see generation.settle."""
        with self._translated(), self._connected() as connection:
            row = connection.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
        return None if row is None else str(row[0])

    @property
    def version(self) -> Version:
        with self.snapshot() as snapshot:
            return snapshot.version

    def count(self) -> int:
        with self.snapshot() as snapshot:
            return snapshot.count()

    def get(self, id: str) -> Document | None:
        """The document, or None."""
        with self.snapshot() as snapshot:
            return next(snapshot.documents((id,)), None)

    def documents(self, ids: Iterable[str] | None = None) -> Iterator[Document]:
        """As Snapshot.documents; the view lasts until the iterator ends or is closed."""
        with self.snapshot() as snapshot:
            yield from snapshot.documents(ids)

    def find(self, url: str) -> str | None:
        """The id of the document at this URL or at an alias of it, or None."""
        with self._translated(), self._connected() as connection:
            row = connection.execute(
                "SELECT id FROM documents WHERE url_key = :key AND deleted = 0 UNION ALL "
                "SELECT id FROM aliases JOIN documents USING (id) WHERE key = :key AND deleted = 0 LIMIT 1",
                {"key": url_key(url) - SIGN},
            ).fetchone()
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Idempotent; a later call opens the file again."""
        with self._guard:
            connections, self._idle = self._idle, []
        for connection in connections:
            connection.close()

    def __enter__(self) -> DocumentStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------ within

    def _upsert(self, connection: sqlite3.Connection, revision: int, staged: Iterator[list[Row]]) -> int:
        changed = 0
        for batch in staged:
            known = {
                id: (fingerprint, fetched_at)
                for id, fingerprint, fetched_at in connection.execute(
                    f"SELECT id, fingerprint, fetched_at FROM documents WHERE deleted = 0 "
                    f"AND id IN ({', '.join('?' * len(batch))})",
                    [row.id for row in batch],
                )
            }
            for row in batch:
                fingerprint, fetched_at = known.get(row.id, (None, None))
                if fingerprint == row.fingerprint:
                    if fetched_at != row.columns[_FETCHED]:
                        connection.execute(
                            "UPDATE documents SET fetched_at = ? WHERE id = ?", (row.columns[_FETCHED], row.id)
                        )
                    continue
                changed += 1
                written = (row.id, revision, row.fingerprint, *row.columns)
                number = connection.execute(_UPSERT, written).fetchone()[0]
                connection.execute("INSERT OR REPLACE INTO bodies VALUES (?, ?, ?)", (number, row.text, row.links))
                connection.execute("INSERT OR REPLACE INTO edges VALUES (?, ?)", (number, row.edges))
                connection.executemany("INSERT OR IGNORE INTO anchors VALUES (?, ?)", row.anchors)
        return changed

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """An idle connection or a new one; never one of the process that forked us."""
        with self._guard:
            if self._process != os.getpid():
                self._idle, self._process = [], os.getpid()
            connection = self._idle.pop() if self._idle else None
        connection = connection or _connect(self.path, self._limits)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._guard:
            self._idle.append(connection)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that takes the write lock before it reads."""
        with self._translated(), self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors as ours; a full disk is for storage_full."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if not self.path.parent.is_dir():
                raise deleted(self.path.parent) from error
            if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise CollectionBusyError(
                    f"documents of collection {self.path.parent.name!r} are being written by another process "
                    f"(waited {self._limits.busy_seconds:g} s)",
                    hint="try again when it is done",
                ) from error
            raise
        except sqlite3.DatabaseError as error:
            raise DocumentsError(
                f"{self.path.name} of collection {self.path.parent.name!r} cannot be read: {error}",
                hint="restore it from a backup, or move it away and crawl or ingest again; "
                "the index that was built from it still answers",
            ) from error


def _connect(path: Path, limits: StoreLimits) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=limits.busy_seconds, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, limits: StoreLimits) -> None:
    """Schema and WAL; two processes may come at once. SQLite answers a change of journal mode with "busy" at
    once, without its usual waiting, so we wait ourselves."""
    deadline = time.monotonic() + limits.busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if connection.execute("PRAGMA user_version").fetchone()[0] == DOCUMENTS_FORMAT:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, DOCUMENTS_FORMAT):
            raise DocumentsError(
                f"{path} has format {found}, this version reads format {DOCUMENTS_FORMAT}",
                hint="use the version of forage that wrote it, or crawl or ingest again into a new collection",
            )
        if found == 0:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO meta VALUES ('store', ?), ('revision', 0)", (uuid.uuid4().hex,))
            connection.execute(f"PRAGMA user_version = {DOCUMENTS_FORMAT}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _next_revision(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT value FROM meta WHERE name = 'revision'").fetchone()[0]) + 1


def _set_revision(connection: sqlite3.Connection, revision: int) -> None:
    connection.execute("UPDATE meta SET value = ? WHERE name = 'revision'", (revision,))
