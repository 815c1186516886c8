"""A generation in the making: given a difference, writes the folder of a new generation and publishes it.

The steps of `run`, in order: new segments, merges, hard links to everything else, overlay, manifest, the switch.
Not for deciding whether to build and upon what: see build.py, which holds the lock while this works.
"""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.arrays import read_arrays
from indexer.clusters import clusters
from indexer.compact import Size, batch_size, merges
from indexer.generation import (
    FINGERPRINTS,
    OVERLAY,
    SEGMENTS,
    SKETCHES,
    collect_garbage,
    new_id,
    publish,
    temporary_folder,
)
from indexer.layout import COLUMNS
from indexer.limits import BuildLimits, ClusterLimits, LinkLimits
from indexer.links import link_graph
from indexer.manifest import MANIFEST, FileEntry, Manifest, SegmentEntry, settings_hash, to_bytes
from indexer.overlay import Overlay, write_overlay
from indexer.pieces import Difference, Piece, merged, short, sketch_name
from indexer.progress import Reporter
from indexer.segment import known_vectors_of, merge_segments, write_segment
from indexer.settings import IndexSettings
from indexer.shingles import shingle_hashes, signature
from indexer.snapshot import Snapshot
from indexer.storage import files_below, hash_file, link_file, link_tree, save_array, sync_file, sync_folder
from ranking.ports import Embedder
from ranking.types import Document, Hashes

_SPEED_ONLY: Final = ("embed_batch", "embed_window")
"""Settings that change how fast a segment is written and nothing that is in it."""
_REMEMBERED: Final = 4_096  # shingle sets in memory while near-duplicates are verified


@dataclass(frozen=True, slots=True)
class Limits:
    """The constants of a build, together."""

    build: BuildLimits = field(default_factory=BuildLimits)
    links: LinkLimits = field(default_factory=LinkLimits)
    clusters: ClusterLimits = field(default_factory=ClusterLimits)


def lasting(settings: IndexSettings) -> dict[str, Any]:
    """The settings that a segment's content depends on."""
    return {name: value for name, value in settings.to_json().items() if name not in _SPEED_ONLY}


