"""May this page be fetched? Given what a site answered for /robots.txt, returns its rules (RFC 9309).

`parse` is pure; `RobotsCache` asks each origin once however many pages wait, keeps the answer in the frontier
and lets the caller know when a site cannot be asked now. Not for delays between requests: lanes.py.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from protego import Protego

from crawler import urls
from crawler.errors import AddressError, FetchError, RobotsUnavailable, UrlError
from crawler.fetch import Fetched
from crawler.settings import CrawlSettings

_HTML: Final = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml")
_KEPT: Final = 512  # parsed rules in memory: origins at work at once are far fewer


@dataclass(frozen=True, slots=True)
class Rules:
    """What one origin allows one robot. `delay_s` is its Crawl-delay, as stated."""

    parsed: Protego | None
    agent: str
    delay_s: float | None = None
    sitemaps: tuple[str, ...] = ()

    def allows(self, url: str) -> bool:
        """Whether the robot may fetch `url`."""
        return self.parsed is None or bool(self.parsed.can_fetch(url, self.agent))


def parse(body: bytes, agent: str, limit: int) -> Rules:
    """Rules in the first `limit` bytes of a robots.txt. HTML (a page that answers everything) is no rules."""
    if body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML):
        return Rules(None, agent)
    if len(body) > limit:
        body = _whole_lines(body[:limit])
    parsed = Protego.parse(body.decode("utf-8-sig", "replace").replace("\x00", ""))
    delay = parsed.crawl_delay(agent)
    sane = None if delay is None or not math.isfinite(delay) or delay < 0 else float(delay)
    return Rules(parsed, agent, sane, tuple(parsed.sitemaps))


def _whole_lines(body: bytes) -> bytes:
    """`body` without its last line: half a rule says something else than the rule."""
    return body[: max(body.rfind(b"\n"), body.rfind(b"\r")) + 1]


@dataclass(frozen=True, slots=True)
class Known:
    """An answer on file. `body` None: the site could not be asked (`attempts` times in a row so far)."""

    body: bytes | None
    at: float  # epoch seconds
    attempts: int = 0


Fetch = Callable[[str], Awaitable[Fetched]]
Recall = Callable[[str], Awaitable[Known | None]]
Keep = Callable[[str, Known], Awaitable[None]]


class RobotsCache:
    """Rules by origin. `fetch` gets one address without following redirects; `recall` and `keep` are durable."""

    def __init__(self, settings: CrawlSettings, fetch: Fetch, recall: Recall, keep: Keep) -> None:
        self._settings = settings
        self._fetch = fetch
        self._recall = recall
        self._keep = keep
        self._rules: OrderedDict[str, Rules] = OrderedDict()
        self._pending: dict[str, asyncio.Future[Rules]] = {}

    def known(self, origin: str) -> Rules | None:
        """The rules if they are in memory already."""
        return self._rules.get(origin)

    async def rules(self, origin: str) -> Rules:
        """The rules of `scheme://authority`. Raises RobotsUnavailable, AddressError. One request per origin:
        whoever asks meanwhile waits for the same answer."""
        rules = self._rules.get(origin)
        if rules is not None:
            self._rules.move_to_end(origin)
            return rules
        pending = self._pending.get(origin)
        if pending is None:
            pending = asyncio.ensure_future(self._load(origin))
            self._pending[origin] = pending
            pending.add_done_callback(lambda _: self._pending.pop(origin, None))
        return await asyncio.shield(pending)

    async def _load(self, origin: str) -> Rules:
        known = await self._recall(origin)
        now = time.time()
        if known is not None and known.body is not None and now - known.at <= self._settings.robots_max_age_s:
            return await self._remember(origin, known.body)
        failures = known.attempts if known is not None and known.body is None else 0
        if known is not None and 0 < failures < self._settings.robots_attempts:
            retry_at = known.at + self._settings.robots_retry_s * 2 ** (failures - 1)
            if now < retry_at:
                raise RobotsUnavailable("robots.txt could not be had a moment ago", retry_at=retry_at)
        try:
            body = await self._ask(origin)
        except FetchError as error:
            failures += 1
            await self._keep(origin, Known(None, time.time(), failures))
            over = failures >= self._settings.robots_attempts
            wait = self._settings.robots_retry_s * 2 ** (failures - 1)
            raise RobotsUnavailable(
                f"robots.txt: {error.message}", retry_at=None if over else time.time() + wait
            ) from error
        await self._keep(origin, Known(body, time.time()))
        return await self._remember(origin, body)

    async def _remember(self, origin: str, body: bytes) -> Rules:
        # Half a megabyte of rules takes half a second to parse: not on the loop.
        rules = await asyncio.to_thread(parse, body, self._settings.robots_agent, self._settings.robots_max_bytes)
        self._rules[origin] = rules
        while len(self._rules) > _KEPT:
            self._rules.popitem(last=False)
        return rules

    async def _ask(self, origin: str) -> bytes:
        """The body of robots.txt, b"" when there is none (4xx, RFC 9309 2.3.1.3). Raises FetchError for 5xx and 429."""
        address = origin + "/robots.txt"
        for _ in range(self._settings.robots_redirects + 1):
            try:
                answer = await self._fetch(address)
            except AddressError:
                if address.startswith(origin + "/"):
                    raise
                return b""  # a redirect into a forbidden address: as good as no robots.txt
            if 300 <= answer.status < 400:
                try:
                    address = urls.fetchable(urls.absolute(address, answer.header("location") or ""))
                except UrlError:
                    return b""
                continue
            if answer.status == 429 or answer.status >= 500:
                raise FetchError(f"status {answer.status}", kind="status", retryable=True)
            if not 200 <= answer.status < 300:
                return b""
            return _whole_lines(answer.body) if answer.cut else answer.body
        return b""  # more redirects than RFC 9309 asks to follow: unavailable, which allows
