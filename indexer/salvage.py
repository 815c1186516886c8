"""When no generation is whole: given a collection, commits one of the segments that still are.

Generations share segments by hard links, so one bad sector can spoil all of them at once. Serving most documents at
once, and saying so, beats serving none until somebody builds: what is lost is in documents.sqlite, and the next
`forage index` writes it anew. Not for a damage that spares a generation: open_current serves that one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from indexer.assembly import Assembly, Limits
from indexer.build import best_parent, settled
from indexer.documents import DOCUMENTS, DocumentStore
from indexer.errors import GenerationCorruptError
from indexer.generation import GENERATIONS, clean_orphans
from indexer.lock import writer_lock
from indexer.pieces import Difference, pieces_of
from indexer.progress import Reporter
from indexer.settings import IndexSettings
from indexer.storage import storage_full


def salvage(collection: Path, limits: Limits | None = None) -> str:
    """Returns the id of the generation to serve. Raises GenerationCorruptError when nothing is whole, and what a
    build raises when it cannot write."""
    limits = limits or Limits()
    with (
        storage_full(collection / GENERATIONS),
        writer_lock(collection, limits.build.lock_seconds),
        DocumentStore(collection / DOCUMENTS) as store,
        settled(collection, store),
        store.snapshot() as snapshot,
    ):
        clean_orphans(collection)
        parent, damaged, notices = best_parent(collection)
        if parent is not None and not damaged:
            return parent.id  # somebody was faster
        pieces = pieces_of(parent, damaged, limits.clusters) if parent is not None else ()
        if parent is None or not pieces:
            raise GenerationCorruptError(
                notices[0].message if notices else f"collection {collection.name!r} has no generation",
                hint="run `forage index`: it builds the index anew from documents.sqlite",
            )
        nothing_new = Difference(pieces, (), 0, 0, np.zeros(0, dtype=np.uint64))
        reporter = Reporter(None, limits.build)
        work = Assembly(collection, snapshot, None, IndexSettings(), reporter, limits, parent.manifest)
        return work.run(parent.id, nothing_new, ()).id
