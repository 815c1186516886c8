"""tantivy lives here only: given stemmed texts, writes an index; given terms, returns the best rows by its BM25.

It recalls for collections so large that scoring every posting in numpy would cost more (settings.TANTIVY_FROM);
what it recalls is scored again, exactly. Its k1, b and one-byte lengths are compiled in, so it never decides an order.
Queries are built as objects: its query strings have traps. Not for filters, phrases or positions.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import tantivy

from indexer.errors import GenerationCorruptError
from ranking.types import Longs

LEXICAL_FIELDS: Final = ("title", "heading", "body", "url")
WRITER_BYTES: Final = 64_000_000  # heap; enough for one segment of tens of thousands of pages without a merge
_ROW: Final = "row"
Term = tuple[str, tuple[str, ...], float]
"""(field, stems of one query term, boost)."""


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in LEXICAL_FIELDS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    builder.add_unsigned_field(_ROW, fast=True)
    return builder.build()


class LexicalWriter:
    """Add documents in row order, then `close`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._closed = False
        self._index = tantivy.Index(_schema(), str(folder))
        self._writer = self._index.writer(WRITER_BYTES, 1)

    def add(self, row: int, stems: Mapping[str, Sequence[str]]) -> None:
        document = tantivy.Document()
        for name in LEXICAL_FIELDS:
            document.add_text(name, " ".join(stems[name]))
        document.add_unsigned(_ROW, row)
        self._writer.add_document(document)

    def abandon(self) -> None:
        """Stop writing, so that the folder can be removed."""
        if not self._closed:
            self._writer.rollback()
        del self._writer, self._index

    def close(self) -> None:
        """Commit. Raises OSError when the disk is full."""
        try:
            self._writer.commit()
            self._writer.wait_merging_threads()
            self._closed = True
        except ValueError as error:
            if "No space left" in str(error) or "os error 28" in str(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder)) from error
            raise
        for lock in self._folder.glob(".tantivy-*.lock"):
            lock.unlink()


class LexicalReader:
    """One segment's index, opened at the first search."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: tuple[tantivy.Schema, tantivy.Searcher] | None = None

    def top(self, terms: Sequence[Term], k: int) -> Longs:
        """The k best local rows (fewer when fewer match), best first."""
        schema, searcher = self._open()
        clauses = []
        for name, stems, boost in terms:
            queries = [tantivy.Query.term_query(schema, name, stem, "freq") for stem in stems]
            query = queries[0] if len(queries) == 1 else tantivy.Query.disjunction_max_query(queries)
            clauses.append((tantivy.Occur.Should, tantivy.Query.boost_query(query, boost)))
        if not clauses or not k:
            return np.empty(0, np.int64)
        hits = searcher.search(tantivy.Query.boolean_query(clauses), k, count=False).hits
        return np.array(searcher.fast_field_values(_ROW, [address for _, address in hits]), np.int64)

    def _open(self) -> tuple[tantivy.Schema, tantivy.Searcher]:
        if self._opened is None:
            try:
                index = tantivy.Index.open(str(self._folder))
            except ValueError as error:
                name = self._folder.parent.name
                raise GenerationCorruptError(f"the tantivy index of segment {name} is broken: {error}") from error
            self._opened = index.schema, index.searcher()
        return self._opened
