"""Documents from JSON lines: given a stream and a DocumentSink, stores every line of it, or none.

Streamed: memory does not grow with the file. Idempotent: ids are given or made from the URL, and the last line of
an id wins. When lines are bad, the rest of the file is still read, so that one answer names them all.
Not for crawling and not for indexing: a build makes searchable what is stored here.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import numpy as np
import xxhash

from indexer.errors import IngestError
from indexer.fields import FIELDS, BadLine, ExtractHtml, PageId, read_document
from indexer.limits import IngestLimits
from indexer.lines import Line, read_lines
from indexer.urls import page_id
from ranking.ports import DocumentSink
from ranking.shown import cut, shown
from ranking.types import Document, Notice

_COUNTED: Final = 1_000
"""Unknown fields by name that are counted: memory must not grow with the file."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    documents: int  # distinct ids in the stream
    notices: tuple[Notice, ...] = ()


def import_documents(
    stream: BinaryIO | Iterable[bytes],
    sink: DocumentSink,
    *,
    extract_html: ExtractHtml | None = None,
    name_page: PageId = page_id,
    limits: IngestLimits | None = None,
) -> ImportReport:
    """Store every document of the stream (plain, gzip or zstd; a file or an iterable of chunks).

    `extract_html` reads lines that carry html; `name_page` makes the id of a line without one, from its URL.

    Raises IngestError, whose message names the bad lines (at most 20 of them, and how many there are) and whose
    `lines` holds (number, field, message); IngestTooLargeError; what the sink raises; and what `extract_html` raises
    that may be retried: that is no fault of the lines. Nothing is stored then.
    """
    reader = _Reader(extract_html, name_page, limits or IngestLimits())
    sink.add(reader.documents(read_lines(stream, reader.limits)))
    return ImportReport(reader.distinct(), tuple(reader.notices()))


@dataclass(slots=True)
class _Reader:
    extract_html: ExtractHtml | None
    name_page: PageId
    limits: IngestLimits
    lines: int = 0
    bad: int = 0
    problems: list[tuple[int, BadLine]] = field(default_factory=list)
    keys: array[int] = field(default_factory=lambda: array("Q"))  # of ids, eight bytes a document
    numbers: array[int] = field(default_factory=lambda: array("Q"))  # of their lines
    repaired: list[int] = field(default_factory=list)
    repairs: int = 0
    folded: dict[str, int] = field(default_factory=dict)  # unknown field -> lines with it

    def documents(self, lines: Iterator[Line]) -> Iterator[Document]:
        """The documents, until the first bad line; raises IngestError at the end when there was one."""
        for number, line in lines:
            self.lines += 1
            try:
                if line is None:
                    raise BadLine("", f"longer than {self.limits.max_line_bytes:,} bytes: split the document")
                read = read_document(line, self.extract_html, self.limits, self.name_page)
            except BadLine as problem:
                self.bad += 1
                if len(self.problems) < self.limits.errors_shown:
                    self.problems.append((number, problem))
                continue
            if self.bad:
                continue
            self.keys.append(xxhash.xxh3_64_intdigest(read.document.id.encode()))
            self.numbers.append(number)
            if read.repaired:
                self.repairs += 1
                if len(self.repaired) < self.limits.notices_shown:
                    self.repaired.append(number)
            for name in read.folded:
                if name in self.folded or len(self.folded) < _COUNTED:
                    self.folded[name] = self.folded.get(name, 0) + 1
            yield read.document
        if self.bad:
            raise self._refusal()

    def distinct(self) -> int:
        return len(np.unique(np.frombuffer(self.keys, dtype=np.uint64))) if self.keys else 0

    def notices(self) -> Iterator[Notice]:
        most = self.limits.notices_shown
        if not self.lines:
            yield Notice("no_documents", "the file has no lines: nothing was stored")
        if duplicates := self._duplicates():
            pairs = ", ".join(f"lines {first} and {last}" for first, last in duplicates[:most])
            more = f" and {len(duplicates) - most:,} more" if len(duplicates) > most else ""
            message = f"{len(duplicates):,} lines repeat the id of an earlier one, the last wins: {pairs}{more}"
            yield Notice("duplicate_ids", message)
        if self.folded:
            names = [f"{shown(name)} ({count:,} lines)" for name, count in self.folded.items()]
            least = "at least " if len(names) == _COUNTED else ""
            more = f" and {least}{len(names) - most:,} more" if len(names) > most else ""
            yield Notice(
                "unknown_fields",
                f"fields that are not ours went into metadata: {', '.join(names[:most])}{more}; "
                f"ours are {', '.join(FIELDS)}",
            )
        if self.repairs:
            where = ", ".join(map(str, self.repaired))
            yield Notice(
                "lone_surrogates",
                f"{self.repairs:,} lines had half a character (a lone surrogate) in them, now U+FFFD: lines {where}"
                + (" ..." if self.repairs > len(self.repaired) else ""),
            )

    def _duplicates(self) -> list[tuple[int, int]]:
        """(line, later line of the same id), in order of the later."""
        if not self.keys:
            return []
        keys = np.frombuffer(self.keys, dtype=np.uint64)
        numbers = np.frombuffer(self.numbers, dtype=np.uint64)
        order = np.argsort(keys, kind="stable")
        again = np.flatnonzero(keys[order][1:] == keys[order][:-1])
        pairs = [(int(numbers[order[at]]), int(numbers[order[at + 1]])) for at in again]
        return sorted(pairs, key=lambda pair: pair[1])

    def _refusal(self) -> IngestError:
        named = [f"line {number}: {problem.message}" for number, problem in self.problems]
        if self.bad > len(named):
            named.append(f"and {self.bad - len(named):,} more")
        many = f"{self.bad:,} of {self.lines:,} lines are bad" if self.bad > 1 else f"1 of {self.lines:,} lines is bad"
        number, first = self.problems[0]
        error = IngestError(
            f"{many}, nothing was stored:\n" + "\n".join(named),
            path=f"line {number}" + (f", {cut(first.field)}" if first.field else ""),
            hint="mend these lines and send the file again: each is an object of id or url, title, text or html, and "
            "optionally " + ", ".join(name for name in FIELDS if name not in ("id", "url", "title", "text", "html")),
            did_you_mean=first.did_you_mean,
        )
        error.lines = tuple((number, problem.field, problem.message) for number, problem in self.problems)
        return error
