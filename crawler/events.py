"""What a crawl tells while it runs, and at its end: plain values for a terminal and for SSE. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ranking.types import Notice

EventKind = Literal[
    "started",  # url: the first seed
    "page",  # a document was stored
    "unchanged",  # 304, or the same bytes again
    "duplicate",  # same content as `other`: nothing stored
    "near_duplicate",  # stored, and much like `other`
    "redirect",  # `other` is where it goes
    "alias",  # the page names `other` as its canonical address
    "skipped",  # fetched, nothing to index: `reason`
    "excluded",  # not fetched: robots.txt, scope
    "failed",  # given up: `reason`
    "retry",  # will be tried again: `reason`
    "removed",  # 404 or 410: its document is gone
    "sitemap",
    "trap",  # a pattern of URLs reached its bound: `reason`
    "progress",
    "finished",
]


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals of this call, what it did before it was killed included. `bytes` are of bodies as sent."""

    fetched: int = 0  # answered with content: what max_pages limits
    documents: int = 0  # stored, new or changed
    unchanged: int = 0
    duplicates: int = 0  # exact ones and canonical aliases
    near_duplicates: int = 0
    redirects: int = 0
    skipped: int = 0
    excluded: int = 0
    failed: int = 0
    removed: int = 0
    retries: int = 0
    requests: int = 0  # of this process, robots.txt included
    bytes: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class CrawlEvent:
    """One thing that happened. `rate` is pages fetched per second since the start of this process."""

    kind: EventKind
    url: str
    counts: Counts
    seconds: float
    rate: float
    status: int | None = None
    bytes: int = 0
    reason: str = ""
    other: str = ""


@dataclass(frozen=True, slots=True)
class CrawlReport:
    """How a crawl ended. `reason`: complete | page limit | request limit (the same call goes on); `run` counts the
    runs of this folder; `notices` name what of the archive cannot be read."""

    run: int
    counts: Counts
    seconds: float
    reason: str
    notices: tuple[Notice, ...] = ()

    @property
    def rate(self) -> float:
        """Pages per second."""
        return self.counts.fetched / self.seconds if self.seconds > 0 else 0.0
