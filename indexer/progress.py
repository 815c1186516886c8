"""How far a build is: given counts, tells a listener at most four times a second, with rate and time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from indexer.limits import BuildLimits


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` `unit`s of this stage; `rate` per second; `eta` in seconds, None while unknown."""

    stage: str
    unit: str
    done: int
    total: int
    rate: float
    eta: float | None


Listener = Callable[[Progress], None]


class Reporter:
    """`stage` begins one; `tell` reports; the last report of a stage is never held back."""

    def __init__(self, listener: Listener | None, limits: BuildLimits) -> None:
        self._listener = listener
        self._pause = limits.progress_seconds
        self._stage = self._unit = ""
        self._began = self._told = 0.0
        self._start = 0

    def stage(self, name: str, unit: str, start: int = 0) -> None:
        """`start`: how many of it were done before the clock starts."""
        self._stage, self._unit, self._start = name, unit, start
        self._began, self._told = time.monotonic(), 0.0

    def tell(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._listener is None or (done < total and now - self._told < self._pause):
            return
        self._told = now
        elapsed = now - self._began
        rate = (done - self._start) / elapsed if elapsed > 0 else 0.0
        eta = (total - done) / rate if rate > 0 else None
        self._listener(Progress(self._stage, self._unit, done, total, rate, eta))
