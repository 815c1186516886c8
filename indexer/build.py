"""Documents to a new generation: given a collection folder, makes what is in documents.sqlite searchable.

A build compares documents.sqlite with the parent generation, writes one new segment for what is new or changed, marks
what was replaced or removed, links everything else into place, and computes the overlay: link graph, near-duplicates,
anchor texts. Nothing that did not change is embedded or written again. Until the last instant, when HEAD switches,
readers have the parent; a crash, a full disk or an error anywhere leaves it untouched.
Documents of an ingest come along as `staged`: they are in the new generation and become part of documents.sqlite in the
instant in which it is published, or not at all. The instant is SQLite's commit, which names the generation: what is
killed before it leaves nothing, and after it the next writer finishes the switch (generation.settle).
Not for choosing what to index (crawler, importer) and not for reading (collection_reader.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.assembly import Assembly, Limits, lasting
from indexer.documents import DOCUMENTS, DocumentStore
from indexer.errors import EmbedderMismatchError, GenerationCorruptError, GenerationError, SettingsMismatchError
from indexer.generation import (
    GENERATIONS,
    Generation,
    clean_orphans,
    damaged_files,
    generation_ids,
    head_id,
    open_current,
    read_generation,
    settle,
    switch_head,
)
from indexer.lock import writer_lock
from indexer.manifest import Manifest, settings_hash
from indexer.pieces import Piece, difference, pieces_of
from indexer.progress import Listener, Reporter
from indexer.settings import IndexSettings
from indexer.snapshot import Snapshot
from indexer.staging import Staging
from indexer.storage import storage_full
from ranking.ports import Embedder
from ranking.types import Notice


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. `generation` is None while the collection has never had a document."""

    generation: str | None
    parent: str | None
    changed: bool  # False: the generation was there already
    documents: int
    passages: int
    added: int = 0
    replaced: int = 0
    removed: int = 0
    embedded: int = 0  # vectors computed
    reused: int = 0  # vectors of changed documents that were known already
    segments: int = 0
    merged: int = 0  # segments that were merged into others
    stored: int = 0  # documents of `staged` that were new or changed
    seconds: float = 0.0
    notices: tuple[Notice, ...] = ()


def build(
    collection: Path,
    embedder: Embedder | None,
    settings: IndexSettings | None = None,
    progress: Listener | None = None,
    *,
    rebuild: bool = False,
    limits: Limits | None = None,
    staged: Staging | None = None,
) -> BuildReport:
    """Bring the collection's index up to its documents. `rebuild`: write every segment anew. `staged`: documents to
    store with it, all or none.

    Raises EmbedderMismatchError and SettingsMismatchError (the index was built with others), CollectionBusyError
    (another writer for 30 s), CollectionNotFoundError (deleted meanwhile), StorageFullError, and DocumentsError; none
    of `staged` was stored then, and the generation served before is still served. What interrupts the publishing
    behind its commit (Ctrl-C, a disk that fails) is raised as it is: then all are stored, and served.
    """
    limits = limits or Limits()
    began = time.monotonic()
    with (
        storage_full(collection / GENERATIONS),
        writer_lock(collection, limits.build.lock_seconds),
        DocumentStore(collection / DOCUMENTS) as store,
        settled(collection, store),
        store.snapshot(staged) as snapshot,
    ):
        if staged is not None:
            staged.check_place()
        clean_orphans(collection)
        parent, damaged, notices = best_parent(collection)
        settings = settings or IndexSettings()
        if parent is not None and not rebuild:
            _check_same(parent.manifest, embedder, settings)
        if not rebuild and parent is not None and _is_current(parent.manifest, damaged, snapshot):
            if head_id(collection) != parent.id:
                switch_head(collection, parent.id)
            stored = 0 if staged is None else store.commit(staged)  # nothing new: at most later fetch dates
            return replace(_report(parent.manifest), stored=stored, seconds=time.monotonic() - began, notices=notices)
        if parent is None and snapshot.count() == 0:
            notice = Notice("no_documents", "the collection has no documents yet: crawl or ingest some")
            return BuildReport(None, None, False, 0, 0, seconds=time.monotonic() - began, notices=(*notices, notice))
        pieces: tuple[Piece, ...] = ()
        if parent is not None and not rebuild:
            pieces = pieces_of(parent, damaged, limits.clusters)
        found = difference(pieces, snapshot.fingerprints())
        work = Assembly(collection, snapshot, embedder, settings, Reporter(progress, limits.build), limits)
        stored = 0

        def commit(generation: str) -> None:
            nonlocal stored
            stored = 0 if staged is None else store.commit(staged, generation, revised=snapshot.revised)

        manifest = work.run(parent.id if parent else None, found, _known(parent, damaged, pieces, embedder), commit)
        return replace(
            _report(manifest),
            changed=True,
            added=len(found.wanted) - found.replaced,
            replaced=found.replaced,
            removed=found.removed,
            embedded=work.embedded,
            reused=work.reused,
            merged=work.merged,
            stored=stored,
            seconds=time.monotonic() - began,
            notices=notices,
        )


