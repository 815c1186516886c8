"""Threads for work that uses the CPU: given a function, runs it off the event loop or refuses at once.

As many run as there are cores; a bounded number waits; beyond it OverloadedError, for an unbounded queue never
recovers from a spike. Not for fairness between tenants, which comes with a later issue.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread

from api.errors import OverloadedError

ResultT = TypeVar("ResultT")
Given = ParamSpec("Given")


class Workers:
    """A bounded pool of threads with a bounded queue."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._room = threads + waiting
        self._admitted = 0

    @property
    def busy(self) -> int:
        """Requests that run or wait."""
        return self._admitted

    async def run(self, function: Callable[Given, ResultT], *args: Given.args, **named: Given.kwargs) -> ResultT:
        """The result of `function`, run in a thread on the rest."""
        if self._admitted >= self._room:
            raise OverloadedError(
                f"{self._admitted} requests run or wait already", hint="send it again after Retry-After seconds"
            )
        self._admitted += 1
        try:
            return await anyio.to_thread.run_sync(partial(function, *args, **named), limiter=self._limiter)
        finally:
            self._admitted -= 1
