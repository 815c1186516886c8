"""What one fetched body gives: runs in a worker process, given a task, returns everything the loop must know.

Extraction itself is the extractor's; here its answer gets the page's own name and id, its links their canonical
form, and what is out of scope or a trap is left out, so that the loop's process only writes rows. Not for I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from crawler import traps, urls
from crawler.duplicates import signature
from crawler.errors import UrlError
from crawler.extracted import Extracted
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.sitemaps import read_sitemap
from ranking.types import Document, Link

_REMEMBERED: Final = 100_000  # links; about 30 MB at most, and a site's navigation many times over
Extractor = Callable[..., Extracted]
_NOTHING: Final = "nothing listed that this crawl may fetch"


@dataclass(frozen=True, slots=True)
class Task:
    """A body to read. `url` is the page's name, `address` what was fetched, `at` epoch seconds.

    `sitemap`: it lists pages. `given`: it was handed in, not fetched, and only its document is wanted.
    """

    url: str
    address: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    at: float
    sitemap: bool = False
    given: bool = False


class Found(NamedTuple):
    """A link worth following: the page's name, and the address as found when that differs."""

    url: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body gave. `document` is None when there is nothing to index, for the `reason` given.

    `canonical`: another page of this crawl that the page calls its own address. `links`: pages within scope, once
    each, in order. `sitemaps`: further sitemaps, of a sitemap.
    """

    document: Document | None = None
    canonical: str | None = None
    reason: str = ""
    links: tuple[Found, ...] = ()
    sitemaps: tuple[Found, ...] = ()
    signature: bytes | None = None


class Links:
    """Names links within one scope. Remembers what it said: most links of a page are on every page of its site."""

    def __init__(self, scope: Scope, settings: CrawlSettings) -> None:
        self.scope = scope
        self.settings = settings
        self._known: dict[str, tuple[str, Found | None]] = {}

    def look(self, url: str, binary: bool = False) -> tuple[str, Found | None]:
        """The link's name (itself when it has none), and the link to follow if it is worth a request.

        `binary`: file endings do not count (sitemaps may be .gz).
        """
        plain = url.partition("#")[0]
        known = self._known.get(plain)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[plain] = self._judge(plain, binary)
        return known

    def _judge(self, url: str, binary: bool) -> tuple[str, Found | None]:
        try:
            name = self.scope.name(url)
        except UrlError:
            return url, None
        if not self.scope.allows(name) or (not binary and urls.looks_binary(name)):
            return name, None
        if traps.refusal(name, self.settings):
            return name, None
        if name == url:
            return name, Found(name)
        # Another scheme than the host's own was evened out: the address must not bring it back.
        address = urls.fetchable(url)
        address = name[: name.index(":")] + address[address.index(":") :]
        return name, Found(name, None if address == name else address)

    def follow(self, found: Iterable[str], binary: bool = False) -> tuple[Found, ...]:
        """Those worth a request, once each, in order."""
        kept: dict[str, Found] = {}
        for url in found:
            link = self.look(url, binary)[1]
            if link is not None:
                kept.setdefault(link.url, link)
        return tuple(kept.values())


def read(task: Task, links: Links, extract: Extractor) -> Reading:
    """Reads one page or sitemap. Raises whatever the extractor raises."""
    settings = links.settings
    if task.sitemap:
        listed = read_sitemap(task.body, limit_urls=settings.sitemap_urls, limit_bytes=settings.sitemap_max_bytes)
        pages, further = links.follow(listed.pages), links.follow(listed.sitemaps, binary=True)
        return Reading(links=pages, sitemaps=further, reason=listed.reason or ("" if pages or further else _NOTHING))
    headers: Mapping[str, str] = {name.lower(): value for name, value in reversed(task.headers)}
    if task.given:
        extracted = extract(task.body, task.address, headers.get("content-type"), headers)
        return Reading(document=extracted.document, reason=extracted.reason)
    fetched_at = datetime.fromtimestamp(task.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    extracted = extract(task.body, task.address, headers.get("content-type"), headers, fetched_at)
    followed = () if extracted.nofollow else links.follow(link.url for link in extracted.links if not link.nofollow)
    if extracted.noindex or extracted.document is None:
        return Reading(
            reason="noindex" if extracted.noindex else extracted.reason or "nothing to index", links=followed
        )
    document = replace(
        extracted.document,
        id=urls.document_id(task.url),
        url=task.url,
        site=urls.host(task.url),
        fetched_at=fetched_at,
        # Under their targets' names, so that the link graph meets the documents' URLs.
        links=tuple(
            Link(links.look(link.url)[0], link.text, link.nofollow)
            for link in extracted.document.links or extracted.links
        ),
    )
    return Reading(
        document=document,
        canonical=_canonical(task.url, extracted.canonical, links.scope),
        links=followed,
        signature=signature(document.text),
    )


def _canonical(url: str, stated: str | None, scope: Scope) -> str | None:
    """The page of this crawl that `stated` names, unless it is the page itself."""
    if not stated:
        return None
    try:
        meant = scope.own_name(url, stated)
    except UrlError:
        return None
    return meant if meant != url and scope.allows(meant) else None
