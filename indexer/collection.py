"""Collections: given the data folder and a name, returns where its parts are and how to open them.

    <data>/<name>/{documents.sqlite, generations/, HEAD, lock, warc/, frontier.sqlite}
    <data>/@<tenant>/<name>/...                       for tenants other than `default`

What lies beside collections has a name that none of them can have: it begins with a dot, or has `.sqlite` in it.
Not for serving: collection_reader.py keeps an index open and follows HEAD. Not for building: build.py.
"""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from indexer.collection_reader import CollectionReader
from indexer.documents import DOCUMENTS, DocumentStore
from indexer.errors import CollectionExistsError, CollectionNameError, CollectionNotFoundError
from indexer.generation import Current, Generation, open_current, open_generation
from indexer.limits import BuildLimits
from indexer.local import LocalIndex
from indexer.lock import writer_lock
from indexer.staging import Staging
from indexer.storage import storage_full
from ranking.shown import several, shown

DEFAULT: Final = "default"
"""The collection that always exists, and the tenant whose collections lie in the data folder itself."""

NAME: Final = r"(?!.*\.sqlite)[a-z0-9][a-z0-9._-]{0,63}"
_NAME: Final = re.compile(NAME, re.ASCII)
_DELETED: Final = ".deleted-"
_SHOWN: Final = 5
_CONSIDERED: Final = 256  # characters of a wrong name from which a right one is made


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection's folder. Opening nothing, checking nothing: a value."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def documents_path(self) -> Path:
        return self.folder / DOCUMENTS

    @property
    def warc(self) -> Path:
        return self.folder / "warc"

    @property
    def frontier(self) -> Path:
        return self.folder / "frontier.sqlite"

    def documents(self) -> DocumentStore:
        """The store; the caller closes it."""
        return DocumentStore(self.documents_path)

    def stage(self) -> Staging:
        """Where documents wait for a build to take them in (build.py, `staged`); the caller closes it."""
        return Staging(self.folder)

    def current(self) -> Current:
        """The generation to serve, verified; see generation.open_current."""
        return open_current(self.folder)

    def reader(self) -> CollectionReader:
        """Keeps the current index open and follows HEAD; the caller closes it."""
        return CollectionReader(self.folder, open_index)

    def generation(self, id: str) -> Generation:
        """A kept generation, verified; see generation.open_generation."""
        return open_generation(self.folder, id)


def open_index(generation: Generation) -> LocalIndex:
    """The generation as a SearchIndex; the caller closes it."""
    manifest = generation.manifest
    return LocalIndex(generation.id, generation.segments, generation.overlay, manifest.embedder, manifest.dimension)


def check_name(name: str, what: str = "collection") -> str:
    """The name, if it may be one. Raises CollectionNameError."""
    if _NAME.fullmatch(name):
        return name
    fixed = re.sub(r"[^a-z0-9._-]+", "-", name[:_CONSIDERED].lower()).replace(".sqlite", "").lstrip("._-")[:64]
    raise CollectionNameError(
        f"{shown(name)} is not a {what} name: it begins with a letter or digit, and has at most 64 of a-z 0-9 . _ -; "
        "names with .sqlite in them are those of files",
        path=what,
        did_you_mean=fixed if _NAME.fullmatch(fixed) else None,
    )


def tenant_folder(data: Path, tenant: str = DEFAULT) -> Path:
    """Where the tenant's collections are. Raises CollectionNameError."""
    return data if tenant == DEFAULT else data / f"@{check_name(tenant, 'tenant')}"


def list_collections(data: Path, tenant: str = DEFAULT) -> list[str]:
    """Names, sorted; `default` is always among them."""
    root = tenant_folder(data, tenant)
    found = {path.name for path in _folders(root) if _NAME.fullmatch(path.name)}
    return sorted(found | {DEFAULT})


def create_collection(data: Path, name: str, tenant: str = DEFAULT) -> Collection:
    """A new, empty collection. Raises CollectionNameError, CollectionExistsError, StorageFullError."""
    folder = tenant_folder(data, tenant) / check_name(name)
    with storage_full(folder):
        if name == DEFAULT:
            raise _exists(name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
        except FileExistsError as error:
            raise _exists(name) from error
    return Collection(folder)


def get_collection(data: Path, name: str, tenant: str = DEFAULT) -> Collection:
    """An existing collection (`default` is made when it is asked for). Raises CollectionNotFoundError with the
    nearest names, CollectionNameError."""
    try:
        folder = tenant_folder(data, tenant) / check_name(name)
    except CollectionNameError as error:  # what could be made of it is no collection either
        error.did_you_mean = _nearest(error.did_you_mean or "", list_collections(data, tenant))
        raise
    if name == DEFAULT:
        with storage_full(folder):
            folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        names = list_collections(data, tenant)
        raise CollectionNotFoundError(
            f"there is no collection {name!r}; there are: {several(names, _SHOWN)}",
            path="collection",
            hint="create it with POST /v1/collections or `forage ingest FILE --collection NAME`",
            did_you_mean=_nearest(name, names),
        )
    return Collection(folder)


def delete_collection(data: Path, name: str, tenant: str = DEFAULT, wait: float | None = None) -> None:
    """Gone at once for everybody who comes after; waits for a writer. Raises CollectionNotFoundError,
    CollectionBusyError. `default` is emptied: it exists again when it is next asked for."""
    collection = get_collection(data, name, tenant)
    with writer_lock(collection.folder, BuildLimits().lock_seconds if wait is None else wait):
        doomed = collection.folder.with_name(f"{_DELETED}{name}-{secrets.token_hex(4)}")
        collection.folder.rename(doomed)
    for folder in _folders(doomed.parent):  # this one, and what a killed delete left
        if folder.name.startswith(_DELETED):
            shutil.rmtree(folder, ignore_errors=True)


def _nearest(name: str, names: list[str]) -> str | None:
    return next(iter(get_close_matches(name, names, n=1, cutoff=0.5)), None)


def _folders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        yield from (path for path in root.iterdir() if path.is_dir())


def _exists(name: str) -> CollectionExistsError:
    return CollectionExistsError(
        f"there is a collection {name!r} already", path="name", hint="add documents to it, or choose another name"
    )
