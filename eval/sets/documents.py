"""Documents of a test collection: given files, returns ingest lines.

JSON lines, whatever the names of their fields (ours, BEIR, Anserini), or TREC SGML, told by the first character of each
file. Not for indexing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eval.errors import DatasetError
from eval.sets.files import digest, first_line, objects
from eval.sets.trec import sgml_documents

KNOWN: Final = ("id", "url", "title", "text", "published_at", "language")
"""Of an ingest line; anything else becomes metadata."""
NAMES: Final = {"_id": "id", "docno": "id", "doc_id": "id", "contents": "text"}
"""What others call a field of ours, read where ours is not there."""
TEXTS: Final = ("title", "text")
WEB_SCHEMES: Final = ("http:", "https:", "file:")


@dataclass(frozen=True, slots=True)
class CorpusFiles:
    """Files in the order in which they are read."""

    paths: tuple[Path, ...]

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(file and line, ingest line)."""
        for path in self.paths:
            read = sgml_documents if first_line(path).startswith("<") else objects
            for number, row in read(path):
                place = f"{path} line {number}"
                yield place, ingest_line(row, place)

    def fingerprint(self) -> str:
        return digest(self.paths)


def ingest_line(row: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The document of a corpus line. DatasetError without an id and a URL, and for a title or text that is none."""
    row = dict(row)
    for other, ours in NAMES.items():
        if other in row and ours not in row:
            row[ours] = row.pop(other)
    document = {key: row[key] for key in KNOWN if row.get(key) not in (None, "")}
    extra = {key: value for key, value in row.items() if key not in KNOWN and value is not None}
    if isinstance(given := extra.get("metadata"), Mapping):
        extra = {**{key: value for key, value in given.items() if key != "url"}, **extra}
        del extra["metadata"]
        if "url" not in document and isinstance(given.get("url"), str):
            document["url"] = given["url"]
    if "url" in document and not str(document["url"]).startswith(WEB_SCHEMES):
        document.pop("url")  # a fragment of one, or tel: and the like: the id names the document
    if "id" in document:
        document["id"] = str(document["id"])
    elif "url" not in document:
        raise DatasetError(f"{place}: not a document with an id", hint='{"id": "d1", "title": "...", "text": "..."}')
    for name in TEXTS:
        if not isinstance(document.setdefault(name, ""), str):
            raise DatasetError(
                f"{place}: {name} is {type(document[name]).__name__}, not text", hint="title and text are strings"
            )
    if extra:
        document["metadata"] = extra
    return document
