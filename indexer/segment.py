"""A segment: an immutable folder that makes a batch of documents searchable. Given documents, writes one.

Local row = position of the document in the input (ids must be unique in it). Everything is written, fsynced,
and never changed again; deletes, authority and anchors live in the overlay (overlay.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.settings import IndexSettings
from ranking.ports import Embedder
from ranking.types import Document, Floats, Mask

KnownVectors = Callable[[Sequence[str]], list[Floats | None]]
"""Texts as they would be embedded -> their vectors where known (same embedder), else None."""

Progress = Callable[[int, int], None]
"""(passages embedded or reused so far, passages in all)."""


@dataclass(frozen=True, slots=True)
class SegmentCounts:
    documents: int
    passages: int
    bytes: int  # of the whole folder
    words: int
    embedder: str | None  # Embedder.id; None: no vectors
    dimension: int
    embedded: int = 0  # vectors computed by this call
    reused: int = 0  # vectors taken over


def write_segment(
    folder: Path,
    documents: Iterable[Document],
    embedder: Embedder | None,
    settings: IndexSettings = IndexSettings(),
    progress: Progress | None = None,
    known_vectors: KnownVectors | None = None,
) -> SegmentCounts:
    """Write `folder` (must not exist). Streams: memory grows with the vocabulary, not with the text."""
    raise NotImplementedError


def merge_segments(
    folder: Path,
    sources: Sequence[tuple[Path, Mask]],
    settings: IndexSettings = IndexSettings(),
    progress: Progress | None = None,
) -> SegmentCounts:
    """One segment of the rows whose mask is True (= keep), sources in order; vectors are copied, not computed."""
    raise NotImplementedError


def known_vectors_of(segments: Sequence[Path]) -> KnownVectors:
    """A lookup over the vectors of existing segments, for `write_segment`."""
    raise NotImplementedError


def read_ids(folder: Path) -> tuple[str, ...]:
    """Document ids by local row."""
    raise NotImplementedError


def read_counts(folder: Path) -> SegmentCounts:
    raise NotImplementedError
