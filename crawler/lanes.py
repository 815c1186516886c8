"""How fast a host may be asked: one lane per host, its delay following the host's latency. No I/O, no clock.

AutoThrottle (Scrapy): target = latency / concurrency; new delay = max(target, (delay + target) / 2) after a good
answer; an error never shortens it. Crawl-delay raises the floor, Retry-After closes the lane for a while. Times
are seconds on the caller's monotonic clock.
"""

from __future__ import annotations

import email.utils
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from crawler.settings import CrawlSettings

if TYPE_CHECKING:
    from crawler.frontier import Page

TIMER_S: Final = 0.002  # an event loop cannot wait for less: shorter delays are none


@dataclass(slots=True)
class Lane:
    """The state of one host. `queue` holds the next pages; `dry` means the frontier has no more for now."""

    host: str
    delay: float
    floor: float
    concurrency: int
    next_at: float = 0.0
    active: int = 0
    preparing: bool = False  # its robots.txt is being fetched
    refilling: bool = False
    dry: bool = False
    wake_at: float | None = None  # when a postponed page is due
    crawl_delay: float = 0.0
    slack: float = 0.0  # seconds of latency that count for nothing
    queue: deque[Page] = field(default_factory=deque)

    @classmethod
    def open(cls, host: str, settings: CrawlSettings) -> Lane:
        """A lane for a host nobody asked yet: treated as public until its address is known."""
        return cls(host, settings.start_delay_s, settings.delay_floor_s, settings.host_concurrency)

    def locate(self, private: bool, settings: CrawlSettings) -> None:
        """Sets floor and concurrency by where the host is; at first sight of a private host its delay is forgotten."""
        floor = settings.private_delay_floor_s if private else settings.delay_floor_s
        concurrency = settings.private_host_concurrency if private else settings.host_concurrency
        if self.crawl_delay > 0:
            concurrency = 1
        if private and concurrency != self.concurrency:
            self.delay = floor
        self.slack = settings.private_latency_slack_s if private else 0.0
        self.floor = max(floor, self.crawl_delay)
        self.concurrency = concurrency
        self.delay = max(self.delay, self.floor)

    def obey(self, crawl_delay: float | None, settings: CrawlSettings) -> None:
        """Takes over a Crawl-delay (seconds, capped)."""
        if crawl_delay:
            self.crawl_delay = min(crawl_delay, settings.crawl_delay_cap_s)
            self.concurrency = 1
            self.floor = max(self.floor, self.crawl_delay)
            self.delay = max(self.delay, self.floor)

    def free(self, now: float) -> bool:
        """Whether a request may start now."""
        return not self.preparing and self.active < self.concurrency and now >= self.next_at - TIMER_S

    def start(self, now: float) -> None:
        """Counts a request that starts now."""
        self.active += 1
        self.next_at = now + self.delay

    def observe(self, latency: float, good: bool, settings: CrawlSettings) -> None:
        """Adapts the delay to one answer that took `latency` seconds."""
        target = max(latency - self.slack, 0.0) / self.concurrency
        delay = max(target, (self.delay + target) / 2)
        if good or delay > self.delay:
            self.delay = min(max(delay, self.floor), max(settings.delay_ceiling_s, self.floor))

    def close_until(self, moment: float) -> None:
        """No request before `moment`."""
        self.next_at = max(self.next_at, moment)


def retry_after(header: str | None, now: float, cap: float) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date; `now` is epoch seconds), at most `cap`.

    None when there is no such header or it makes no sense.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isdecimal() and text.isascii():
        return min(float(text[:12]), cap)
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(moment - now, 0.0), cap)
