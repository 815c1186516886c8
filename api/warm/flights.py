"""Work in flight: given a key and work, runs the work once however many ask for it at the same time.

The first to ask leads and works in its own thread; the others wait, each as long as it likes. An error goes to all
who wait, once, and is not kept. A leader that gives up, or whose thread is interrupted, takes nobody along: one of
those who wait leads then. Nothing is remembered after the landing: that is for caches (pools.py, embeddings.py).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class Abandoned(Exception):
    """The leader stopped of its own accord; the work says nothing of whether it can be done."""


class Late(Exception):
    """A follower's own deadline passed. The flight goes on."""


class Flights(Generic[ValueT]):
    """Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running: dict[Hashable, Future[ValueT]] = {}
        self._followers: Counter[Hashable] = Counter()

    def run(self, key: Hashable, work: Callable[[], ValueT], wait: float | None = None) -> tuple[ValueT, bool]:
        """(what `work` returned, here or elsewhere; whether it ran here). Follows for at most `wait` seconds.

        Raises what `work` raises, and Late. `work` must not call `run` with the same key.
        """
        while True:
            with self._guard:
                flight = self._running.get(key)
                leads = flight is None
                if flight is None:
                    flight = self._running[key] = Future()
                else:
                    self._followers[key] += 1
            if leads:
                return self._lead(key, flight, work), True
            try:
                return flight.result(wait), False
            except BaseException as error:
                if isinstance(error, TimeoutError) and not flight.done():
                    raise Late from None
                if not flight.done() or flight.exception() is not error:  # it is this thread that is interrupted
                    raise
                if isinstance(error, Exception) and not isinstance(error, Abandoned):
                    raise
            finally:
                with self._guard:
                    self._followers[key] -= 1
                    if not self._followers[key]:
                        del self._followers[key]

    def waiting(self, key: Hashable) -> int:
        """How many follow the one who works at it now."""
        with self._guard:
            return self._followers[key]

    def _lead(self, key: Hashable, flight: Future[ValueT], work: Callable[[], ValueT]) -> ValueT:
        try:
            value = work()
        except BaseException as error:
            self._land(key)
            flight.set_exception(error)
            raise
        self._land(key)
        flight.set_result(value)
        return value

    def _land(self, key: Hashable) -> None:
        with self._guard:
            del self._running[key]
