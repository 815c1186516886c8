"""The two implementations of SearchIndex over the same documents. Local ones are built on disk, in several segments
with deleted rows among them when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from indexer.overlay import Overlay, write_overlay
from indexer.segment import write_segment
from indexer.settings import IndexSettings
from ranking.ports import Embedder
from ranking.types import Document
from tests.contract.samples import ANCHORS, AUTHORITY, CLUSTERS, INLINKS, page

SETTINGS = IndexSettings(passage_tokens=60, overlap_tokens=12, section_tokens=20)


def memory(
    documents: Sequence[Document], embedder: Embedder | None, anchors: Mapping[str, str] = ANCHORS
) -> MemoryIndex:
    clusters = {document.id: CLUSTERS.get(document.id, f"{i:016x}") for i, document in enumerate(documents)}
    return MemoryIndex(
        documents, embedder, SETTINGS, authority=AUTHORITY, anchors=anchors, inlinks=INLINKS, clusters=clusters
    )


def local(
    folder: Path,
    documents: Sequence[Document],
    embedder: Embedder | None,
    segments: int = 1,
    deleted: int = 0,
    anchors: Mapping[str, str] = ANCHORS,
    tantivy_from: int = 1_000_000,
) -> LocalIndex:
    """`deleted` ghosts, which no answer may show, go into each segment; one repeats the id of a live document."""
    batches: list[list[Document]] = [list(documents[i::segments]) for i in range(segments)]
    for number, batch in enumerate(batches):
        for ghost in range(deleted):
            name = documents[0].id if ghost == 0 and number and documents else f"ghost-{number}-{ghost}"
            url = f"https://ghost.example.net/{number}/{ghost}"
            batch.insert(
                ghost * 2, page(name, url, "event loop ghost", "event loop regular Katzen ghost", language="en")
            )
    paths, rows = [], []
    for number, batch in enumerate(batches):
        paths.append(folder / f"segment-{number}")
        write_segment(paths[-1], batch, embedder, SETTINGS)
        rows.extend(batch)
    gone = np.array(["ghost" in row.url for row in rows], np.bool_)
    numbers = {document.id: f"{i:016x}" for i, document in enumerate(documents)}
    overlay = Overlay(
        deleted=gone,
        authority=np.array([AUTHORITY.get(row.id, 0.0) for row in rows]),
        inlinks=np.array([INLINKS.get(row.id, 0) for row in rows], np.int64),
        cluster=np.array([int(CLUSTERS.get(row.id, numbers.get(row.id, "0")), 16) for row in rows], np.uint64),
    )
    texts = {i: anchors[row.id] for i, row in enumerate(rows) if row.id in anchors and not gone[i]}
    write_overlay(folder / "overlay", overlay, texts, paths)
    name, dimension = (embedder.id, embedder.dimension) if embedder else (None, 0)
    return LocalIndex("test", paths, folder / "overlay", name, dimension, tantivy_from=tantivy_from)
