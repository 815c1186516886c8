"""Ingests as the door makes them, and what they leave in a collection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from indexer.build import BuildReport, build
from indexer.documents import DocumentStore
from indexer.generation import GENERATIONS
from indexer.limits import StoreLimits
from indexer.staging import Staging
from ranking.ports import Embedder
from ranking.types import Document


def ingest(
    collection: Path, documents: Sequence[Document], embedder: Embedder | None = None, **options: object
) -> BuildReport:
    """As the door does it."""
    collection.mkdir(parents=True, exist_ok=True)
    with Staging(collection, StoreLimits(staging_bytes=20_000)) as staged:
        staged.add(documents)
        return build(collection, embedder, staged=staged, **options)  # type: ignore[arg-type]


def stored(collection: Path) -> dict[str, str]:
    """id -> text of every document in documents.sqlite."""
    with DocumentStore(collection / "documents.sqlite") as store:
        return {document.id: document.text for document in store.documents()}


def leftovers(collection: Path) -> list[str]:
    """What a writer should have removed."""
    places = [collection, collection / GENERATIONS]
    return [path.name for place in places if place.is_dir() for path in place.iterdir() if path.name.startswith(".")]
