"""One visit: given a page and its lane, asks the site and says how it came out. No rows, no order of pages.

May it be fetched (robots.txt)? What did the server say? Then: archive it, have it read, and return an Outcome. The lane
is free for the next request when every answer that settles a page is in the archive: a process killed at any time has
lost no answers but those of requests under way. Sitemaps are not archived.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from crawler import urls
from crawler.errors import AddressError, ExtractionError, FetchError, NoReaderError
from crawler.fetch import RETRYABLE, Fetched, Fetcher
from crawler.frontier import Kind, Page
from crawler.judge import REDIRECTS, judge, redirect
from crawler.lanes import Lane, retry_after
from crawler.outcomes import Outcome
from crawler.pool import ReadingPool
from crawler.reading import Reading, Task
from crawler.recorder import Recorder
from crawler.robots import Rules
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.sitemaps import is_sitemap
from crawler.warc_reader import Archived


class Visitor:
    """Shared by all visits of a crawl. `scope` grows when a seed redirects to another host; `widened` hears of it."""

    def __init__(
        self,
        settings: CrawlSettings,
        fetcher: Fetcher,
        pool: ReadingPool,
        recorder: Recorder,
        scope: Scope,
        widened: Callable[[Scope], None],
    ) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self._pool = pool
        self._recorder = recorder
        self._widened = widened
        self.scope = scope

    async def visit(self, page: Page, lane: Lane, rules: Rules, released: Callable[[], None]) -> Outcome:
        """The outcome of fetching and reading `page`. `released` is called when the lane is free for the next."""
        try:
            answer = await self._ask(page, lane, rules)
            if isinstance(answer, Outcome):
                return answer
            outcome = await self._keep(page, answer)
        finally:
            released()
        if outcome.kind == "sitemap":
            return replace(outcome, reading=await self._read(page, answer, sitemap=True))
        if outcome.kind == "archived":
            return replace(outcome, kind="content", reading=await self._read(page, answer))
        return outcome

    async def replay(self, page: Page, archived: Archived) -> Outcome:
        """The outcome of reading a page's archived answer again."""
        reading = await self._read(page, archived.answer)
        return Outcome(page, "content", archived.answer.status, reading=reading)

    # ------------------------------------------------------------ the request

    async def _ask(self, page: Page, lane: Lane, rules: Rules) -> Fetched | Outcome:
        """The answer for the page, or the outcome when it leads to none. Redirects that only rewrite the address of
        the same page (the server insists on an order of parameters, say) are followed here."""
        address, tried = page.address, set[str]()
        while True:
            if not rules.allows(address):
                return Outcome(page, "excluded", reason="robots.txt")
            tried.add(address)
            try:
                answer = await self._fetcher.fetch(
                    address,
                    etag=page.etag,
                    modified=page.modified,
                    decoded_limit=self._settings.sitemap_max_bytes if page.kind is Kind.SITEMAP else None,
                    any_type=page.kind is Kind.SITEMAP,
                )
            except AddressError as error:
                return Outcome(page, "failed", reason=error.message)
            except FetchError as error:
                lane.observe(error.seconds, False, self._settings)
                return (
                    self._again(page, None, error.message, 0.0)
                    if error.retryable
                    else self._failed(page, error.message)
                )
            lane.locate(answer.private, self._settings)
            lane.observe(answer.seconds, answer.status < 500, self._settings)
            if answer.status in RETRYABLE:
                wait = retry_after(answer.header("retry-after"), time.time(), self._settings.retry_after_cap_s)
                if wait is not None:
                    lane.close_until(asyncio.get_running_loop().time() + wait)
                return self._again(page, answer.status, f"status {answer.status}", wait or 0.0)
            if answer.status not in REDIRECTS:
                return answer
            outcome, scope = redirect(page, answer, self.scope, self._settings)
            if scope != self.scope:
                self.scope = scope
                self._widened(scope)
            if outcome is not None:
                if page.kind is Kind.PAGE and outcome.kind == "redirect":
                    await self._recorder.archive(page, answer)
                return outcome
            address = urls.fetchable(urls.absolute(address, answer.header("location") or ""))
            if address in tried or len(tried) > self._settings.max_redirects:
                return self._failed(page, "redirects to itself", answer.status)
            await asyncio.sleep(lane.delay)

    def _again(self, page: Page, status: int | None, reason: str, wait: float) -> Outcome:
        if page.attempts + 1 >= self._settings.attempts:
            return self._failed(page, f"{reason}, {self._settings.attempts} times", status)
        delay = max(wait, self._settings.retry_delay_s * 2**page.attempts)
        return Outcome(page, "retry", status, reason, due=time.time() + delay)

    @staticmethod
    def _failed(page: Page, reason: str, status: int | None = None) -> Outcome:
        return Outcome(page, "failed", status, reason)

    # ------------------------------------------------------------ the answer

    async def _keep(self, page: Page, answer: Fetched) -> Outcome:
        """What the answer says, once it is in the archive."""
        outcome = judge(page, answer)
        if outcome.payload and outcome.payload == page.payload and (page.position or page.kind is Kind.SITEMAP):
            outcome = replace(outcome, kind="unchanged")
        if outcome.kind == "archived" and (page.kind is Kind.SITEMAP or (page.seed and is_sitemap(answer.body))):
            return replace(outcome, kind="sitemap")
        if outcome.kind == "archived":
            return replace(outcome, position=await self._recorder.archive(page, answer, unread=outcome))
        if outcome.kind == "unchanged":
            if page.archived is not None:
                date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(page.archived))
                await self._recorder.archive(page, answer, revisit_of=date)
        elif page.kind is Kind.PAGE:
            await self._recorder.archive(page, answer)
        return outcome

    async def _read(self, page: Page, answer: Fetched, *, sitemap: bool = False) -> Reading:
        task = Task(page.url, answer.address, answer.body, answer.headers, answer.at, sitemap)
        try:
            return await asyncio.wrap_future(self._pool.submit(task, self.scope))
        except NoReaderError:
            raise  # not the page's fault: settled as one without text, it would lose its document
        except ExtractionError as error:
            return Reading(reason=error.message)
