"""Test collections of the library ir_datasets: given an id, returns topics, judgements and documents.

The library downloads what it needs on first use, and keeps it where IR_DATASETS_HOME says (~/.ir_datasets). It is asked
for nothing before a set of it is named. Not for what is on disk in a folder of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson

from eval.errors import DatasetError
from eval.sets.collection import TestCollection, Topic
from eval.sets.documents import ingest_line
from ranking.nearest import near, nearest
from ranking.shown import cut, several

PREFIX: Final = "ir_datasets:"
TEXT_FIELDS: Final = ("text", "abstract", "body")
"""Of a document, the first that is text; else what the library itself takes for its text."""
SHOWN_ERROR: Final = 300
"""Characters of the library's own message: it lists every address that it tried."""
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class LibraryDocuments:
    """The documents of one dataset."""

    id: str
    dataset: Any

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(id for messages, ingest line)."""
        for document in _each(self.id, "documents", self.dataset.docs_iter):
            place = f"{PREFIX}{self.id} document {document.doc_id}"
            yield place, ingest_line(_document(document), place)

    def fingerprint(self) -> str:
        """Of every document: what an id stands for may change with the library."""
        made = hashlib.sha256()
        for _, document in self.rows():
            made.update(orjson.dumps(document, option=orjson.OPT_SORT_KEYS))
        return made.hexdigest()[:12]


def read_library(name: str) -> TestCollection:
    """DatasetError for an id that the library does not know or that is not judged, and when it cannot read it."""
    dataset = _load(name)
    topics: dict[str, Topic] = {}
    for query in _each(name, "topics", dataset.queries_iter):
        text = str(query.default_text() if hasattr(query, "default_text") else query[1])
        if not text.strip():
            raise DatasetError(f"{PREFIX}{name}: the topic {query.query_id} has no text", hint="choose another set")
        topics[str(query.query_id)] = Topic(str(query.query_id), text)
    qrels: dict[str, dict[str, int]] = {}
    for each in _each(name, "judgements", dataset.qrels_iter):
        qrels.setdefault(str(each.query_id), {})[str(each.doc_id)] = int(each.relevance)
    if not any(grade > 0 for grades in qrels.values() for grade in grades.values()):
        raise DatasetError(f"{PREFIX}{name}: no document is relevant for any topic", hint="choose another set")
    documents = _documents_id(name)
    return TestCollection(
        name=documents.replace("/", "-"),
        folder=Path(PREFIX + name),
        topics=tuple(topic for topic in topics.values() if topic.id in qrels),
        qrels=qrels,
        by_url=False,
        corpus=None,
        source=LibraryDocuments(name, dataset) if dataset.has_docs() else None,
        known=frozenset(topics),
        split=name.removeprefix(documents).strip("/") or None,
    )


def _documents_id(name: str) -> str:
    """The id that the documents go by: sets that differ in their topics alone are of one collection."""
    import ir_datasets

    return str(ir_datasets.docs_parent_id(name))


def _load(name: str) -> Any:
    import ir_datasets

    names = [str(each) for each in ir_datasets.registry]
    try:
        dataset = ir_datasets.load(name)
    except Exception:
        raise DatasetError(
            f"ir_datasets has no set {name!r}",
            hint=f"sets of that name: {', '.join(near(name, names)) or 'none; see ir-datasets.com'}",
            did_you_mean=nearest(name, names),
        ) from None
    if not (dataset.has_queries() and dataset.has_qrels()):
        below = [each for each in names if each.startswith(f"{name}/")]
        raise DatasetError(
            f"{PREFIX}{name} has no topics with judgements",
            hint=f"name a part of it: {several(below, 8)}" if below else "choose a set that has both",
        )
    return dataset


def _each(name: str, what: str, read: Callable[[], Iterable[Read]]) -> Iterator[Read]:
    """What the library yields. It raises whatever its parsers and downloads raise: all of that means the same here."""
    try:
        yield from read()
    except DatasetError:
        raise
    except Exception as error:
        raise DatasetError(
            f"ir_datasets cannot read the {what} of {name!r}: {_reason(error)}",
            hint="it downloads to IR_DATASETS_HOME, or ~/.ir_datasets: is there a way out to the network, and room?",
        ) from error


def _reason(error: Exception) -> str:
    """Of a failed download the first thing that is said: the second is every address that was tried."""
    first = error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    return cut(first, SHOWN_ERROR) or type(error).__name__


def _document(document: Any) -> dict[str, Any]:
    """The id, title, URL and text of a document of any of the library's classes."""
    fields = document._asdict()
    text = next((fields[name] for name in TEXT_FIELDS if isinstance(fields.get(name), str)), None)
    if text is None:
        text = str(document.default_text() if hasattr(document, "default_text") else document[1])
    named = {name: fields[name] for name in ("title", "url") if isinstance(fields.get(name), str)}
    return {"id": str(document.doc_id), "text": text, **named}
