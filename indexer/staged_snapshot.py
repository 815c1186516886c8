"""documents.sqlite as it will be: given a state of it and what is staged, returns what an index is built from.

So a generation can be finished before its documents are committed, and the two become true together. Not for writing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from indexer.limits import StoreLimits
from indexer.rows import COLUMNS, SIGN, decode
from indexer.snapshot import Page, Snapshot
from indexer.staging import Staging
from ranking.types import Document

_SITE: Final = COLUMNS.index("site")
_KEY: Final = COLUMNS.index("url_key")


class StagedSnapshot(Snapshot):
    """`staged` over what the connection sees. The version is the one after the commit, if nobody else commits first;
    if somebody does, it is a version that never was, and the next build compares again."""

    def __init__(self, connection: sqlite3.Connection, limits: StoreLimits, staged: Staging) -> None:
        super().__init__(connection, limits)
        self._staged = staged
        self._fresh: dict[str, bytes] = {}  # id -> fingerprint, of those that are new or changed
        self._replaced = 0
        for batch in staged.batches():
            stored = super().fingerprints_of(row.id for row in batch)
            for row in batch:
                if stored.get(row.id) != row.fingerprint:
                    self._fresh[row.id] = row.fingerprint
                    self._replaced += row.id in stored
        self.revised = bool(self._fresh)
        if self.revised:
            self.version = replace(self.version, revision=self.version.revision + 1)

    def count(self) -> int:
        return super().count() + len(self._fresh) - self._replaced

    def fingerprints(self) -> Iterator[tuple[str, bytes]]:
        yield from (pair for pair in super().fingerprints() if pair[0] not in self._fresh)
        yield from self._fresh.items()

    def fingerprints_of(self, ids: Iterable[str]) -> dict[str, bytes]:
        wanted = list(ids)
        fresh = {id: self._fresh[id] for id in wanted if id in self._fresh}
        return super().fingerprints_of(id for id in wanted if id not in fresh) | fresh

    def documents(self, ids: Iterable[str] | None = None) -> Iterator[Document]:
        if ids is None:
            yield from (document for document in super().documents() if document.id not in self._fresh)
            yield from map(self._document, self._fresh)
            return
        wanted = list(ids)
        stored = super().documents(id for id in wanted if id not in self._fresh)
        following = next(stored, None)
        for id in wanted:
            if id in self._fresh:
                yield self._document(id)
            elif following is not None and following.id == id:
                yield following
                following = next(stored, None)

    def pages(self) -> Iterator[Page]:
        yield from (page for page in super().pages() if page.id not in self._fresh)
        for batch in self._staged.batches():
            for row in batch:
                if row.id in self._fresh:
                    key = row.columns[_KEY]
                    yield Page(row.id, row.columns[_SITE], None if key is None else key + SIGN, row.edges)

    def anchors(self, keys: Sequence[int]) -> dict[int, str]:
        found = super().anchors(keys)
        if missing := {int(key) for key in keys} - found.keys():
            for batch in self._staged.batches():
                texts = ((key + SIGN, text) for row in batch for key, text in row.anchors)
                found.update((key, text) for key, text in texts if key in missing)
        return found

    def _document(self, id: str) -> Document:
        row = self._staged.row(id)
        return decode(row.id, row.columns, row.text, row.links)
