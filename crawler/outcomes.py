"""How one page came out, and what writing that down did: what the loop and settle.py tell each other. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from crawler.events import Counts, EventKind
from crawler.frontier import Page
from crawler.reading import Reading
from crawler.warc import Position


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one page came out. `content`: it was read; `archived`: it is in the archive and yet to be read; `unread`: it
    is of a type that holds no text; the other kinds say what the server or robots.txt said."""

    page: Page
    kind: Literal[
        "content", "unread", "archived", "sitemap", "unchanged", "redirect", "gone", "failed", "excluded", "retry"
    ]
    status: int | None = None
    reason: str = ""
    reading: Reading | None = None
    position: Position | None = None  # the record of a body that was archived just now
    at: float = 0.0
    etag: str | None = None
    modified: str | None = None
    payload: bytes | None = None
    size: int = 0  # bytes of the body as sent
    target: str = ""  # redirect: the page it leads to, "" when that is out of scope
    target_address: str = ""
    due: float = 0.0  # retry


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to tell: becomes a CrawlEvent."""

    kind: EventKind
    url: str
    status: int | None = None
    bytes: int = 0
    reason: str = ""
    other: str = ""


@dataclass(slots=True)
class Effects:
    """What a batch did. `hosts`: where pages wait now; `replays`: pages are to be read from the archive."""

    told: list[Effect] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    replays: bool = False
    counts: Counts = field(default_factory=Counts)
