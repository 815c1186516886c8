"""What the build tests share: a counting embedder, documents by the hundred, and a collection to build in."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import xxhash

from indexer.build import BuildReport, build
from indexer.collection import open_index
from indexer.documents import DocumentStore
from indexer.generation import open_current
from indexer.limits import BuildLimits
from ranking.types import Document, Floats, Link

FAST = BuildLimits(poll_seconds=0.05)
"""Readers that look often."""


class CountingEmbedder:
    """Unit vectors from a hash of the text; says how many texts it was given."""

    dimension = 16

    def __init__(self, id: str = "counting") -> None:
        self.id = id
        self.texts = 0
        self._guard = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Floats:
        with self._guard:
            self.texts += len(texts)
        rows = []
        for text in texts:
            vector = np.random.default_rng(xxhash.xxh3_64_intdigest(text.encode())).normal(size=self.dimension)
            rows.append(vector / np.linalg.norm(vector))
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dimension)


def page(number: int, text: str = "", site: str = "a.example", links: Sequence[str] = ()) -> Document:
    words = " ".join(f"word{(number * 7 + place) % 997} {number}" for place in range(12))
    return Document(
        f"d{number:05d}", f"http://{site}/{number}", f"Title {number}", text or f"Text of page {number}. {words}", site,
        language="en", links=tuple(Link(f"http://{site}/{target}", f"page {target}") for target in links),
    )  # fmt: skip


def fill(collection: Path, documents: Sequence[Document], removed: Sequence[str] = ()) -> None:
    collection.mkdir(parents=True, exist_ok=True)
    with DocumentStore(collection / "documents.sqlite") as store:
        store.add(documents)
        store.remove(removed)


def built(
    collection: Path, documents: Sequence[Document] = (), removed: Sequence[str] = (), **options: object
) -> BuildReport:
    """Add, remove, build without vectors."""
    fill(collection, documents, removed)
    return build(collection, None, **options)  # type: ignore[arg-type]


def served(collection: Path) -> dict[str, str]:
    """id -> text of every document that the current generation serves."""
    current = open_current(collection)
    assert current.generation is not None
    with closing(sqlite3.connect(collection / "documents.sqlite")) as store:
        ids = [id for (id,) in store.execute("SELECT id FROM documents")]  # also of those that were removed since
    index = open_index(current.generation)
    try:
        found = {}
        for id in ids:
            try:
                (stored,) = index.fetch([id], text=True)
            except KeyError:
                continue
            found[id] = stored.document.text
        assert len(found) == index.statistics.documents == current.generation.manifest.documents
        return found
    finally:
        index.close()
