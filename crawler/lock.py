"""One crawl per folder: given a collection's folder, holds its crawl lock, or says who is in the way.

An OS lock on `<folder>/crawl.lock`: the kernel lets go of it when the holder dies. Not for making folders: a lock that
made its folder would bring back a collection that was deleted meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from crawler.errors import CrawlBusyError, FolderGoneError

LOCK_FILE: Final = "crawl.lock"


class CrawlLock:
    """Held from construction to `release`. Raises CrawlBusyError, FolderGoneError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            self._descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._gone() from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise CrawlBusyError(
                f"another crawl is at work in {folder}", hint="wait for it to end, or crawl into another collection"
            ) from error

    def check(self) -> None:
        """Raises FolderGoneError when the folder was deleted, or replaced by another, since the lock was taken."""
        try:
            there = os.path.samestat(os.fstat(self._descriptor), (self._folder / LOCK_FILE).stat())
        except (FileNotFoundError, NotADirectoryError):
            there = False
        if not there:
            raise self._gone()

    def _gone(self) -> FolderGoneError:
        return FolderGoneError(
            f"there is no folder {self._folder} to crawl into, or it was deleted meanwhile",
            hint="create the collection again",
        )

    def release(self) -> None:
        """Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
