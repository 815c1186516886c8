"""An overlay: what one generation says about all rows of its segments. Small arrays, rewritten per generation.

Global row = the segment's offset (documents of the segments before it) + local row. The text of inbound links is
indexed here as the field `anchor`, so that a new link never rewrites the segment of the page it points to.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from indexer.analyze import algorithm_of
from indexer.arrays import Array, ArrayWriter, read_arrays, strings_of
from indexer.errors import GenerationFormatError, IndexerError
from indexer.layout import COLUMNS, read_manifest
from indexer.settings import FORMAT, IndexSettings
from ranking.text import tokenize
from ranking.types import Doubles, Hashes, Longs, Mask

ARRAYS: Final = "rows.bin"
ANCHORS: Final = "anchors.bin"
ANCHOR_FIELD: Final = "anchor"


@dataclass(frozen=True, slots=True)
class Overlay:
    """Arrays over all N global rows."""

    deleted: Mask
    authority: Doubles  # [0, 1]
    inlinks: Longs
    cluster: Hashes  # near-duplicates share it


def write_overlay(folder: Path, overlay: Overlay, anchors: Mapping[int, str], segments: Sequence[Path]) -> None:
    """Write `folder` (must not exist). `anchors`: global row -> texts of its inbound links, joined with newlines;
    they are stemmed by the language of the row's document, which is read from `segments` (in row order)."""
    folder.mkdir(parents=True)
    try:
        ids: list[str] = []
        algorithms: list[str] = []
        for segment in segments:
            arrays = read_arrays(segment / COLUMNS)
            ids.extend(strings_of(arrays, "id").all())
            default = str(read_manifest(segment)["settings"].get("default_language", IndexSettings().default_language))
            known = [algorithm_of(name or None, default) for name in strings_of(arrays, "language").all()]
            algorithms.extend(known[code] for code in arrays["language.code"].tolist())
        _check(overlay, len(ids))
        _write_rows(folder / ARRAYS, overlay, ids)
        _write_anchors(folder, anchors, algorithms)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _check(overlay: Overlay, rows: int) -> None:
    for name in ("deleted", "authority", "inlinks", "cluster"):
        shape = getattr(overlay, name).shape
        if shape != (rows,):
            raise IndexerError(f"overlay.{name} has shape {shape}; the segments have {rows} rows")


def _write_rows(path: Path, overlay: Overlay, ids: Sequence[str]) -> None:
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    rank = np.empty(len(ids), np.int64)
    rank[order] = np.arange(len(ids))
    live = ~np.asarray(overlay.deleted, np.bool_)
    twice = [ids[a] for a, b in pairwise(order.tolist()) if ids[a] == ids[b] and live[a] and live[b]]
    if twice:
        raise IndexerError(f"document {twice[0]!r} is live in two rows")
    with ArrayWriter(path) as writer:
        writer.add("format", np.array([FORMAT]))
        writer.add("deleted", np.asarray(overlay.deleted, np.bool_))
        writer.add("authority", np.asarray(overlay.authority, np.float64))
        writer.add("inlinks", np.asarray(overlay.inlinks, np.int64))
        writer.add("cluster", np.asarray(overlay.cluster, np.uint64))
        writer.add("rank", rank)  # place of the row's id among all ids
        writer.add("best", np.lexsort((rank, -np.asarray(overlay.authority, np.float64))))  # rows by authority, then id


def _write_anchors(folder: Path, anchors: Mapping[int, str], algorithms: Sequence[str]) -> None:
    from indexer.forward import ForwardWriter  # only writing needs it

    forward = ForwardWriter((ANCHOR_FIELD,), folder)
    for row, algorithm in enumerate(algorithms):
        text = anchors.get(row)
        forward.add(ANCHOR_FIELD, forward.vocabulary.number(tokenize(text), algorithm) if text else ())
    with ArrayWriter(folder / ANCHORS) as writer:
        forward.write(writer)


def read_overlay(folder: Path) -> Overlay:
    """Memory-mapped. Raises GenerationCorruptError or GenerationFormatError."""
    arrays = read_rows(folder)
    return Overlay(arrays["deleted"], arrays["authority"], arrays["inlinks"], arrays["cluster"])


def read_rows(folder: Path) -> dict[str, Array]:
    """All arrays over rows: those of Overlay, `rank` (of ids) and `best` (rows by authority)."""
    arrays = read_arrays(folder / ARRAYS)
    if arrays["format"].tolist() != [FORMAT]:
        raise GenerationFormatError(f"overlay has format {arrays['format'].tolist()}; this version reads {FORMAT}")
    return arrays


def read_anchors(folder: Path) -> dict[str, Array]:
    """The arrays of the anchor field, over global rows."""
    return read_arrays(folder / ANCHORS)
