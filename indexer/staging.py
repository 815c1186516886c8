"""Documents on their way into the store: given them one by one, gives back the last of each id, encoded, in batches.

A DocumentSink from which nothing is stored before `DocumentStore.commit`. A small add never leaves memory; a large one
goes to a file beside the store that is unlinked as soon as it is open, so that a killed process holds no space.
Not durable, and not meant to be. Not for two threads at once.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from indexer.errors import DocumentsError
from indexer.limits import StoreLimits
from indexer.lock import deleted, is_at
from indexer.rows import Row, clean, encode
from indexer.storage import storage_full
from ranking.shown import shown
from ranking.types import Document

SPILLED: Final = ".staging-"
"""Before the name of a file, which it loses as soon as it is open. A kill may come before: see generation.py."""


class Staging:
    """A context manager; `add` documents, then read them as often as wanted."""

    def __init__(self, folder: Path, limits: StoreLimits | None = None) -> None:
        """`folder`: of the collection. Raises CollectionNotFoundError when it is not there."""
        self.folder = folder
        self._limits = limits or StoreLimits()
        self._rows: dict[str, Row] = {}
        self._bytes = 0
        self._file: sqlite3.Connection | None = None
        try:
            self._place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # held open: its inode is nobody else's
        except (FileNotFoundError, NotADirectoryError) as error:
            raise deleted(folder) from error

    # ------------------------------------------------------------ the sink

    def add(self, documents: Iterable[Document]) -> int:
        """Stage them; the last of an id wins. Returns how many ids are new here.

        Raises StorageFullError, DocumentsError, and what the iterable raises: then throw the staging away.
        """
        before = len(self)
        with storage_full(self.folder):
            for document in documents:
                if not document.id:
                    raise DocumentsError(f"a document without id cannot be stored (url {shown(document.url, 200)})")
                self._put(encode(document, self._limits))
            return len(self) - before

    def remove(self, ids: Iterable[str]) -> int:
        """Do not store these after all; returns how many were staged."""
        before = len(self)
        for id in map(clean, ids):
            if (row := self._rows.pop(id, None)) is not None:
                self._bytes -= row.size
            if self._file is not None:
                self._file.execute("DELETE FROM rows WHERE id = ?", (id,))
        return before - len(self)

    # ------------------------------------------------------------ reading

    def __len__(self) -> int:
        """Distinct ids."""
        if self._file is not None:
            self._spill()
            return int(self._file.execute("SELECT count(*) FROM rows").fetchone()[0])
        return len(self._rows)

    def batches(self) -> Iterator[list[Row]]:
        """Every row, in order of arrival."""
        if self._file is None:
            rows = list(self._rows.values())
            for start in range(0, len(rows), self._limits.batch_rows):
                yield rows[start : start + self._limits.batch_rows]
            return
        self._spill()
        batch: list[Row] = []
        size = 0
        for (data,) in self._file.execute("SELECT data FROM rows ORDER BY number"):
            batch.append(pickle.loads(data))  # our own, from a file that nobody else can open
            size += len(data)
            if len(batch) >= self._limits.batch_rows or size > self._limits.staging_bytes:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def row(self, id: str) -> Row:
        """The last of this id. Raises KeyError."""
        if self._file is None:
            return self._rows[id]
        self._spill()
        found = self._file.execute("SELECT data FROM rows WHERE id = ?", (id,)).fetchone()
        if found is None:
            raise KeyError(id)
        row: Row = pickle.loads(found[0])
        return row

    def check_place(self) -> None:
        """Raises CollectionNotFoundError when the collection was deleted since, also when there is another of its
        name. For the holder of its lock: then it stays."""
        if not is_at(self._place, self.folder):
            raise deleted(self.folder)

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        os.close(self._place)

    # ------------------------------------------------------------ within

    def _put(self, row: Row) -> None:
        """The last of an id wins, and takes the place of the last."""
        if (old := self._rows.pop(row.id, None)) is not None:
            self._bytes -= old.size
        self._rows[row.id] = row
        self._bytes += row.size
        if self._bytes > self._limits.staging_bytes:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            path = self.folder / f"{SPILLED}{uuid.uuid4().hex}"
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._file.execute("PRAGMA journal_mode = OFF")
                self._file.execute("PRAGMA synchronous = OFF")
                self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
                self._file.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, id TEXT UNIQUE, data BLOB)")
            finally:
                path.unlink(missing_ok=True)
        if not self._rows:
            return
        self._file.execute("BEGIN")
        self._file.executemany(
            "INSERT OR REPLACE INTO rows (id, data) VALUES (?, ?)",
            ((row.id, pickle.dumps(row, pickle.HIGHEST_PROTOCOL)) for row in self._rows.values()),
        )
        self._file.execute("COMMIT")
        self._rows, self._bytes = {}, 0
