"""Distractors: given a set and other documents, indexes both as one collection, a haystack to search the set in.

Small sets are easy: eight pages of ten results are an eighth of 600 documents. The others come from a file of
documents or from a collection; their ids are made anew, and those with the URL or the text of a document of the set
are left out, for they may be evidence that nobody judged. Not for indexing a set alone (eval/adhoc/runs.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from api.engine import Engine
from eval.adhoc.runs import TENANT, Progress, index_once, safe_name
from eval.collections import TestCollection
from eval.errors import DatasetError

ID: Final = "distractor-"
SET_NAME: Final = 28
"""Characters of the set's name in that of the collection, of 64."""
HASH: Final = 12


@dataclass(frozen=True, slots=True)
class Distractors:
    """One of both."""

    file: Path | None = None
    collection: str | None = None

    def check(self, engine: Engine, searched: str | None) -> None:
        """DatasetError and what an unknown collection raises, before anything is indexed."""
        if searched is not None:
            raise DatasetError(
                "distractors are mixed into the set's own collection, and another one is to be searched",
                hint="leave out --collection or the distractors",
            )
        if (self.file is None) == (self.collection is None):
            raise DatasetError("distractors come from a file or from a collection", hint="give one of both")
        if self.file is not None and not self.file.is_file():
            raise DatasetError(f"there is no file {self.file}", hint="give documents as JSON lines, plain, .gz or .zst")
        if self.collection is not None and not engine.read_collection(self.collection, TENANT)["documents"]:
            raise DatasetError(f"the collection {self.collection} is empty", hint="name one that holds documents")

    def fingerprint(self, engine: Engine) -> str:
        """Of the file's bytes, or of the collection's name and generation."""
        if self.file is not None:
            return self._as_collection(self.file).fingerprint()
        assert self.collection is not None
        generation = engine.read_collection(self.collection, TENANT)["generation"]
        return hashlib.sha256(f"{self.collection}\n{generation}".encode()).hexdigest()[:HASH]

    def documents(self, engine: Engine) -> Iterator[dict[str, Any]]:
        """As lines of an ingest."""
        if self.file is not None:
            return self._as_collection(self.file).documents()
        assert self.collection is not None
        return engine.documents(self.collection, TENANT)

    @staticmethod
    def _as_collection(file: Path) -> TestCollection:
        return TestCollection(file.name, file.parent, (), {}, False, file)


def ensure_mixed(engine: Engine, test: TestCollection, others: Distractors, progress: Progress) -> str:
    """The name of the collection with the set among the others; built on first use, found again by both hashes."""
    name = f"eval-{safe_name(test.name, SET_NAME)}-{test.fingerprint()}-with-{others.fingerprint(engine)}"
    index_once(engine, name, lambda: mixed(test, others.documents(engine)), progress)
    return name


def mixed(test: TestCollection, others: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The set's documents, then the others that are none of them."""
    urls, texts = set[str](), set[bytes]()
    for document in test.documents():
        urls.add(str(document.get("url", "")))
        texts.add(_text(document))
        yield document
    urls.discard("")
    for document in others:
        if document.get("url") not in urls and _text(document) not in texts:
            made = hashlib.sha256(orjson.dumps([document.get("id"), document.get("url")])).hexdigest()[: 2 * HASH]
            yield {**document, "id": f"{ID}{made}"}


def _text(document: dict[str, Any]) -> bytes:
    """White space aside."""
    return hashlib.sha256(" ".join(str(document["text"]).split()).encode("utf-8", "surrogatepass")).digest()
