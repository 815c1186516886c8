"""Rows on their way into the store: given rows one by one, gives back the last of each id, in batches.

A small add never leaves memory; a large one goes to a file beside the store that is unlinked as soon as it is open,
so that a killed process leaves nothing behind. Not durable, and not meant to be.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from indexer.limits import StoreLimits
from indexer.rows import Row


class Staging:
    """A context manager; `put` rows, then read `batches()` once."""

    def __init__(self, folder: Path, limits: StoreLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._rows: dict[str, Row] = {}
        self._bytes = 0
        self._file: sqlite3.Connection | None = None

    @property
    def used(self) -> bool:
        return bool(self._rows) or self._file is not None

    def put(self, row: Row) -> None:
        """The last of an id wins, and takes the place of the last."""
        self._rows.pop(row.id, None)
        self._rows[row.id] = row
        self._bytes += row.size
        if self._bytes > self._limits.staging_bytes:
            self._spill()

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

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            path = self._folder / f".staging-{uuid.uuid4().hex}"
            self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode = OFF")
            self._file.execute("PRAGMA synchronous = OFF")
            self._file.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._file.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, id TEXT UNIQUE, data BLOB)")
            os.unlink(path)
        self._file.execute("BEGIN")
        self._file.executemany(
            "INSERT OR REPLACE INTO rows (id, data) VALUES (?, ?)",
            ((row.id, pickle.dumps(row, pickle.HIGHEST_PROTOCOL)) for row in self._rows.values()),
        )
        self._file.execute("COMMIT")
        self._rows, self._bytes = {}, 0
