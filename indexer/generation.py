"""Immutable generations of one collection, and the pointer to the current one.

    <collection>/HEAD                              the id of the generation that is served
    <collection>/generations/<id>/manifest.json    every file with size and hash (manifest.py)
    <collection>/generations/<id>/segments/<name>/ immutable; hard links to the same files in other generations
    <collection>/generations/<id>/sketches/        one file a segment, shared like it (shingles.py)
    <collection>/generations/<id>/overlay/         what this generation says of all rows (overlay.py)
    <collection>/generations/<id>/fingerprints.npy which version of its document each row holds

Given a collection, returns the generation to serve: the one that HEAD names, verified, or the last good one with a
notice of what is wrong. A commit renames a finished folder into place and then switches HEAD: a crash at any
instant leaves the old or the new, whole. Documents that come with a generation are committed right before
(`publish`), and `settle` finishes or forgets what was interrupted there. Ids sort by age. Not for building (build.py)
or searching (local.py).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from indexer.errors import GenerationCorruptError, GenerationError, GenerationNotFoundError
from indexer.limits import BuildLimits
from indexer.manifest import MANIFEST, Manifest, from_bytes
from indexer.staging import SPILLED
from indexer.storage import hash_file, replacing, sync_folder, write_atomically
from ranking.shown import shown
from ranking.types import Notice

GENERATIONS: Final = "generations"
HEAD: Final = "HEAD"
SEGMENTS: Final = "segments"
SKETCHES: Final = "sketches"
OVERLAY: Final = "overlay"
FINGERPRINTS: Final = "fingerprints.npy"
TEMPORARY: Final = ".tmp-"
READY: Final = ".ready-"
"""A folder of this name and the id is whole and waits for its documents to be committed."""
_ID: Final = re.compile(r"(\d{8})-[0-9a-f]{6}", re.ASCII)
_SHOWN: Final = 3  # damaged files named in a message
_REMEMBERED: Final = 100_000  # verified files

_VERIFIED: dict[tuple[int, int, int, int], str] = {}
"""(device, inode, size, mtime in ns) -> hash, of files that this process has read whole: the next generation shares
most of them. Never written to disk: a new process reads everything."""

_HELD: Counter[Path] = Counter()
_HELD_GUARD = threading.Lock()


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation folder with its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        return self.manifest.id

    @property
    def segments(self) -> tuple[Path, ...]:
        """Segment folders in row order."""
        return tuple(self.folder / SEGMENTS / entry.name for entry in self.manifest.segments)

    @property
    def overlay(self) -> Path:
        return self.folder / OVERLAY

    def sketch(self, segment: str) -> Path:
        return self.folder / SKETCHES / f"{segment}.npy"


@dataclass(frozen=True, slots=True)
class Current:
    """What to serve: None in a collection where nothing was built yet."""

    generation: Generation | None
    notices: tuple[Notice, ...] = ()


def generation_ids(collection: Path) -> list[str]:
    """Ids of the generation folders, whole or not, oldest first."""
    folder = collection / GENERATIONS
    return sorted(path.name for path in folder.iterdir() if _ID.fullmatch(path.name)) if folder.is_dir() else []


def new_id(collection: Path) -> str:
    """An id that sorts after all others of the collection."""
    numbers = [int(name.partition("-")[0]) for name in (*generation_ids(collection), head_id(collection) or "0")]
    return f"{max(numbers, default=0) + 1:08d}-{secrets.token_hex(3)}"


def head_id(collection: Path) -> str | None:
    """What HEAD says, when it says the name of a generation."""
    try:
        text = (collection / HEAD).read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if _ID.fullmatch(text) else None


def damaged_files(generation: Generation) -> dict[str, str]:
    """Files that are not what the manifest says, with what is wrong; empty: the generation is whole."""
    damaged: dict[str, str] = {}
    chunk = BuildLimits().hash_chunk
    for name, entry in generation.manifest.files.items():
        path = generation.folder / name
        try:
            status = path.stat()
            if status.st_size != entry.bytes:
                damaged[name] = f"{status.st_size:,} bytes instead of {entry.bytes:,}"
                continue
            key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            digest = _VERIFIED.get(key)
            if digest is None:
                digest = hash_file(path, chunk)[1]
                if len(_VERIFIED) >= _REMEMBERED:
                    _VERIFIED.clear()
                _VERIFIED[key] = digest
        except OSError as error:
            damaged[name] = error.strerror or str(error)
            continue
        if digest != entry.xxh3_128:
            damaged[name] = "its content was changed"
    return damaged


def read_generation(collection: Path, id: str) -> Generation:
    """Its manifest, checked; the other files are not looked at. Raises GenerationError."""
    folder = collection / GENERATIONS / id
    if not _ID.fullmatch(id) or not folder.is_dir():
        ids = generation_ids(collection)
        near = get_close_matches(id[: 2 * len(ids[0])], ids, n=1) if ids else []
        kept = ", ".join(reversed(ids[-_SHOWN:])) or "none yet"
        raise GenerationNotFoundError(
            f"collection {collection.name!r} has no generation {shown(id)}; the latest are: {kept}",
            path="generation",
            hint="leave generation out to search the current one",
            did_you_mean=near[0] if near else None,
        )
    try:
        manifest = from_bytes((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise GenerationCorruptError(f"generation {id} has no readable {MANIFEST}: {error.strerror}") from error
    if manifest.id != id:
        raise GenerationCorruptError(f"the folder {id} holds generation {manifest.id}")
    return Generation(folder, manifest)


def open_generation(collection: Path, id: str) -> Generation:
    """This generation, every file verified. Raises GenerationNotFoundError, GenerationCorruptError."""
    generation = read_generation(collection, id)
    if damaged := damaged_files(generation):
        named = "; ".join(f"{name}: {what}" for name, what in list(damaged.items())[:_SHOWN])
        more = f" and {len(damaged) - _SHOWN} more files" if len(damaged) > _SHOWN else ""
        raise GenerationCorruptError(
            f"generation {id} is damaged ({named}{more})", hint="run `forage index` to build a whole one"
        )
    return generation


def open_current(collection: Path) -> Current:
    """The generation that HEAD names, or else the newest whole one with notices of what was wrong.

    Raises GenerationCorruptError when there are generations but none is whole.
    """
    ids, head = generation_ids(collection), head_id(collection)
    if not ids and head is None and not (collection / HEAD).exists():
        return Current(None)
    notices: list[Notice] = []
    if head is None:
        what = "is damaged" if (collection / HEAD).exists() else "is missing"
        notices.append(Notice("head_damaged", f"the pointer HEAD {what}; the newest whole generation is served"))
    candidates = ([head] if head else []) + [id for id in reversed(ids) if id != head]
    for id in candidates:
        try:
            generation = open_generation(collection, id)
        except GenerationError as error:
            notices.append(Notice("generation_corrupt", error.message))
            continue
        if id != head and head is not None:
            notices.append(
                Notice(
                    "older_generation_served",
                    f"generation {id} of {generation.manifest.created} is served instead; "
                    "run `forage index` to build a whole one",
                )
            )
        if missing := generation.manifest.missing:
            notices.append(
                Notice(
                    "documents_missing",
                    f"{missing:,} documents are missing: their part of the index was damaged; "
                    "run `forage index` to write it anew",
                )
            )
        return Current(generation, tuple(notices))
    raise GenerationCorruptError(
        f"no generation of collection {collection.name!r} is whole: " + "; ".join(n.message for n in notices),
        hint="run `forage index`: it keeps what is whole and builds the rest anew from documents.sqlite",
    )


def switch_head(collection: Path, id: str) -> None:
    """From the rename inside on, readers get this generation."""
    write_atomically(collection / HEAD, _pointer(id))


def _pointer(id: str) -> bytes:
    return f"{id}\n".encode()


def publish(collection: Path, temporary: Path, id: str, commit: Callable[[], object] | None = None) -> Path:
    """A finished and synced folder becomes generation `id` and the current one. For the holder of the lock.

    `commit` makes the documents durable that come with it, and their store name this generation. That is the instant:
    when it raises nothing has happened, and when it returned two renames are left, of what rests on the disk already.
    Where they are interrupted `settle` finishes: it renames the folder, and writes HEAD anew.
    """
    folder = collection / GENERATIONS / id
    ready = folder.with_name(f"{READY}{id}")
    with replacing(collection / HEAD, _pointer(id)):
        temporary.rename(ready)
        sync_folder(folder.parent)
        if commit is not None:
            commit()
        ready.rename(folder)
        sync_folder(folder.parent)
    return folder


def settle(collection: Path, committed: str | None) -> None:
    """Finish or forget what `publish` left when it was interrupted: the generation that the documents' store names
    (`committed`) becomes the current one, any other that waits is removed. For the holder of the lock."""
    folder = collection / GENERATIONS
    for ready in folder.glob(f"{READY}*"):
        if ready.name == f"{READY}{committed}":
            ready.rename(folder / ready.name.removeprefix(READY))
            sync_folder(folder)
        else:
            shutil.rmtree(ready, ignore_errors=True)
    newest = max(generation_ids(collection), default=None)
    if committed is not None and committed == newest != head_id(collection):
        switch_head(collection, committed)


@contextmanager
def held(generation: Generation) -> Iterator[None]:
    """While the block runs, no garbage collection of this process removes the generation."""
    hold(generation)
    try:
        yield
    finally:
        release(generation)


def hold(generation: Generation) -> None:
    with _HELD_GUARD:
        _HELD[generation.folder] += 1


def release(generation: Generation) -> None:
    with _HELD_GUARD:
        _HELD[generation.folder] -= 1
        if _HELD[generation.folder] <= 0:
            del _HELD[generation.folder]


def collect_garbage(collection: Path, keep: int) -> list[str]:
    """Remove all but the newest `keep` generations, the current one and those held; returns the ids removed.

    Other processes that have one open keep their open files. For the holder of the lock.
    """
    removed: list[str] = []
    head = head_id(collection)
    for id in generation_ids(collection)[:-keep]:
        folder = collection / GENERATIONS / id
        if id == head or _HELD.get(folder):
            continue
        doomed = folder.with_name(f"{TEMPORARY}old-{id}")
        folder.rename(doomed)  # gone at once, whatever happens to the removal
        shutil.rmtree(doomed, ignore_errors=True)
        removed.append(id)
    return removed


def clean_orphans(collection: Path) -> int:
    """Remove what killed writers left; returns how many. For the holder of the lock: then all of it is theirs, but for
    the file of an ingest that has just opened it, which needs no name any more (staging.py)."""
    folder = collection / GENERATIONS
    orphans = [path for path in folder.iterdir() if path.name.startswith(TEMPORARY)] if folder.is_dir() else []
    orphans += [*collection.glob(f".{HEAD}.*"), *collection.glob(f"{SPILLED}*")]
    for path in orphans:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(orphans)


def temporary_folder(collection: Path, id: str) -> Path:
    """An empty folder beside the generations, where this one is written."""
    folder = collection / GENERATIONS / f"{TEMPORARY}{id}-{os.getpid()}"
    folder.mkdir(parents=True)
    return folder
