"""Guesses: given the follow-ups of an answer, warms their pools and pages while nobody waits for anything, and answers
nothing.

One thread of the lowest priority. A guess begins when no request has been in flight or queued for QUIET_SECONDS, and if
the session will not have spent more than its share of CPU time on guesses when it has ended; it is dropped between
stages (embedding, recall, passages) as soon as a request arrives. It is a search like any other but for its answer,
which nobody reads, so what it leaves in the pools is what a real one would; of the outlook, words alone (scouting.py).
Only this machine's index is asked. Not for what is guessed (following.py).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from api import log
from api.requests import SearchRequest
from api.warm.index import Dropped
from api.warm.keys import Key
from api.warm.settings import NICENESS, PREFETCH_WAITING, PREFETCHES_A_CALL, QUIET_SECONDS
from api.warm.warmth import Owner, Warmth


class Traffic:
    """Real requests: how many are in flight, and since when none is. `queued` counts those that a door holds back."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running = 0
        self._last = time.monotonic()
        self.queued: Callable[[], int] = lambda: 0

    @contextmanager
    def real(self) -> Iterator[None]:
        """Around the work of a request."""
        with self._guard:
            self._running += 1
        try:
            yield
        finally:
            with self._guard:
                self._running -= 1
                self._last = time.monotonic()

    @property
    def idle(self) -> bool:
        return not self._running and not self.queued()

    def quiet_in(self) -> float:
        """Seconds until it will have been idle for long enough, if nothing comes; 0: it has."""
        if not self.idle:
            return QUIET_SECONDS
        return max(0.0, self._last + QUIET_SECONDS - time.monotonic())


@dataclass(frozen=True, slots=True)
class Task:
    """One guess for a session: a request like its last, with another query. `scout`: words alone fill its pool
    (scouting.py), else it is searched for."""

    owner: Owner
    request: SearchRequest
    scout: bool = False

    @property
    def kind(self) -> tuple[str, bool]:
        """Guesses that cost about the same."""
        return self.request.collection, self.scout


Warm = Callable[[Task, Callable[[], None]], Key | None]
"""Searches as the task says, calling the other between stages, which may raise Dropped; returns the key of the pool."""


class Prefetcher:
    """See the module. The thread starts with the first task."""

    def __init__(self, warm: Warm, warmth: Warmth, traffic: Traffic) -> None:
        self._warm, self._warmth, self._traffic = warm, warmth, traffic
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = self._busy = False

    def ask(self, owner: Owner, tasks: Sequence[Task]) -> None:
        """What a session may want next, the first few of it; what waits for it from before is outdated."""
        with self._changed:
            if self._closed:
                return
            kept = [task for task in self._tasks if task.owner != owner]
            kept += tasks[:PREFETCHES_A_CALL]
            self._tasks = deque(kept[-PREFETCH_WAITING:])
            if self._thread is None and self._tasks:
                self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, seconds: float) -> bool:
        """Wait until nothing waits; whether that came about."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._tasks and not self._busy, seconds)

    def close(self) -> None:
        """No guess begins any more; returns when the one under way has ended. Idempotent."""
        with self._changed:
            self._closed = True
            self._tasks.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        _step_back()
        while (task := self._next()) is not None:
            try:
                self._guess(task)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()

    def _next(self) -> Task | None:
        """The latest task, once it is quiet; None when closed."""
        with self._changed:
            while not self._closed:
                if not self._tasks:
                    self._changed.wait()
                elif pause := self._traffic.quiet_in():
                    self._changed.wait(pause)
                else:
                    self._busy = True
                    return self._tasks.popleft()
            return None

    def _guess(self, task: Task) -> None:
        if not self._warmth.may_guess(task.owner, task.kind):
            return
        begun, key, dropped = time.thread_time(), None, False
        try:
            key = self._warm(task, self._going_on)
        except Dropped:
            dropped = True
        except Exception as error:  # whatever it is, a real search will tell its reader, and the next guess is another
            log.warning("prefetch_failed", error=str(error) or repr(error))
        cpu_ms = (time.thread_time() - begun) * 1_000
        self._warmth.guessed(task.owner, task.request.query, key, cpu_ms, dropped, task.kind)

    def _going_on(self) -> None:
        if self._closed or not self._traffic.idle:
            raise Dropped


def _step_back() -> None:
    """Let every other thread go first, where the kernel keeps a priority per thread."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        except OSError:
            log.warning("prefetch_priority", error="the thread keeps the priority of all others")
