"""Writes what the crawl learned: answers into the archive at once, what follows from them in batches.

An answer is in the system's hands when `archive` returns, so that a killed process has not lost it. A batch of outcomes
is settled when it is large enough, old enough, or when nothing else is going on: the archive is synced first, then come
sink and frontier, so that after a power cut neither speaks of a record that is gone. One thread appends, another
settles. Not for decisions: settle.py makes them inside the batch.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from crawler.errors import CrawlerError
from crawler.fetch import Fetched
from crawler.frontier import Page
from crawler.outcomes import Effects, Outcome
from crawler.settings import CrawlSettings
from crawler.settle import Settler
from crawler.warc import Archive, Position

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Record:
    """An answer for the archive. `place`: where its record begins and ends, once it is written. `unread`: its outcome
    "archived", when it has content that is yet to be read."""

    place: asyncio.Future[tuple[Position, Position]]
    unread: Outcome | None


class Recorder:
    """`executor` settles, `appender` writes the archive: one thread each. `idle` tells whether the loop waits for
    nothing but this; `told` receives the effects, on the loop."""

    def __init__(
        self,
        archive: Archive,
        settler: Settler,
        settings: CrawlSettings,
        executor: ThreadPoolExecutor,
        appender: ThreadPoolExecutor,
        *,
        idle: Callable[[], bool],
        told: Callable[[list[Outcome], Effects], None],
    ) -> None:
        self._archive = archive
        self._settler = settler
        self._settings = settings
        self._executor = executor
        self._appender = appender
        self._idle = idle
        self._told = told
        self._queue: list[_Record | Outcome] = []
        self._outcomes = 0
        self._since = 0.0
        self._news = asyncio.Event()
        self._closing = False

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._queue

    async def archive(
        self, page: Page, answer: Fetched, *, revisit_of: str | None = None, unread: Outcome | None = None
    ) -> Position:
        """Appends an answer to the archive. `unread` (an outcome "archived") notes that its content is yet to be read:
        if the process dies meanwhile, it is read from the archive and not fetched again. Raises CrawlerError when the
        disk refuses."""
        work = self._appender.submit(self._append, page, answer, revisit_of)
        record = _Record(asyncio.wrap_future(work), unread)
        self._push(record)  # in the order in which they are appended: a batch is a piece of the archive
        place, _ = await asyncio.shield(record.place)
        return place

    def _append(self, page: Page, answer: Fetched, revisit_of: str | None) -> tuple[Position, Position]:
        try:
            return self._archive.append(page.url, page.depth, answer, revisit_of=revisit_of), self._archive.end
        except OSError as error:
            raise refused(error) from error

    def settle(self, outcome: Outcome) -> None:
        """Takes an outcome, behind everything taken before."""
        self._outcomes += 1
        self._push(outcome)

    def _push(self, item: _Record | Outcome) -> None:
        if not self._queue:
            self._since = time.monotonic()
        self._queue.append(item)
        self._news.set()

    def nudge(self) -> None:
        """Something came to rest: perhaps there is nothing else to wait for."""
        self._news.set()

    async def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Runs `function` on the writing thread, where the frontier may be used."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: function(*arguments, **named))

    async def run(self) -> None:
        """Writes until closed. Raises CrawlerError when the disk or the sink refuses."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._queue and not self._due():
                left = self._since + self._settings.commit_s - time.monotonic()
                try:
                    await asyncio.wait_for(self._news.wait(), max(left, 0.001))
                except TimeoutError:
                    break
                self._news.clear()
            if self._queue:
                await self._flush()
            if self._closing and not self._queue:
                return

    def _due(self) -> bool:
        return self._closing or self._outcomes >= self._settings.commit_pages or (self._outcomes > 0 and self._idle())

    async def close(self) -> None:
        """Asks `run` to write what is left and to end."""
        self._closing = True
        self._news.set()

    async def _flush(self) -> None:
        batch, self._queue, self._outcomes = self._queue, [], 0
        outcomes = [item for item in batch if isinstance(item, Outcome)]
        settled = {outcome.page.url for outcome in outcomes}
        noted: list[Outcome] = []
        end: Position | None = None
        for item in batch:
            if isinstance(item, _Record):
                place, end = await item.place
                if item.unread is not None and item.unread.page.url not in settled:
                    noted.append(replace(item.unread, position=place))
        if end is not None:
            await asyncio.get_running_loop().run_in_executor(self._appender, self._sync)
        effects = await self.call(self._settle, [*noted, *outcomes], end)
        self._told(outcomes, effects)

    def _sync(self) -> None:
        try:
            self._archive.sync()
        except OSError as error:
            raise refused(error) from error

    def _settle(self, outcomes: list[Outcome], end: Position | None) -> Effects:
        try:
            return self._settler.settle(outcomes, end)
        except (OSError, sqlite3.OperationalError) as error:
            raise refused(error) from error


def refused(error: Exception) -> CrawlerError:
    """What a crawl says when the disk refuses."""
    return CrawlerError(
        f"the crawl cannot be written down: {error}",
        hint="free some space, then run the same command: it goes on where it stopped",
    )
