"""One writer per collection: given its folder, holds the lock for the block, or says who is in the way.

An OS lock on `<collection>/lock`: the kernel lets go of it when the holder dies, so nothing stale is ever left.
Readers take no lock. Not re-entrant: one thread must not ask twice. Not for making collections: a lock that made its
folder would bring back what was deleted while it waited.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from indexer.errors import CollectionBusyError, CollectionNotFoundError
from indexer.limits import BuildLimits

LOCK: Final = "lock"
_POLL_S: Final = 0.05
"""How often a waiting writer asks: the kernel's own waiting knows no deadline."""


@contextmanager
def writer_lock(collection: Path, wait: float = BuildLimits().lock_seconds) -> Iterator[None]:
    """Waits at most `wait` seconds, then raises CollectionBusyError (409, retryable); CollectionNotFoundError when
    there is no such folder, also when it was deleted (or replaced by another) during the wait."""
    deadline = time.monotonic() + wait
    path = collection / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise deleted(collection) from error
    try:
        while not _taken(descriptor):
            if time.monotonic() >= deadline:
                raise CollectionBusyError(
                    f"collection {collection.name!r} is being written by another process (waited {wait:g} s)",
                    hint="try again when that index, ingest or delete is done",
                )
            time.sleep(_POLL_S)
        if not is_at(descriptor, path):
            raise deleted(collection)
        yield
    finally:
        os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file or folder is still what `path` names: an open one keeps its inode, so that no other can
    be taken for it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def deleted(collection: Path) -> CollectionNotFoundError:
    """What to raise for a folder that is not there any more."""
    return CollectionNotFoundError(
        f"collection {collection.name!r} was deleted meanwhile",
        path="collection",
        hint="nothing of this write was kept; create the collection again, then repeat it",
    )


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
