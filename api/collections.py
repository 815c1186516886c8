"""The collections of a process: given tenant and name, yields the open index and follows new generations.

Not for what is in them (indexer/) nor for writing (api/lanes.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from api.settings import Settings
from indexer.collection import (
    DEFAULT,
    Collection,
    create_collection,
    delete_collection,
    get_collection,
    list_collections,
)
from indexer.collection_reader import CollectionReader
from indexer.errors import CollectionExistsError
from indexer.fields import FIELDS
from indexer.generation import Generation
from indexer.local import LocalIndex
from ranking.ports import SearchIndex


def open_local(generation: Generation) -> SearchIndex:
    """A verified generation as a LocalIndex."""
    manifest = generation.manifest
    return LocalIndex(manifest.id, generation.segments, generation.overlay, manifest.embedder, manifest.dimension)


OpenIndex = Callable[[str, str, str | None], AbstractContextManager[SearchIndex]]
"""Collections.open of some process: (tenant, collection, generation) -> that index, for the length of the block."""


class Collections:
    """Readers by (tenant, name), opened on first use. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._data = settings.data
        self._guard = threading.Lock()
        self._readers: dict[tuple[str, str], CollectionReader] = {}

    @contextmanager
    def open(self, tenant: str, name: str, generation: str | None) -> Iterator[SearchIndex]:
        """The index of a collection for the length of the block; of one without documents, an empty index.

        Raises CollectionNotFoundError and GenerationNotFoundError with the nearest names.
        """
        with self._reader(tenant, name).use(generation) as opened:
            yield opened.index or self._empty

    @cached_property
    def _empty(self) -> SearchIndex:
        from indexer.memory import MemoryIndex  # late: only a collection without documents needs it

        return MemoryIndex((), generation="empty")

    def notices(self, tenant: str, name: str) -> list[dict[str, str]]:
        """What there is to say about the generation that is served, e.g. that a newer one is corrupt."""
        with self._reader(tenant, name).use() as opened:
            return [{"code": notice.code, "message": notice.message} for notice in opened.notices]

    def refresh(self, tenant: str, name: str) -> None:
        """Serve the newest generation from now on, without waiting for the watcher to notice it."""
        self._reader(tenant, name).refresh()

    def names(self, tenant: str) -> list[str]:
        """Sorted; `default` is always there."""
        return list_collections(self._data, tenant)

    def folder(self, tenant: str, name: str) -> Path:
        """Where the collection lies. Raises CollectionNotFoundError."""
        return get_collection(self._data, name, tenant).folder

    def documents(self, tenant: str, name: str) -> Iterator[dict[str, Any]]:
        """Every document as a line of an ingest, fields without a value left out. Raises CollectionNotFoundError."""
        return _lines(get_collection(self._data, name, tenant))

    def check(self, tenant: str, name: str) -> None:
        """Raises CollectionNotFoundError."""
        get_collection(self._data, name, tenant)

    def create(self, tenant: str, name: str) -> None:
        """Raises CollectionExistsError, CollectionNameError."""
        create_collection(self._data, name, tenant)

    def ensure(self, tenant: str, name: str) -> None:
        """Make it when it is absent."""
        if name != DEFAULT:
            try:
                create_collection(self._data, name, tenant)
            except CollectionExistsError:
                return

    def delete(self, tenant: str, name: str) -> None:
        """Raises CollectionNotFoundError, CollectionBusyError."""
        delete_collection(self._data, name, tenant)
        with self._guard:
            reader = self._readers.pop((tenant, name), None)
        if reader is not None:
            reader.close()

    def close(self) -> None:
        """Close every reader. Idempotent."""
        with self._guard:
            readers, self._readers = list(self._readers.values()), {}
        for reader in readers:
            reader.close()

    def _reader(self, tenant: str, name: str) -> CollectionReader:
        with self._guard:
            reader = self._readers.get((tenant, name))
            if reader is not None and reader.collection.is_dir():
                return reader
            collection = get_collection(self._data, name, tenant)
            if reader is not None:  # deleted by another process, and made again
                reader.close()
            reader = CollectionReader(collection.folder, open_local)
            reader.watch()
            self._readers[tenant, name] = reader
            return reader


def _lines(collection: Collection) -> Iterator[dict[str, Any]]:
    with collection.documents() as store:
        for document in store.documents():
            values = {name: getattr(document, name) for name in FIELDS if name != "html"}
            kept = {name: value for name, value in values.items() if value not in (None, "", {})}
            yield {"title": "", "text": "", **kept}
