"""The reading side of a collection: keeps its current index open, and follows HEAD while calls are running.

`with reader.use() as opened:` gives an index that stays open until the block ends, whatever is committed meanwhile.
When no generation is whole, what is whole of the newest is made one and served, with a notice (salvage.py).
A new HEAD is noticed within half a second: by a thread after `watch()`, so that no call waits for the opening, or
else by the next call. An index is closed when the last call that uses it ends. Any number of threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from indexer.errors import CollectionNotFoundError, GenerationCorruptError, GenerationError
from indexer.generation import HEAD, Generation, hold, open_current, open_generation, release
from indexer.limits import BuildLimits
from ranking.errors import ForageError
from ranking.ports import SearchIndex
from ranking.types import Notice

Opener = Callable[[Generation], SearchIndex]
_LOG = logging.getLogger(__name__)
_ATTEMPTS = 3  # a generation can be collected between its choice and its opening, by another process


@dataclass(slots=True)
class Opened:
    """An open index and what there is to say about the choice of it. `index` is None in an empty collection."""

    generation: Generation | None
    index: SearchIndex | None
    notices: tuple[Notice, ...] = ()
    users: int = field(default=0, repr=False)
    retired: bool = field(default=False, repr=False)


class CollectionReader:
    """See the module. `opener` makes an index of a verified generation."""

    def __init__(self, collection: Path, opener: Opener, limits: BuildLimits | None = None) -> None:
        self.collection = collection
        self._opener = opener
        self._limits = limits or BuildLimits()
        self._guard = threading.Lock()  # of the fields below
        self._opening = threading.Lock()  # one thread opens, the others go on with what there is
        self._current: Opened | None = None
        self._older: dict[str, Opened] = {}
        self._mark: tuple[int, int, int] | None = None  # of HEAD when `_current` was opened
        self._looked = -float("inf")
        self._watcher: threading.Thread | None = None
        self._stop = threading.Event()

    @contextmanager
    def use(self, generation: str | None = None) -> Iterator[Opened]:
        """The current generation, or the one named, open for the length of the block.

        Raises GenerationNotFoundError, GenerationCorruptError.
        """
        opened = self._take(generation)
        try:
            yield opened
        finally:
            self._give_back(opened)

    def refresh(self) -> str | None:
        """Look at HEAD now and open what it names, if that is new; returns the id of the current generation."""
        with self._opening:
            self._follow()
            opened = self._current
        return opened.generation.id if opened and opened.generation else None

    def watch(self) -> None:
        """Follow HEAD in a thread from now on, until `close`."""
        if self._watcher is None:
            self._stop.clear()
            self._watcher = threading.Thread(target=self._watch, name=f"head-{self.collection.name}", daemon=True)
            self._watcher.start()

    def close(self) -> None:
        """Let go of everything that no running call uses; the rest closes with its call. Idempotent."""
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join()
        self._watcher = None
        with self._guard:
            doomed = [opened for opened in (self._current, *self._older.values()) if opened is not None]
            self._current, self._older, self._mark = None, {}, None
        for opened in doomed:
            self._retire(opened)

    # ------------------------------------------------------------ within

    def _take(self, id: str | None) -> Opened:
        for attempt in range(_ATTEMPTS):
            if self._current is None:
                self.refresh()
            elif self._watcher is None and time.monotonic() - self._looked > self._limits.poll_seconds:
                self._try_to_follow()
            with self._guard:
                opened = self._current
                if opened is not None and id is not None and (opened.generation is None or opened.generation.id != id):
                    opened = self._older.get(id)
                if opened is not None and not opened.retired:
                    opened.users += 1
                    return opened
            if id is not None:
                try:
                    self._open_older(id)
                except FileNotFoundError:
                    if attempt == _ATTEMPTS - 1:
                        raise
        raise CollectionNotFoundError(f"collection {self.collection.name!r} was closed or deleted", path="collection")

    def _give_back(self, opened: Opened) -> None:
        with self._guard:
            opened.users -= 1
            done = opened.retired and not opened.users
        if done:
            _close(opened)

    def _retire(self, opened: Opened) -> None:
        with self._guard:
            opened.retired = True
            done = not opened.users
        if done:
            _close(opened)

    def _try_to_follow(self) -> None:
        """What is open stays open when the new generation cannot be opened, or when another thread opens it."""
        if self._opening.acquire(blocking=False):
            try:
                self._follow()
            except (ForageError, OSError) as error:
                _LOG.warning("collection %s: the new generation cannot be opened: %s", self.collection.name, error)
            finally:
                self._opening.release()

    def _follow(self) -> None:
        """Open what HEAD names if HEAD changed. For the holder of `_opening`."""
        self._looked = time.monotonic()
        mark = _mark(self.collection)
        if self._current is not None and mark == self._mark:
            return
        following = self._open_current()
        with self._guard:
            leaving, self._current, self._mark = self._current, following, mark
        if leaving is not None:
            self._retire(leaving)

    def _open_current(self) -> Opened:
        attempt = 0
        while True:
            try:
                current = open_current(self.collection)
                return self._open(current.generation, current.notices)
            except (FileNotFoundError, GenerationError) as error:
                attempt += 1
                if attempt == _ATTEMPTS:
                    raise
                if isinstance(error, GenerationCorruptError):
                    self._salvage()

    def _salvage(self) -> None:
        """Make a generation of the segments that are whole, if there are any and we may write."""
        from indexer.salvage import salvage  # brings all that builds an index: only when it is needed

        try:
            id = salvage(self.collection)
        except (ForageError, OSError) as error:
            _LOG.error("collection %s: nothing of the index can be salvaged: %s", self.collection.name, error)
        else:
            _LOG.error("collection %s: the index is damaged; generation %s holds the rest", self.collection.name, id)

    def _open(self, generation: Generation | None, notices: tuple[Notice, ...] = ()) -> Opened:
        if generation is None:
            return Opened(None, None, notices)
        hold(generation)
        try:
            return Opened(generation, self._opener(generation), notices)
        except BaseException:
            release(generation)
            raise

    def _open_older(self, id: str) -> None:
        with self._opening:
            if id in self._older:
                return
            opened = self._open(open_generation(self.collection, id))
            with self._guard:
                self._older[id] = opened
                surplus = list(self._older)[: -self._limits.opened_generations]
                leaving = [self._older.pop(old) for old in surplus]
        for old in leaving:
            self._retire(old)

    def _watch(self) -> None:
        while not self._stop.wait(self._limits.poll_seconds):
            self._try_to_follow()


def _mark(collection: Path) -> tuple[int, int, int] | None:
    """Changes whenever HEAD does: it is replaced, never written in place."""
    try:
        status = (collection / HEAD).stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _close(opened: Opened) -> None:
    if opened.index is not None:
        opened.index.close()
    if opened.generation is not None:
        release(opened.generation)
    opened.index = None
