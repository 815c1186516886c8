"""One writer per collection: given its folder, holds the lock for the block, or says who is in the way.

An OS lock on `<collection>/lock`: the kernel lets go of it when the holder dies, so nothing stale is ever left.
Readers take no lock. Not re-entrant: one thread must not ask twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from indexer.errors import CollectionBusyError
from indexer.limits import BuildLimits

LOCK: Final = "lock"


@contextmanager
def writer_lock(collection: Path, wait: float = BuildLimits().lock_seconds) -> Iterator[None]:
    """Waits at most `wait` seconds, then raises CollectionBusyError (409, retryable)."""
    from filelock import FileLock, Timeout  # late: a process that only reads has no lock to take

    collection.mkdir(parents=True, exist_ok=True)
    lock = FileLock(collection / LOCK, timeout=wait)
    try:
        lock.acquire()
    except Timeout as error:
        raise CollectionBusyError(
            f"collection {collection.name!r} is being written by another process (waited {wait:g} s)",
            hint="try again when that index, ingest or delete is done",
        ) from error
    try:
        yield
    finally:
        lock.release()
