"""One visit: given a page and its lane, asks the site and says how it came out. No rows, no order of pages.

May it be fetched (robots.txt)? What did the server say? Then: archive it, have it read, and return an Outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from crawler import urls
from crawler.errors import AddressError, ExtractionError, FetchError, UrlError
from crawler.fetch import RETRYABLE, Fetched, Fetcher
from crawler.frontier import Kind, Page
from crawler.lanes import Lane, retry_after
from crawler.pool import ReadingPool
from crawler.reading import Reading, Task
from crawler.recorder import Recorder
from crawler.robots import Rules
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.settle import Outcome, Ticket
from crawler.warc import Archived
from crawler.workspace import REDIRECTS, digest

_GONE: Final = frozenset({404, 410})


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
        finally:
            released()
        if isinstance(answer, Outcome):
            return answer
        return await self._judge(page, answer)

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
            outcome = self._redirect(page, answer)
            if outcome is not None:
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

    def _redirect(self, page: Page, answer: Fetched) -> Outcome | None:
        """Where a redirect leads; None when it is the same page under another spelling."""
        try:
            found = urls.absolute(answer.address, answer.header("location") or "")
            target, address = urls.canonical(found), urls.fetchable(found)
        except UrlError as error:
            return self._failed(page, f"redirects to nowhere: {error.message}", answer.status)
        outside = not self.scope.allows(target)
        other_scheme = target.partition(":")[2] == page.url.partition(":")[2] and target != page.url
        if page.seed and (other_scheme or (outside and not self._settings.allow_hosts)):
            self.scope = self.scope.with_page(target)
            self._widened(self.scope)
        elif not other_scheme:
            target = self.scope.name(target)
            address = target[: target.index(":")] + address[address.index(":") :]
        if target == page.url:
            return None
        self._recorder.archive(page.url, page.depth, answer)
        inside = self.scope.allows(target)
        return Outcome(
            page, "redirect", answer.status, target=target if inside else "", target_address=address,
            reason="" if inside else f"redirects out of the crawl's hosts: {target}"[:500],
        )  # fmt: skip

    # ------------------------------------------------------------ the answer

    async def _judge(self, page: Page, answer: Fetched) -> Outcome:
        status, size = answer.status, len(answer.raw)
        etag, modified = answer.header("etag"), answer.header("last-modified")
        if status == 304 and (page.etag or page.modified):
            self._revisit(page, answer)
            return Outcome(page, "unchanged", status, etag=etag, modified=modified)
        if status in _GONE:
            if page.kind is Kind.PAGE:
                self._recorder.archive(page.url, page.depth, answer)
            return Outcome(page, "gone", status, f"status {status}")
        if status not in (200, 203):
            return self._failed(page, f"status {status}", status)
        if answer.unread:
            return Outcome(page, "content", status, reading=Reading(reason=f"{answer.content_type} holds no page"))
        payload = digest(answer.body)
        if payload == page.payload and (page.position is not None or page.kind is Kind.SITEMAP):
            self._revisit(page, answer)
            return Outcome(page, "unchanged", status, etag=etag, modified=modified, size=size)
        archived = Outcome(
            page,
            "archived",
            status,
            ticket=Ticket(),
            at=answer.at,
            etag=etag,
            modified=modified,
            payload=payload,
            size=size,
        )
        if page.kind is Kind.SITEMAP:
            return replace(archived, kind="sitemap", ticket=None, reading=await self._read(page, answer))
        self._recorder.archive(page.url, page.depth, answer, page=archived)
        return replace(archived, kind="content", reading=await self._read(page, answer))

    def _revisit(self, page: Page, answer: Fetched) -> None:
        if page.archived is not None:
            date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(page.archived))
            self._recorder.archive(page.url, page.depth, answer, revisit_of=date)

    async def _read(self, page: Page, answer: Fetched) -> Reading:
        task = Task(page.url, answer.address, answer.body, answer.headers, answer.at, page.kind is Kind.SITEMAP)
        try:
            return await asyncio.wrap_future(self._pool.submit(task, self.scope))
        except ExtractionError as error:
            return Reading(reason=error.message)
