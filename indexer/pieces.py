"""The segments of a generation in the making: given a parent's, says what is new, gone or changed in them.

A Piece is a segment folder with what the build knows of each of its rows. Not for writing segments: assembly.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from indexer.generation import FINGERPRINTS, SEGMENTS, SKETCHES, Generation
from indexer.limits import ClusterLimits
from indexer.manifest import FileEntry
from indexer.overlay import read_overlay
from indexer.segment import read_ids
from indexer.shingles import Signatures
from ranking.types import Hashes, Mask


@dataclass(frozen=True, slots=True)
class Piece:
    """One segment; all arrays by local row."""

    name: str
    folder: Path
    ids: tuple[str, ...]
    live: Mask
    fingerprints: Hashes  # which version of its document a row holds
    signatures: Signatures
    cluster: Hashes  # of the last build that had the row; 0 when there was none
    fresh: Mask  # no build has had this row
    passages: int
    files: Mapping[str, FileEntry] | None = None  # hashes known from the parent, by path within the generation

    @property
    def rows(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a build has to do."""

    pieces: tuple[Piece, ...]  # of the parent, with the rows that were replaced or removed no longer live
    wanted: tuple[str, ...]  # ids to write, oldest change first
    replaced: int
    removed: int
    lost_clusters: Hashes  # clusters that lost a member


def short(fingerprint: bytes) -> int:
    """The 64 bits of a document's fingerprint that are kept per row."""
    return int.from_bytes(fingerprint[:8], "little")


def pieces_of(parent: Generation, damaged: Iterable[str], limits: ClusterLimits) -> tuple[Piece, ...]:
    """The parent's segments without those that have damaged files (their documents will be written anew)."""
    spoiled = set(damaged)
    if not all(name.startswith((f"{SEGMENTS}/", f"{SKETCHES}/")) for name in spoiled):
        return ()  # which rows are live, or what they hold, is not known for sure
    overlay = read_overlay(parent.overlay)
    fingerprints = np.load(parent.folder / FINGERPRINTS)
    pieces = []
    for entry, folder in zip(parent.manifest.segments, parent.segments, strict=True):
        own = {
            name: file
            for name, file in parent.manifest.files.items()
            if name.startswith(f"{SEGMENTS}/{entry.name}/") or name == sketch_name(entry.name)
        }
        if spoiled & own.keys():
            continue
        rows = slice(entry.offset, entry.offset + entry.rows)
        pieces.append(
            Piece(
                name=entry.name,
                folder=folder,
                ids=read_ids(folder),
                live=~np.array(overlay.deleted[rows], dtype=bool),
                fingerprints=fingerprints[rows],
                signatures=np.load(parent.sketch(entry.name)).reshape(-1, limits.permutations),
                cluster=np.array(overlay.cluster[rows], dtype=np.uint64),
                fresh=np.zeros(entry.rows, dtype=bool),
                passages=entry.passages,
                files=own,
            )
        )
    return tuple(pieces)


def sketch_name(segment: str) -> str:
    """Its path within a generation."""
    return f"{SKETCHES}/{segment}.npy"


def difference(pieces: Sequence[Piece], documents: Iterable[tuple[str, bytes]]) -> Difference:
    """`documents`: (id, fingerprint) of all that there should be."""
    places = {
        id: (number, row) for number, piece in enumerate(pieces) for row, id in enumerate(piece.ids) if piece.live[row]
    }
    live = [piece.live.copy() for piece in pieces]
    lost: list[int] = []
    wanted: list[str] = []
    replaced = 0
    for id, fingerprint in documents:
        place = places.pop(id, None)
        if place is not None:
            number, row = place
            if int(pieces[number].fingerprints[row]) == short(fingerprint):
                continue
            replaced += 1
            live[number][row] = False
            lost.append(int(pieces[number].cluster[row]))
        wanted.append(id)
    for number, row in places.values():
        live[number][row] = False
        lost.append(int(pieces[number].cluster[row]))
    return Difference(
        pieces=tuple(replace(piece, live=mask) for piece, mask in zip(pieces, live, strict=True)),
        wanted=tuple(wanted),
        replaced=replaced,
        removed=len(places),
        lost_clusters=np.unique(np.array(lost, dtype=np.uint64)),
    )


def merged(name: str, folder: Path, passages: int, sources: Sequence[Piece]) -> Piece:
    """What is known of the live rows of `sources`, in their order: the piece of the merged segment."""
    return Piece(
        name=name,
        folder=folder,
        ids=tuple(id for piece in sources for id, kept in zip(piece.ids, piece.live, strict=True) if kept),
        live=np.ones(sum(int(piece.live.sum()) for piece in sources), dtype=bool),
        fingerprints=np.concatenate([piece.fingerprints[piece.live] for piece in sources]),
        signatures=np.concatenate([piece.signatures[piece.live] for piece in sources]),
        cluster=np.concatenate([piece.cluster[piece.live] for piece in sources]),
        fresh=np.concatenate([piece.fresh[piece.live] for piece in sources]),
        passages=passages,
    )
