"""Who is next: the loop of a crawl, over lanes, visits and the recorder. Until nothing is left or a limit is reached.

Per host a lane (lanes.py) with its queue from the frontier, a bound on pages under way, a budget. A visit (visit.py)
fetches and reads; the recorder writes. Fetching the next page overlaps reading the last. Not for opening a folder:
crawl.py and workspace.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from crawler import urls
from crawler.errors import AddressError, ArchiveError, FetchError, RobotsUnavailable, UrlError
from crawler.events import Counts, CrawlEvent, CrawlReport, EventKind
from crawler.fetch import Fetched, Fetcher
from crawler.frontier import Page, State
from crawler.guard import Guard
from crawler.lanes import Lane
from crawler.outcomes import Effects, Outcome
from crawler.pool import ReadingPool
from crawler.recorder import Recorder
from crawler.robots import RobotsCache
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.visit import Visitor
from crawler.warc import Position
from crawler.warc_reader import read_at
from crawler.workspace import Workspace

_TAKE: Final = 64  # pages of one host taken from the frontier at once
_LOW: Final = 24  # below so many in the queue, more are fetched from the frontier
_LONG_S: Final = 5.0  # a lane closed for longer leaves its place among `hosts` to another


class Loop:
    """One run of the loop. Everything here is used from the event loop only."""

    def __init__(
        self,
        workspace: Workspace,
        settings: CrawlSettings,
        on_event: Callable[[CrawlEvent], None],
        fetcher: Fetcher,
        executor: ThreadPoolExecutor,
        appender: ThreadPoolExecutor,
        guard: Guard,
        *,
        online: bool,
    ) -> None:
        self._guard = guard
        self._workspace = workspace
        self._frontier = workspace.frontier
        self._settings = settings
        self._on_event = on_event
        self._fetcher = fetcher
        self._online = online
        self._pool = ReadingPool(settings)
        self._recorder = Recorder(
            workspace.archive, workspace.settler, settings, executor, appender,
            idle=lambda: self._busy == 0, told=self._told,
        )  # fmt: skip
        self._visitor = Visitor(settings, fetcher, self._pool, self._recorder, workspace.scope, self._widened)
        self._robots = RobotsCache(
            settings,
            self._fetch_robots,
            lambda origin: self._recorder.call(self._frontier.robots, origin),
            lambda origin, known: self._recorder.call(self._frontier.keep_robots, origin, known),
        )
        self._lanes: dict[str, Lane] = {}
        self._hosts: dict[str, None] = {}  # with pages waiting and no open lane; in order
        self._open: dict[str, Lane] = {}
        self._dead: dict[str, str] = {}  # origins nothing may be fetched from in this run, and why
        self._prepared: set[str] = set()  # origins whose sitemaps are known
        self._flight: dict[str, set[str]] = {}  # by host: queued or under way, not settled
        self._started: set[str] = set()  # under way, not settled: they may count against the budget
        self._busy = 0  # visits under way
        self._chores = 0  # refills and robots.txt under way
        self._replaying = False  # they are being looked for
        self._replays = True  # perhaps there are pages to read from the archive
        self._unread: list[Position] = []  # records that cannot be read
        self._counts = Counts(**self._frontier_counts())
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._began = time.monotonic()
        self._fetched_before = self._counts.fetched
        self._told_at = 0.0

    def _frontier_counts(self) -> dict[str, int]:
        counts: dict[str, int] = self._frontier.note("counts", {})
        return counts

    # ------------------------------------------------------------ the loop

    async def run(self, first: str) -> CrawlReport:
        """Until nothing is left or a limit is reached."""
        self._emit("started", first)
        writing = asyncio.create_task(self._recorder.run())
        writing.add_done_callback(self._written)
        try:
            if self._online:
                self._hosts = dict.fromkeys(await self._recorder.call(self._frontier.waiting_hosts))
            reason = await self._work()
            await self._recorder.close()
            await writing
            await self._recorder.call(self._workspace.finish if self._online else self._workspace.end_replay)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await asyncio.to_thread(self._pool.close)
            await self._recorder.close()
            await asyncio.gather(writing, return_exceptions=True)
        self._emit("finished", first, reason=reason)
        seconds = time.monotonic() - self._began
        return CrawlReport(self._workspace.run, self._counts, seconds, reason, self._workspace.notices(self._unread))

    def _written(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._wake.set()

    async def _work(self) -> str:
        while True:
            self._wake.clear()
            if self._failure is not None:
                raise self._failure
            self._start_replays()
            limit = self._limit() if self._online else ""
            if self._online and not limit:
                self._open_lanes()
                self._start_pages()
            still = self._busy or self._chores or not self._recorder.empty or self._started
            if not still and limit:
                left = await self._recorder.call(self._frontier.count, State.WAITING)
                return limit if left else "complete"
            if not still and not self._replays and not self._hosts and not self._open:
                return "complete"
            now = time.monotonic()
            if now - self._told_at >= self._settings.progress_s:
                self._told_at = now
                self._emit("progress", "")
            timer = asyncio.get_running_loop().call_later(self._pause(), self._wake.set)
            await self._wake.wait()
            timer.cancel()

    def _pause(self) -> float:
        """Until the next lane may be asked; at most until the next progress event."""
        now, room = asyncio.get_running_loop().time(), self._may_start()
        moments = []
        for lane in self._open.values():
            if lane.queue and room and not lane.preparing and lane.active < lane.concurrency:
                moments.append(lane.next_at)
            elif lane.dry and lane.wake_at is not None:
                moments.append(now + max(lane.wake_at - time.time(), 0.0))
        return min(max(min(moments, default=now + 1e9) - now, 0.001), self._settings.progress_s)

    def _limit(self) -> str:
        """Why nothing more may be started, or ""."""
        if self._counts.fetched >= self._settings.max_pages:
            return "page limit"
        if self._fetcher.requests >= self._settings.max_requests:
            return "request limit"
        return ""

    def _may_start(self) -> bool:
        left = self._settings.max_pages - self._counts.fetched - len(self._started)
        return self._busy < self._settings.backlog and left > 0 and self._fetcher.requests < self._settings.max_requests

    # ------------------------------------------------------------ lanes

    def _open_lanes(self) -> None:
        now = asyncio.get_running_loop().time()
        at_work = sum(lane.next_at - now < _LONG_S for lane in self._open.values())
        while self._hosts and at_work < self._settings.hosts:
            host = next(iter(self._hosts))
            del self._hosts[host]
            if host not in self._open:
                lane = self._lanes.setdefault(host, Lane.open(host, self._settings))
                lane.dry, lane.wake_at = False, None
                self._open[host] = lane
                at_work += 1

    def _start_pages(self) -> None:
        now = asyncio.get_running_loop().time()
        for host, lane in list(self._open.items()):
            if lane.dry and lane.wake_at is not None and time.time() >= lane.wake_at:
                lane.dry, lane.wake_at = False, None
            if len(lane.queue) < _LOW and not lane.dry and not lane.refilling:
                lane.refilling = True
                self._chore(self._refill(lane))
            while lane.queue and lane.free(now) and self._may_start():
                self._start(lane, now)
            if lane.dry and lane.wake_at is None and not (lane.queue or lane.active or lane.refilling):
                del self._open[host]

    def _start(self, lane: Lane, now: float) -> None:
        page = lane.queue[0]
        origin = urls.origin(page.url)
        refused = self._dead.get(origin)
        rules = self._robots.known(origin)
        if refused is None and rules is None:
            lane.preparing = True
            self._chore(self._prepare(lane, origin))
            return
        lane.queue.popleft()
        self._started.add(page.url)
        if refused is not None or rules is None:
            self._recorder.settle(Outcome(page, "failed", reason=refused or ""))
            return
        if not rules.allows(page.address):
            self._recorder.settle(Outcome(page, "excluded", reason="robots.txt"))
            return
        lane.start(now)

        def released() -> None:
            lane.active -= 1
            self._wake.set()

        self._visit(self._visitor.visit(page, lane, rules, released))

    async def _refill(self, lane: Lane) -> None:
        flight = self._flight.setdefault(lane.host, set())
        now = time.time()
        try:
            pages = await self._recorder.call(self._frontier.take, lane.host, now, _TAKE, frozenset(flight))
            if not pages:
                # What is in flight may bring more: only a host at rest is dry, and its effects wake it again.
                lane.dry = True
                due = await self._recorder.call(self._frontier.next_due, lane.host, now)
                if lane.dry:
                    lane.wake_at = due
            flight.update(page.url for page in pages)
            lane.queue.extend(pages)
        finally:
            lane.refilling = False

    async def _prepare(self, lane: Lane, origin: str) -> None:
        """Learns what the origin's robots.txt allows before its first page is asked for."""
        before = self._fetcher.requests
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(FetchError):  # no address: asking for robots.txt will say so, and count it
                target = await self._guard.check(lane.host, urls.port(origin + "/"))
                lane.locate(target.private, self._settings)
            rules = await self._robots.rules(origin)
            lane.obey(rules.delay_s, self._settings)
            await self._find_sitemaps(origin, rules.sitemaps)
        except RobotsUnavailable as error:
            if error.retry_at is None:
                self._dead[origin] = error.message
            else:
                lane.close_until(loop.time() + max(error.retry_at - time.time(), 0.0))
        except AddressError as error:
            self._dead[origin] = error.message
        finally:
            lane.preparing = False
            if self._fetcher.requests > before:
                lane.close_until(loop.time() + lane.delay)

    async def _fetch_robots(self, address: str) -> Fetched:
        answer = await self._fetcher.fetch(address, cut_at=self._settings.robots_max_bytes + 1, any_type=True)
        lane = self._lanes.get(urls.host(urls.canonical(address)))
        if lane is not None:
            lane.locate(answer.private, self._settings)
            lane.observe(answer.seconds, answer.status < 500, self._settings)
        return answer

    async def _find_sitemaps(self, origin: str, stated: Sequence[str]) -> None:
        """Makes the origin's sitemaps known: those its robots.txt names, and /sitemap.xml."""
        if self._settings.depth == 0 or origin in self._prepared:
            return
        self._prepared.add(origin)
        names = []
        for url in (*stated, origin + "/sitemap.xml"):
            try:
                names.append(self._visitor.scope.name(url))
            except UrlError:
                continue
        inside = [name for name in dict.fromkeys(names) if self._visitor.scope.allows(name)]
        for name in inside:  # one at a time: each may be refused for its own reason
            if await self._recorder.call(self._workspace.settler.add_sitemap, name):
                self._host_has_pages(urls.host(name))

    # ------------------------------------------------------------ visits

    def _visit(self, visit: Coroutine[Any, Any, Outcome]) -> None:
        self._busy += 1

        async def settle() -> None:
            try:
                self._recorder.settle(await visit)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # a defect of ours: stop rather than lose a page silently
                self._failure = self._failure or error
            finally:
                self._busy -= 1
                if not self._busy:
                    self._recorder.nudge()
                self._wake.set()

        self._spawn(settle())

    def _chore(self, work: Coroutine[Any, Any, None]) -> None:
        self._chores += 1

        async def done() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                self._failure = self._failure or error
            finally:
                self._chores -= 1
                self._wake.set()

        self._spawn(done())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start_replays(self) -> None:
        if self._replays and self._busy < self._settings.backlog // 2 and not self._replaying:
            self._replaying = True
            self._chore(self._refill_replays())

    async def _refill_replays(self) -> None:
        flight = self._flight.setdefault("", set())
        everywhere = frozenset().union(*self._flight.values())
        try:
            room = self._settings.backlog - self._busy
            pages = await self._recorder.call(self._frontier.take_replays, room, everywhere)
            if not pages:
                # Those under way are settled later: their effects say when there are more.
                self._replays = False
            for page in pages:
                flight.add(page.url)
                self._started.add(page.url)
                self._visit(self._replay(page))
        finally:
            self._replaying = False

    async def _replay(self, page: Page) -> Outcome:
        if page.position is None:
            return Outcome(page, "retry", reason="not in the archive")
        try:
            archived = await asyncio.to_thread(read_at, self._workspace.warc, page.position)
        except ArchiveError as error:
            self._unread.append(page.position)
            return Outcome(page, "retry", reason=error.message)
        return await self._visitor.replay(page, archived)

    # ------------------------------------------------------------ what was written

    def _told(self, outcomes: list[Outcome], effects: Effects) -> None:
        for outcome in outcomes:
            self._started.discard(outcome.page.url)
            for flight in (self._flight.get(outcome.page.host), self._flight.get("")):
                if flight is not None:
                    flight.discard(outcome.page.url)
        self._counts = replace(effects.counts, requests=self._fetcher.requests)
        if effects.replays:
            self._replays = True
        for host in effects.hosts:
            self._host_has_pages(host)
        for effect in effects.told:
            self._emit(effect.kind, effect.url, effect.status, effect.bytes, effect.reason, effect.other)
        self._wake.set()

    def _host_has_pages(self, host: str) -> None:
        if not self._online:
            return  # they wait for the next crawl
        lane = self._open.get(host)
        if lane is None:
            self._hosts[host] = None
        else:
            lane.dry, lane.wake_at = False, None
        self._wake.set()

    def _widened(self, scope: Scope) -> None:
        self._chore(self._recorder.call(self._workspace.keep_scope, scope))

    def _emit(
        self, kind: EventKind, url: str, status: int | None = None, size: int = 0, reason: str = "", other: str = ""
    ) -> None:
        seconds = time.monotonic() - self._began
        rate = (self._counts.fetched - self._fetched_before) / seconds if seconds > 0 else 0.0
        self._on_event(CrawlEvent(kind, url, self._counts, seconds, rate, status, size, reason, other))
