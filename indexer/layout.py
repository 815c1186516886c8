"""What a segment's folder holds: names of its files, its manifest and counts. Reading needs this and not the writer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.analyze import ANALYZER
from indexer.arrays import read_arrays, strings_of
from indexer.errors import GenerationCorruptError, GenerationFormatError
from indexer.settings import FORMAT

MANIFEST, COLUMNS, POSTINGS, VECTORS = "segment.json", "columns.bin", "postings.bin", "vectors.bin"
QUANTISER, TEXTS, LEXICAL = "vectors.faiss", "texts.zst", "tantivy"


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


def read_ids(folder: Path) -> tuple[str, ...]:
    """Document ids by local row."""
    return tuple(strings_of(read_arrays(folder / COLUMNS), "id").all())


def read_manifest(folder: Path) -> dict[str, Any]:
    """segment.json. Raises GenerationCorruptError or GenerationFormatError."""
    try:
        head: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GenerationCorruptError(f"segment {folder.name} has no readable {MANIFEST}: {error}") from error
    if head.get("format") != FORMAT or head.get("analyzer") != ANALYZER:
        raise GenerationFormatError(
            f"segment {folder.name} has format {head.get('format')}, analyzer {head.get('analyzer')}; this version "
            f"reads {FORMAT}, {ANALYZER}",
            hint="build the index again: forage index",
        )
    return head


def read_counts(folder: Path) -> SegmentCounts:
    return SegmentCounts(**read_manifest(folder)["counts"])
