"""Writes what the crawl learned, in order and in batches: archive, then sink, then frontier. One thread does it all.

The loop hands over answers and outcomes without waiting; a batch is written when it is large enough, old enough,
or when nothing else is going on. Not for decisions: settle.py makes them inside the batch.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from crawler.errors import CrawlerError
from crawler.fetch import Fetched
from crawler.settings import CrawlSettings
from crawler.settle import Effects, Outcome, Settler, Ticket
from crawler.warc import Archive

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Record:
    """An answer to archive; `ticket` learns where it went. `page`: it has content that is being read."""

    ticket: Ticket
    url: str
    depth: int
    answer: Fetched
    revisit_of: str | None
    page: Outcome | None


class Recorder:
    """`idle` tells whether the loop waits for nothing but this; `told` receives the effects, on the loop."""

    def __init__(
        self,
        archive: Archive,
        settler: Settler,
        settings: CrawlSettings,
        executor: ThreadPoolExecutor,
        *,
        idle: Callable[[], bool],
        told: Callable[[list[Outcome], Effects], None],
    ) -> None:
        self._archive = archive
        self._settler = settler
        self._settings = settings
        self._executor = executor
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

    def archive(
        self, url: str, depth: int, answer: Fetched, *, revisit_of: str | None = None, page: Outcome | None = None
    ) -> Ticket:
        """Takes an answer for the archive. `page` (an outcome "archived") notes that its content is yet to be read:
        if the process dies meanwhile, it is read from the archive and not fetched again."""
        ticket = Ticket() if page is None or page.ticket is None else page.ticket
        self._push(_Record(ticket, url, depth, answer, revisit_of, page))
        return ticket

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
        outcomes, effects = await self.call(self._write, batch)
        self._told(outcomes, effects)

    def _write(self, batch: list[_Record | Outcome]) -> tuple[list[Outcome], Effects]:
        outcomes = [item for item in batch if isinstance(item, Outcome)]
        settled = {outcome.page.url for outcome in outcomes}
        noted: list[Outcome] = []
        recorded = False
        try:
            for item in batch:
                if isinstance(item, Outcome):
                    continue
                recorded = True
                item.ticket.position = self._archive.append(
                    item.url, item.depth, item.answer, revisit_of=item.revisit_of
                )
                if item.page is not None and item.url not in settled:
                    noted.append(item.page)
            if recorded:
                self._archive.sync()
            effects = self._settler.settle([*noted, *outcomes], self._archive.end if recorded else None)
            return outcomes, effects
        except (OSError, sqlite3.OperationalError) as error:
            raise CrawlerError(
                f"the crawl cannot be written down: {error}",
                hint="free some space, then run the same command: it goes on where it stopped",
            ) from error
