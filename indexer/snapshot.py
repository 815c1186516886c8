"""One state of documents.sqlite: given a connection in a read transaction, returns what an index is built from.

Not for writing, and not for two threads at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from indexer.limits import StoreLimits
from indexer.rows import COLUMNS, SIGN, decode
from ranking.types import Document

Item = TypeVar("Item")

_WHOLE: Final = f"id, {', '.join(COLUMNS)}, text, links FROM documents JOIN bodies USING (row)"


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of at most `size` items, in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


@dataclass(frozen=True, slots=True)
class Version:
    """Which state of which file: equal versions, equal documents and aliases."""

    store: str
    revision: int


@dataclass(frozen=True, slots=True)
class Page:
    """A document as the link graph sees it; `edges` as rows.edges_of reads them."""

    id: str
    site: str
    key: int | None  # of its URL
    edges: bytes


class Snapshot:
    """Every method sees the same state, whatever is written meanwhile."""

    revised = False
    """Whether `version` is one that a commit has still to make (StagedSnapshot)."""

    def __init__(self, connection: sqlite3.Connection, limits: StoreLimits) -> None:
        self._connection = connection
        self._limits = limits
        meta = dict(connection.execute("SELECT name, value FROM meta"))
        self.version = Version(meta["store"], meta["revision"])

    def count(self) -> int:
        """Documents that are there."""
        return int(self._connection.execute("SELECT count(*) FROM documents WHERE deleted = 0").fetchone()[0])

    def fingerprints(self) -> Iterator[tuple[str, bytes]]:
        """(id, fingerprint) of every document, oldest change first."""
        yield from self._connection.execute(
            "SELECT id, fingerprint FROM documents WHERE deleted = 0 ORDER BY revision, row"
        )

    def fingerprints_of(self, ids: Iterable[str]) -> dict[str, bytes]:
        """Of these documents; unknown ids are left out."""
        found: dict[str, bytes] = {}
        for batch in batched(ids, self._limits.batch_rows):
            marks = ", ".join("?" * len(batch))
            query = f"SELECT id, fingerprint FROM documents WHERE deleted = 0 AND id IN ({marks})"
            found.update(self._connection.execute(query, batch))
        return found

    def documents(self, ids: Iterable[str] | None = None) -> Iterator[Document]:
        """These documents in this order (unknown ids are left out), or all, oldest change first."""
        if ids is None:
            for row in self._connection.execute(f"SELECT {_WHOLE} WHERE deleted = 0 ORDER BY revision, row"):
                yield decode(row[0], row[1:-2], row[-2], row[-1])
            return
        for batch in batched(ids, self._limits.batch_rows):
            marks = ", ".join("?" * len(batch))
            rows = {row[0]: row for row in self._connection.execute(f"SELECT {_WHOLE} WHERE id IN ({marks})", batch)}
            for id in batch:
                if row := rows.get(id):
                    yield decode(row[0], row[1:-2], row[-2], row[-1])

    def pages(self) -> Iterator[Page]:
        """Every document with its raw links."""
        for id, site, key, edges in self._connection.execute(
            "SELECT id, site, url_key, edges FROM documents LEFT JOIN edges USING (row) WHERE deleted = 0"
        ):
            yield Page(id, site, None if key is None else key + SIGN, edges or b"")

    def aliases(self) -> Iterator[tuple[int, str]]:
        """(URL key, id of the document that it leads to)."""
        for key, id in self._connection.execute("SELECT key, id FROM aliases"):
            yield key + SIGN, id

    def anchors(self, keys: Sequence[int]) -> dict[int, str]:
        """Anchor texts by key."""
        found: dict[int, str] = {}
        for batch in batched((int(key) - SIGN for key in keys), self._limits.batch_rows):
            marks = ", ".join("?" * len(batch))
            for key, text in self._connection.execute(f"SELECT key, text FROM anchors WHERE key IN ({marks})", batch):
                found[key + SIGN] = text
        return found
