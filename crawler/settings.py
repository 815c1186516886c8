"""Every default of the crawler, once, with its unit and its reason. Not for behaviour.

`CrawlSettings` is what a caller of `crawl` may choose. Names end in their unit (`_s` seconds, `_bytes`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from crawler.errors import SettingsError

VERSION: Final = "0.1"
KIB: Final = 1024
MIB: Final = 1024 * 1024
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class CrawlSettings:
    """How a crawl behaves. Raises SettingsError for values that cannot work together."""

    # ---- how far
    max_pages: int = 10_000  # pages answered with content (200, 304) per call: a day's polite crawl of one site
    depth: int | None = None  # links from a seed; None: no limit. 0: the seeds alone
    allow_hosts: tuple[str, ...] = ()  # besides the seeds' hosts: `host`, `host:port` or `*.domain`
    exclude: tuple[str, ...] = ()  # regular expressions: a URL in which one is found is left out
    requests_per_page: int = 4  # at most this many requests per page of max_pages (+200): endless errors end too

    # ---- what may be reached
    allow_private: bool = False  # private, loopback, link-local addresses: a public service must not be a way in
    connect_to: Mapping[str, str] = field(default_factory=dict)  # `host` or `host:port` -> `ip:port`, as curl does
    user_agent: str = f"ForageBot/{VERSION} (+https://example.org/forage)"
    robots_agent: str = "ForageBot"  # the product token that robots.txt rules name

    # ---- politeness
    delay_floor_s: float = 0.5  # between two requests to a public host, however fast it answers
    private_delay_floor_s: float = 0.0  # our own machines: the latency alone sets the pace
    delay_ceiling_s: float = 60.0  # a host slower than this is not worth a lane
    start_delay_s: float = 0.5  # before its latency is known
    host_concurrency: int = 1  # one request at a time on a public host
    private_latency_slack_s: float = 0.1  # of a private host's latency: our own loop at work, not the host's burden
    private_host_concurrency: int = 4  # hides the turn-around of the event loop; still below a browser's 6
    crawl_delay_cap_s: float = 30.0  # a larger Crawl-delay means "a few pages a day": take the cap
    retry_after_cap_s: float = 300.0  # a longer Retry-After would hold the whole crawl open
    hosts: int = 32  # lanes at work at once; more adds sockets, not speed, on two cores

    # ---- one request
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 20.0  # between two pieces of a body
    total_timeout_s: float = 60.0  # ends a stream that never ends, and a slow trickle
    max_body_bytes: int = 16 * MIB  # as sent
    max_decoded_bytes: int = 32 * MIB  # after decompression; text beyond it is no page
    max_redirects: int = 10  # hops of one chain; browsers stop at 20, sane sites at 3
    attempts: int = 4  # tries of one URL before it counts as failed
    retry_delay_s: float = 5.0  # before the second try; doubles each time

    # ---- robots.txt
    robots_max_bytes: int = 500 * KIB  # RFC 9309, 2.5: parse at least this much
    robots_max_age_s: float = DAY_S  # RFC 9309, 2.4: not longer than a day
    robots_redirects: int = 5  # RFC 9309, 2.3.1.2
    robots_attempts: int = 4  # tries while a site answers 5xx or not at all, before its pages count as failed
    robots_retry_s: float = 5.0  # before the second try; doubles each time

    # ---- sitemaps
    sitemaps_per_host: int = 50  # files, index entries included
    sitemap_urls: int = 50_000  # of one file: the protocol's own limit
    sitemap_max_bytes: int = 50 * MIB  # decompressed: the protocol's own limit

    # ---- traps
    max_url_chars: int = 2_000  # longer ones are states of a program, not pages
    max_path_segments: int = 24
    max_repeated_segments: int = 3  # /a/b/a/b/a/b: a relative link that nests for ever
    max_query_parameters: int = 10
    query_shapes_per_path: int = 32  # distinct sets of parameter names on one path: faceted search
    query_urls_per_shape: int = 2_000  # distinct values for one set of names: ids are fine, products of filters are not
    calendar_urls: int = 1_000  # pages whose path or query is nothing but a date, per pattern
    frontier_urls: int = 2_000_000  # waiting pages; beyond it new links are dropped (disk, not memory)

    # ---- extraction
    extractor: str = "crawler.extract:extract"  # `module:function`, resolved inside the worker processes
    workers: int = field(default_factory=lambda: max(1, os.cpu_count() or 1))  # processes
    page_seconds: float = 20.0  # reading one page; above it the page is given up
    worker_memory_bytes: int = 3072 * MIB  # address space of a worker: a page that wants more is given up
    worker_pages: int = 5_000  # then a fresh process: parsers leak
    backlog: int = 96  # pages fetched and not yet committed: bounds memory to backlog x max_decoded_bytes

    # ---- data at rest
    warc_bytes: int = 1024 * MIB  # then a new file: what the WARC guidelines advise
    warc_level: int = 3  # gzip: a third of the time of 9 for 16% more bytes (docs pages of 73 kB)
    commit_pages: int = 64  # settled pages per transaction
    commit_s: float = 0.2  # no settled page waits longer for its transaction
    progress_s: float = 1.0  # between two progress events

    # ---- duplicates
    near_duplicate: float = 0.8  # Jaccard similarity of 5-word shingles

    def __post_init__(self) -> None:
        for name in ("max_pages", "hosts", "attempts", "backlog", "commit_pages", "workers", "max_redirects"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: it must be at least 1", path=name)
        for name in ("delay_floor_s", "private_delay_floor_s", "retry_delay_s", "crawl_delay_cap_s"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise SettingsError(f"{name} is {getattr(self, name)}: it must be 0 or more seconds", path=name)
        if self.depth is not None and self.depth < 0:
            raise SettingsError(f"depth is {self.depth}: it must be 0 or more, or none for no limit", path="depth")
        if self.connect_to and not self.allow_private:
            raise SettingsError(
                "connect_to needs allow_private: it sends requests to addresses that were not looked up",
                path="connect_to",
                hint="set allow_private as well",
            )

    @property
    def max_requests(self) -> int:
        """Requests of one call, whatever the answers."""
        return self.requests_per_page * self.max_pages + 200