class Assembly:
    """One run, in the order of its methods."""

    def __init__(
        self,
        collection: Path,
        snapshot: Snapshot,
        embedder: Embedder | None,
        settings: IndexSettings,
        reporter: Reporter,
        limits: Limits,
        salvaged: Manifest | None = None,
    ) -> None:
        """`salvaged`: whose whole segments are all that the new generation gets; see salvage.py."""
        self.collection = collection
        self.snapshot = snapshot
        self.embedder = embedder
        self.settings = settings
        self.reporter = reporter
        self.limits = limits
        self.salvaged = salvaged
        self.id = new_id(collection)
        self.embedded = self.reused = self.merged = self.written = 0
        self.folder = Path()

    def run(
        self,
        parent: str | None,
        difference: Difference,
        known: Sequence[Path],
        commit: Callable[[str], object] | None = None,
    ) -> Manifest:
        """Write, publish and tidy up; returns the new manifest. `known`: segments whose vectors may be taken over.
        `commit` is called with the id in the instant of the publishing (generation.publish)."""
        self.folder = temporary_folder(self.collection, self.id)
        try:
            (self.folder / SEGMENTS).mkdir()
            (self.folder / SKETCHES).mkdir()
            pieces = [piece for piece in difference.pieces if piece.live.any()]
            pieces += self.write(difference.wanted, known)
            pieces = self.compact(pieces)
            self.place(pieces)
            self.overlay(pieces, difference.lost_clusters)
            manifest = self.describe(pieces, parent)
            publish(self.collection, self.folder, self.id, commit and partial(commit, self.id))
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        collect_garbage(self.collection, self.limits.build.kept_generations)
        return manifest

    # ------------------------------------------------------------ segments

    def write(self, ids: Sequence[str], known: Sequence[Path]) -> Iterator[Piece]:
        """New segments for these documents, a bounded number of them in each."""
        vectors = known_vectors_of(known) if known else None
        size = batch_size(len(ids), self.limits.build)
        remaining = iter(ids)
        passages = done = 0
        self.reporter.stage("embed" if self.embedder else "index", "passages")
        while batch := list(islice(remaining, size)):
            done += len(batch)
            before, last = passages, done == len(ids)

            def tell(now: int, of: int, before: int = before, done: int = done, last: bool = last) -> None:
                so_far = before + of
                self.reporter.tell(before + now, so_far if last else round(so_far * len(ids) / done))

            name, folder = self.segment()
            signatures: list[np.ndarray[Any, Any]] = []
            documents = self.sketched(self.snapshot.documents(batch), signatures)
            counts = write_segment(folder, documents, self.embedder, self.settings, tell, vectors)
            passages += counts.passages
            self.embedded += counts.embedded
            self.reused += counts.reused
            fingerprints = self.fingerprints(batch)
            yield Piece(
                name=name,
                folder=folder,
                ids=tuple(batch),
                live=np.ones(len(batch), dtype=bool),
                fingerprints=fingerprints,
                signatures=np.array(signatures, dtype=np.uint32).reshape(-1, self.limits.clusters.permutations),
                cluster=np.zeros(len(batch), dtype=np.uint64),
                fresh=np.ones(len(batch), dtype=bool),
                passages=counts.passages,
            )

    def segment(self) -> tuple[str, Path]:
        """Name and folder of the next new segment."""
        name = f"{self.id}-{self.written}"
        self.written += 1
        return name, self.folder / SEGMENTS / name

    def sketched(self, documents: Iterator[Document], signatures: list[np.ndarray[Any, Any]]) -> Iterator[Document]:
        """The documents, each with its signature noted as it passes."""
        for document in documents:
            shingles = shingle_hashes(document.title, document.text, self.limits.clusters)
            signatures.append(signature(shingles, self.limits.clusters))
            yield document

    def fingerprints(self, ids: Sequence[str]) -> Hashes:
        found = self.snapshot.fingerprints_of(ids)
        return np.array([short(found[id]) for id in ids], dtype=np.uint64)

    def compact(self, pieces: list[Piece]) -> list[Piece]:
        """Merge by the policy; the merged piece takes the place of its first source."""
        groups = merges([Size(piece.rows, int(piece.live.sum())) for piece in pieces], self.limits.build)
        total = sum(pieces[at].rows for group in groups for at in group)
        self.reporter.stage("merge", "documents")
        done = 0
        at_place: dict[int, Piece] = {}
        gone: set[int] = set()
        for group in groups:
            sources = [pieces[at] for at in group]
            name, folder = self.segment()
            counts = merge_segments(folder, [(piece.folder, piece.live) for piece in sources], self.settings)
            done += sum(piece.rows for piece in sources)
            self.reporter.tell(done, total)
            at_place[group[0]] = merged(name, folder, counts.passages, sources)
            gone.update(group)
            for piece in sources:
                if piece.folder.is_relative_to(self.folder):
                    shutil.rmtree(piece.folder)
        kept = [at_place.get(at, piece) for at, piece in enumerate(pieces) if at in at_place or at not in gone]
        self.merged = len(gone)
        return kept

    def place(self, pieces: Sequence[Piece]) -> None:
        """Every segment and sketch in this generation's folder: new ones are there, others are linked."""
        for piece in pieces:
            sketch = self.folder / sketch_name(piece.name)
            if piece.folder.is_relative_to(self.folder):
                save_array(sketch, piece.signatures)
            else:
                link_tree(piece.folder, self.folder / SEGMENTS / piece.name)
                link_file(piece.folder.parent.parent / sketch_name(piece.name), sketch)

    # ------------------------------------------------------------ overlay

    def overlay(self, pieces: Sequence[Piece], lost: Hashes) -> None:
        """Everything that is said of all rows."""
        ids = [id for piece in pieces for id in piece.ids]
        live = np.concatenate([piece.live for piece in pieces]) if pieces else np.zeros(0, dtype=bool)
        rows = {ids[row]: row for row in np.flatnonzero(live).tolist()}
        self.reporter.stage("links", "documents")
        graph = link_graph(
            self.snapshot.pages(), self.snapshot.aliases(), rows, len(ids), self.snapshot.anchors, self.limits.links
        )
        self.reporter.tell(len(rows), len(rows))
        self.reporter.stage("duplicates", "documents")
        width = self.limits.clusters.permutations
        cluster = clusters(
            ids,
            np.concatenate([piece.signatures for piece in pieces]) if pieces else np.zeros((0, width), np.uint32),
            live,
            np.concatenate([piece.fresh for piece in pieces]) if pieces else live,
            np.concatenate([piece.cluster for piece in pieces]) if pieces else np.zeros(0, np.uint64),
            lost,
            self.shingles(ids),
            self.limits.clusters,
        )
        self.reporter.tell(len(rows), len(rows))
        save_array(
            self.folder / FINGERPRINTS,
            np.concatenate([piece.fingerprints for piece in pieces]) if pieces else np.zeros(0, np.uint64),
        )
        folders = [self.folder / SEGMENTS / piece.name for piece in pieces]
        arrays = Overlay(~live, graph.authority, graph.inlinks, cluster)
        write_overlay(self.folder / OVERLAY, arrays, graph.anchors, folders)

    def shingles(self, ids: Sequence[str]) -> Callable[[Sequence[int]], list[Hashes]]:
        """Shingles by row, read from the documents; the latest few thousand are remembered."""
        remembered: OrderedDict[int, Hashes] = OrderedDict()

        def of(rows: Sequence[int]) -> list[Hashes]:
            missing = [row for row in rows if row not in remembered]
            documents = self.snapshot.documents(ids[row] for row in missing)
            for row, document in zip(missing, documents, strict=True):
                remembered[row] = shingle_hashes(document.title, document.text, self.limits.clusters)
            found = [remembered[row] for row in rows]
            while len(remembered) > _REMEMBERED:
                remembered.popitem(last=False)
            return found

        return of

    # ------------------------------------------------------------ manifest

    def live_passages(self, piece: Piece) -> int:
        """Those that can be found: a replaced document's stay in its segment until it is merged."""
        if piece.live.all():
            return piece.passages
        first = read_arrays(self.folder / SEGMENTS / piece.name / COLUMNS)["passage.first"]
        return int(np.diff(first)[piece.live].sum())

    def describe(self, pieces: Sequence[Piece], parent: str | None) -> Manifest:
        """Hash what is new, write the manifest, and make all of it rest on the disk."""
        known = {name: entry for piece in pieces for name, entry in (piece.files or {}).items()}
        files: dict[str, FileEntry] = {}
        self.reporter.stage("verify", "files")
        paths = files_below(self.folder)
        for done, path in enumerate(paths, start=1):
            name = path.relative_to(self.folder).as_posix()
            if name not in known:
                sync_file(path)
                known[name] = FileEntry(*hash_file(path, self.limits.build.hash_chunk))
            files[name] = known[name]
            self.reporter.tell(done, len(paths))
        entries, offset = [], 0
        for piece in pieces:
            entries.append(SegmentEntry(piece.name, offset, piece.rows, int(piece.live.sum()), piece.passages))
            offset += piece.rows
        settings = lasting(self.settings)
        live = sum(entry.live for entry in entries)
        manifest = Manifest(
            id=self.id,
            parent=parent,
            created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            store=self.snapshot.version.store,
            revision=self.snapshot.version.revision,
            documents=live,
            rows=offset,
            passages=sum(self.live_passages(piece) for piece in pieces),
            embedder=self.embedder.id if self.embedder else None,
            dimension=self.embedder.dimension if self.embedder else 0,
            settings=settings,
            settings_hash=settings_hash(settings),
            segments=tuple(entries),
            files=files,
        )
        if (old := self.salvaged) is not None:  # not up to any state of the documents, so that the next build works
            manifest = replace(
                manifest, store="", revision=0, embedder=old.embedder, dimension=old.dimension, settings=old.settings,
                settings_hash=old.settings_hash, missing=old.missing + old.documents - live,
            )  # fmt: skip
        path = self.folder / MANIFEST
        path.write_bytes(to_bytes(manifest))
        sync_file(path)
        for folder in [*(path for path in self.folder.rglob("*") if path.is_dir()), self.folder]:
            sync_folder(folder)
        return manifest
