"""The two implementations of SearchIndex over the same documents, and what it means that they agree. Local ones are
built on disk, in several segments with deleted rows among them when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from indexer.overlay import Overlay, write_overlay
from indexer.segment import write_segment
from indexer.settings import IndexSettings
from ranking.ports import Embedder
from ranking.types import Document, Evidence, Link, Longs
from tests.contract.samples import ANCHORS, AUTHORITY, CLUSTERS, INLINKS, page

SETTINGS = IndexSettings(passage_tokens=60, overlap_tokens=12, section_tokens=20)
LAYOUTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "one segment": {"segments": 1},
    "three segments with deletes": {"segments": 3, "deleted": 2},
    "through tantivy": {"segments": 2, "tantivy_from": 0},
}
"""How `local` lays the documents out on disk."""

_GHOSTLY: Final[Mapping[str, Any]] = {
    "language": "en", "author": "Ada Lovelace", "published_at": "2031-01-01",
    "links": (Link("https://docs.python.org/3/library/re.html"),),
    "metadata": {"price": 1_000, "rating": [0, 9], "year": 1900, "tags": ["io", "ghost"], "level": "basic"},
}  # fmt: skip
"""What deleted documents hold, and nobody may see."""


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
            batch.insert(ghost * 2, page(name, url, "event loop ghost", "event loop regular Katzen ghost", **_GHOSTLY))
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


def agree(left: Evidence, right: Evidence) -> None:
    """All evidence is equal, within float32."""
    assert left.ids == right.ids
    assert left.allowed == right.allowed
    assert left.operator_matches == right.operator_matches
    assert left.ranks.keys() == right.ranks.keys()
    for name in left.ranks:
        assert left.ranks[name].tolist() == right.ranks[name].tolist(), name
    np.testing.assert_array_equal(left.tf, right.tf)
    np.testing.assert_array_equal(left.dl, right.dl)
    np.testing.assert_array_equal(left.phrases, right.phrases)
    np.testing.assert_allclose(left.cosine, right.cosine, atol=1e-5)
    np.testing.assert_allclose(left.cosine_mean, right.cosine_mean, atol=1e-5)
    assert left.attributes.keys() == right.attributes.keys()
    for name, column in left.attributes.items():
        np.testing.assert_array_equal(column, right.attributes[name], err_msg=name)
        assert column.dtype == right.attributes[name].dtype, name
    assert (left.positions is None) == (right.positions is None)
    if left.positions and right.positions:
        assert left.positions.offsets.tolist() == right.positions.offsets.tolist()
        assert left.positions.position.tolist() == right.positions.position.tolist()
        assert left.positions.term.tolist() == right.positions.term.tolist()
    assert (left.vectors is None) == (right.vectors is None)
    if left.vectors is not None and right.vectors is not None:
        np.testing.assert_allclose(left.vectors, right.vectors, atol=1e-5)
    assert left.scores.keys() == right.scores.keys()
    for name, scores in left.scores.items():
        np.testing.assert_allclose(scores, right.scores[name], atol=1e-6, err_msg=name)
        assert scores.dtype == np.float64
    np.testing.assert_array_equal(_answered(left), _answered(right))
    assert left.numbers.keys() == right.numbers.keys()
    for name, numbers in left.numbers.items():
        np.testing.assert_array_equal(numbers, right.numbers[name], err_msg=name)
    assert left.labels.keys() == right.labels.keys()
    for name, labels in left.labels.items():
        assert equal_places(labels) == equal_places(right.labels[name]), name


def _answered(evidence: Evidence) -> list[list[bool]]:
    """Probes by row; none are none."""
    return [] if evidence.probes is None else evidence.probes.tolist()


def equal_places(labels: Longs) -> list[int]:
    """For each label the place where it stands first: labels say which rows are equal, their numbers are free."""
    values = labels.tolist()
    return [-1 if value == -1 else values.index(value) for value in values]
