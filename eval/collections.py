"""Test collections: given a folder, returns its documents, topics and judgements.

Layout: corpus.jsonl.zst (or .jsonl, .jsonl.gz), queries.jsonl, qrels.tsv with a header. Not for indexing.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

import orjson
import zstandard

from eval.errors import DatasetError

CORPUS_NAMES: Final = ("corpus.jsonl.zst", "corpus.jsonl.gz", "corpus.jsonl")
WEB_SCHEMES: Final = ("http:", "https:", "file:")
EVALUATED_SPLIT: Final = "test"
"""Where topics carry a split, only this one is measured."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One query of a test collection."""

    id: str
    text: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class TestCollection:
    """Topics and judgements; `by_url`: judgements name URLs, not document ids."""

    name: str
    folder: Path
    topics: tuple[Topic, ...]
    qrels: dict[str, dict[str, int]] = field(repr=False)
    by_url: bool
    corpus: Path | None

    __test__ = False  # not a test class, whatever pytest thinks of the name

    def check_corpus(self) -> None:
        """DatasetError when there is no corpus to index."""
        if self.corpus is None:
            raise DatasetError(
                f"{self.folder} has no corpus file", hint="name a collection that holds its pages with --collection"
            )

    def documents(self) -> Iterator[dict[str, Any]]:
        """The corpus as ingest lines; documents without any text are left out (nothing could find them)."""
        self.check_corpus()
        assert self.corpus is not None
        known = ("id", "url", "title", "text", "published_at", "language")
        for line in _lines(self.corpus):
            row = orjson.loads(line)
            document = {key: row[key] for key in known if row.get(key) not in (None, "")}
            if not (document.get("title", "").strip() or document.get("text", "").strip()):
                continue
            if not str(document.get("url", "http:")).startswith(WEB_SCHEMES):
                document.pop("url")  # a fragment of one, or tel: and the like: the id names the document
            document.setdefault("title", "")
            document.setdefault("text", "")
            rest = {key: value for key, value in row.items() if key not in known and value is not None}
            if rest:
                document["metadata"] = rest
            yield document

    def fingerprint(self) -> str:
        """Names the corpus by its bytes."""
        digest = hashlib.sha256()
        if self.corpus is not None:
            with self.corpus.open("rb") as stream:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
        return digest.hexdigest()[:12]


def read_collection(folder: Path) -> TestCollection:
    """DatasetError says which file is missing or which line is wrong."""
    queries, judgements = folder / "queries.jsonl", folder / "qrels.tsv"
    for path in (queries, judgements):
        if not path.is_file():
            raise DatasetError(
                f"{folder} is not a test collection: no {path.name}",
                hint="a folder holds corpus.jsonl.zst, queries.jsonl and qrels.tsv",
            )
    qrels, by_url = _read_qrels(judgements)
    topics = _read_topics(queries, qrels)
    corpus = next((folder / name for name in CORPUS_NAMES if (folder / name).is_file()), None)
    return TestCollection(folder.name, folder, topics, qrels, by_url, corpus)


def _read_topics(path: Path, qrels: dict[str, dict[str, int]]) -> tuple[Topic, ...]:
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
            rows.append((str(row["id"]), str(row["text"]), row.get("type"), row.get("split")))
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise DatasetError(f"{path} line {number}: not a topic with id and text ({error})") from None
    splits = {split for *_, split in rows}
    if EVALUATED_SPLIT in splits:
        rows = [row for row in rows if row[3] == EVALUATED_SPLIT]
    return tuple(Topic(id_, text, type_) for id_, text, type_, _ in rows if id_ in qrels and text.strip())


def _read_qrels(path: Path) -> tuple[dict[str, dict[str, int]], bool]:
    lines = path.read_text("utf-8").splitlines()
    header = lines[0].split("\t") if lines else []
    if len(header) != 3 or header[0] != "query_id" or header[1] not in ("doc_id", "doc_url"):
        raise DatasetError(f"{path}: the header must be query_id, doc_id or doc_url, relevance; got {header}")
    qrels: dict[str, dict[str, int]] = {}
    for number, line in enumerate(lines[1:], start=2):
        parts = line.split("\t")
        try:
            query, document, grade = parts
            qrels.setdefault(query, {})[document] = int(grade)
        except ValueError:
            raise DatasetError(f"{path} line {number}: not three columns with an integer grade: {line!r}") from None
    return qrels, header[1] == "doc_url"


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        stream: IO[bytes]
        if path.suffix == ".zst":
            stream = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
        elif path.suffix == ".gz":
            stream = cast(IO[bytes], gzip.open(raw))  # noqa: SIM115 (it closes with `raw`)
        else:
            stream = raw
        yield from (line for line in stream if line.strip())
