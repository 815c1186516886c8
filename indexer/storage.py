"""Files that are whole or not there: fsync, atomic replacement, hashes, and one error for a full disk.

Given paths and bytes, returns when they rest on the disk. Not for knowing what the files mean.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from indexer.errors import StorageFullError
from ranking.errors import ForageError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV, errno.ENOSYS})
_FULL_SQLITE: Final = frozenset(
    {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"}
)  # the others: quotas, WAL
_FULL_WORDS: Final = ("no space left", "disk quota", "file too large")  # as the native libraries say it


def is_storage_full(error: BaseException) -> bool:
    """Whether the error (or what caused it) says that a disk, a quota or a file size limit is exhausted."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorname", "") in _FULL_SQLITE:
        return True
    if not isinstance(error, ForageError) and any(word in str(error).lower() for word in _FULL_WORDS):
        return True  # ours quote what was sent, which may say anything
    return error.__cause__ is not None and is_storage_full(error.__cause__)


@contextmanager
def storage_full(path: Path) -> Iterator[None]:
    """Turns what a full disk raises, in whatever library, into StorageFullError."""
    try:
        yield
    except StorageFullError:
        raise
    except Exception as error:
        if not is_storage_full(error):
            raise
        free = shutil.disk_usage(next(folder for folder in (path, *path.parents) if folder.exists())).free
        raise StorageFullError(
            f"no space to write {path.parent.name}/{path.name} ({free // 2**20:,} MiB free): nothing of this write was "
            "kept, and what was there before is untouched and still served",
            hint="free some space (or raise the quota or file size limit), or move the data folder "
            "(FORAGE_DATA) to a larger disk; then run the same command again",
        ) from error


def sync_folder(folder: Path) -> None:
    """What was renamed or created in the folder survives power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """`path` holds either what it held or all of `data`, whatever happens."""
    with replacing(path, data):
        pass


@contextmanager
def replacing(path: Path, data: bytes) -> Iterator[None]:
    """While the block runs `data` rests on the disk beside `path`; at its end it takes the place of `path`: by a
    rename, which a full disk does not hinder. When the block raises, `path` stays what it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """As numpy.save, whose own writing hides why it failed."""
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        if array.size:
            file.write(array.view(np.uint8).data)
        file.flush()
        os.fsync(file.fileno())


def hash_file(path: Path, chunk: int) -> tuple[int, str]:
    """(bytes, XXH3-128 in hex), read `chunk` bytes at a time: a mapped file would count as memory of ours."""
    state, size = xxhash.xxh3_128(), 0
    buffer = bytearray(chunk)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while read := file.readinto(buffer):
            state.update(view[:read])
            size += read
    return size, state.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Every file in the folder and its subfolders, sorted by path."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def link_tree(source: Path, target: Path) -> None:
    """`target` becomes a folder of hard links to the files of `source`: no copy, no bytes."""
    target.mkdir(parents=True)
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            (target / path.relative_to(source)).mkdir()
        else:
            link_file(path, target / path.relative_to(source))


def link_file(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file system knows none (or has no more of them for this file)."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, target)
        sync_file(target)
