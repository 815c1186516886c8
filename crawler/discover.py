"""Which links become pages to fetch: given a page's links, writes those that are new, within depth and no trap.

Remembers what it saw lately, so that the links on every page of a site cost no look-up. Called inside settle.py's
transaction; whoever calls reads `hosts`, `traps` and `replays` afterwards. One thread only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import xxhash

from crawler import traps, urls
from crawler.frontier import Frontier, Kind, Page, State
from crawler.reading import Found
from crawler.settings import CrawlSettings

_KNOWN: Final = 200_000  # URLs remembered as known


class Discoverer:
    """`waiting` is how many pages wait in all: beyond the settings' bound new links are dropped."""

    def __init__(self, frontier: Frontier, settings: CrawlSettings) -> None:
        self._frontier = frontier
        self._database = frontier.connection
        self._settings = settings
        self._known: OrderedDict[int, int] = OrderedDict()
        self._waiting = frontier.count(State.WAITING)
        self.begin()

    def begin(self) -> None:
        """Before a transaction: nothing found yet."""
        self.hosts: set[str] = set()
        self.traps: list[tuple[str, str]] = []  # (URL, reason)
        self.replays = False

    def forget(self) -> None:
        """After a transaction that failed: what it made known is not."""
        self._known.clear()

    @property
    def waiting(self) -> int:
        """Pages waiting, counted anew."""
        self._waiting = self._frontier.count(State.WAITING)
        return self._waiting

    def add_sitemap(self, url: str, nesting: int = 0) -> bool:
        """Makes a sitemap known, unless its host has its share already."""
        query = "SELECT count(*) FROM pages WHERE host = ? AND kind = ?"
        held = self._database.execute(query, (urls.host(url), Kind.SITEMAP)).fetchone()[0]
        if held >= self._settings.sitemaps_per_host:
            return False
        added = self._frontier.add(url, address=None, depth=0, hops=nesting, kind=Kind.SITEMAP)
        if added:
            self.hosts.add(urls.host(url))
        return added

    def follow(self, page: Page, links: Iterable[Found]) -> None:
        """Makes the pages that `page` links to known, where they are within the depth limit and no trap."""
        depth = page.depth + 1
        limit = self._settings.depth
        if limit is not None and depth > limit:
            return
        for found in links:
            mark = _key(found.url)
            known = self._known.get(mark)
            if known is not None and (known <= depth or limit is None):
                continue
            self._known[mark] = depth
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
            row = self._database.execute(
                "SELECT id, depth, state, warc FROM pages WHERE url = ?", (found.url,)
            ).fetchone()
            if row is None:
                self._discover(found, depth)
            elif limit is not None and row[1] > depth:
                # Found again on a shorter way: its own links may be within the limit now.
                again = State.REPLAY if row[2] == State.DONE and row[3] is not None else row[2]
                if again == State.PARKED:
                    again = State.WAITING
                    self.hosts.add(urls.host(found.url))
                self.replays |= again == State.REPLAY
                self._database.execute("UPDATE pages SET depth = ?, state = ? WHERE id = ?", (depth, again, row[0]))

    def _discover(self, found: Found, depth: int) -> None:
        families = traps.patterns(found.url, self._settings)
        counted: list[int] = []
        for family, member, bound in families:
            key = _key(family)
            if family.startswith("shapes "):
                shape = _key(f"{family}\n{member}")
                if self._database.execute("SELECT 1 FROM shapes WHERE key = ?", (shape,)).fetchone():
                    continue
            row = self._database.execute("SELECT members FROM families WHERE key = ?", (key,)).fetchone()
            members = row[0] if row is not None else 0
            if members >= bound:
                if members == bound:
                    self._database.execute("UPDATE families SET members = members + 1 WHERE key = ?", (key,))
                    self.traps.append((found.url, f"more than {bound} of: {family}"))
                return
            counted.append(key)
            if family.startswith("shapes "):
                self._database.execute("INSERT OR IGNORE INTO shapes VALUES (?)", (shape,))
        if self._waiting >= self._settings.frontier_urls:
            return
        for key in counted:
            self._database.execute(
                "INSERT INTO families VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET members = members + 1", (key,)
            )
        self._frontier.add(found.url, address=found.address, depth=depth)
        self._waiting += 1
        self.hosts.add(urls.host(found.url))


def _key(text: str) -> int:
    """A signed 64-bit hash: what SQLite keeps as an integer."""
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) - (1 << 63)
