"""An overlay: what one generation says about all rows of its segments. Small arrays, rewritten per generation.

Global row = the segment's offset (documents of the segments before it) + local row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ranking.types import Doubles, Hashes, Longs, Mask


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
    raise NotImplementedError


def read_overlay(folder: Path) -> Overlay:
    """Memory-mapped."""
    raise NotImplementedError