@contextmanager
def settled(collection: Path, store: DocumentStore) -> Iterator[None]:
    """Before and after the block, no publishing is half done. For the holder of the lock."""
    settle(collection, store.generation)
    try:
        yield
    finally:
        settle(collection, store.generation)


def best_parent(collection: Path) -> tuple[Generation | None, tuple[str, ...], tuple[Notice, ...]]:
    """The generation to build upon, its damaged files, and what is to be said of it."""
    try:
        current = open_current(collection)
        return current.generation, (), current.notices
    except GenerationCorruptError as error:
        notice = Notice("repaired", f"{error.message}; what is whole is kept, the rest is built anew")
    for id in reversed(generation_ids(collection)):
        try:
            generation = read_generation(collection, id)
        except GenerationError:
            continue
        return generation, tuple(damaged_files(generation)), (notice,)
    return None, (), (notice,)


def _check_same(manifest: Manifest, embedder: Embedder | None, settings: IndexSettings) -> None:
    given = embedder.id if embedder else None
    if manifest.rows and manifest.embedder != given:
        raise EmbedderMismatchError(
            f"the index was built with the embedder {manifest.embedder or 'none (no vectors)'}, "
            f"this is {given or 'none (no vectors)'}: vectors of two models cannot be compared",
            hint="use that embedder again, or run `forage index --rebuild` to embed every document anew with this one",
        )
    if manifest.rows and manifest.settings_hash != settings_hash(lasting(settings)):
        before, now = dict(manifest.settings), lasting(settings)
        names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        listed = ", ".join(f"{name} was {before.get(name)!r} and is {now.get(name)!r}" for name in names)
        raise SettingsMismatchError(
            f"the index was built with other settings: {listed}",
            hint="set them back, or run `forage index --rebuild` to write every segment with the new ones",
        )


def _known(
    parent: Generation | None, damaged: Sequence[str], pieces: Sequence[Piece], embedder: Embedder | None
) -> Sequence[Path]:
    """Whole segments with vectors of this embedder: a text that did not change is not embedded again."""
    if parent is None or embedder is None or parent.manifest.embedder != embedder.id:
        return ()
    return [piece.folder for piece in pieces] if pieces or damaged else parent.segments


def _is_current(manifest: Manifest, damaged: Sequence[str], snapshot: Snapshot) -> bool:
    version = snapshot.version
    return not damaged and (manifest.store, manifest.revision) == (version.store, version.revision)


def _report(manifest: Manifest) -> BuildReport:
    return BuildReport(
        generation=manifest.id,
        parent=manifest.parent,
        changed=False,
        documents=manifest.documents,
        passages=manifest.passages,
        segments=len(manifest.segments),
    )
