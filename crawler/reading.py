"""What one fetched body gives: runs in a worker process, given a task, returns everything the loop must know.

Extraction itself is the extractor's; here its answer gets the page's own name and id, its links their canonical
form, and what is out of scope or a trap is left out, so that the loop's process only writes rows. Not for I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from crawler import traps, urls
from crawler.duplicates import signature
from crawler.errors import UrlError
from crawler.extracted import Extracted
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from crawler.sitemaps import read_sitemap
from ranking.types import Link

Extractor = Callable[..., Extracted]
_SITEMAP_REASON: Final = "nothing listed that this crawl may fetch"


@dataclass(frozen=True, slots=True)
class Task:
    """A body to read. `url` is the page's name, `address` what was fetched, `at` epoch seconds."""

    url: str
    address: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    at: float
    sitemap: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A link worth following: the page's name, and the address as found when that differs."""

    url: str
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body gave. `document` is None when there is nothing to index, for the `reason` given.

    `canonical`: another page of this crawl that the page calls its own address. `links`: pages within scope, once
    each, in order. `sitemaps`: further sitemaps, of a sitemap.
    """

    document: Any = None  # ranking.types.Document | None
    canonical: str | None = None
    reason: str = ""
    links: tuple[Found, ...] = ()
    sitemaps: tuple[Found, ...] = ()
    signature: bytes | None = None


def read(task: Task, scope: Scope, settings: CrawlSettings, extract: Extractor) -> Reading:
    """Reads one page or sitemap. Raises whatever the extractor raises."""
    if task.sitemap:
        listed = read_sitemap(task.body, limit_urls=settings.sitemap_urls, limit_bytes=settings.sitemap_max_bytes)
        pages = _follow(listed.pages, scope, settings)
        further = _follow(listed.sitemaps, scope, settings, binary=True)
        return Reading(
            links=pages, sitemaps=further, reason=listed.reason or ("" if pages or further else _SITEMAP_REASON)
        )
    headers: Mapping[str, str] = {name.lower(): value for name, value in reversed(task.headers)}
    fetched_at = datetime.fromtimestamp(task.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    extracted = extract(task.body, task.address, headers.get("content-type"), headers, fetched_at)
    links = (
        ()
        if extracted.nofollow
        else _follow((link.url for link in extracted.links if not link.nofollow), scope, settings)
    )
    if extracted.noindex or extracted.document is None:
        return Reading(reason="noindex" if extracted.noindex else extracted.reason or "nothing to index", links=links)
    document = replace(
        extracted.document,
        id=urls.document_id(task.url),
        url=task.url,
        site=urls.host(task.url),
        fetched_at=fetched_at,
        links=tuple(_named(link, scope) for link in extracted.document.links or extracted.links),
    )
    return Reading(
        document=document,
        canonical=_canonical(task.url, extracted.canonical, scope),
        links=links,
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


def _named(link: Link, scope: Scope) -> Link:
    """The link under its target's name, so that the link graph meets the documents' URLs."""
    try:
        name = scope.name(link.url)
    except UrlError:
        return link
    return link if name == link.url else Link(name, link.text, link.nofollow)


def _follow(found: Any, scope: Scope, settings: CrawlSettings, binary: bool = False) -> tuple[Found, ...]:
    """Those worth a request, once each, in order."""
    kept: dict[str, Found] = {}
    for url in found:
        try:
            name = scope.name(url)
            if name in kept or not scope.allows(name) or (not binary and urls.looks_binary(name)):
                continue
            if traps.refusal(name, settings):
                continue
            address = urls.fetchable(url)
        except UrlError:
            continue
        # Another scheme than the host's own was evened out: the address must not bring it back.
        address = name[: name.index(":")] + address[address.index(":") :]
        kept[name] = Found(name, None if address == name else address)
    return tuple(kept.values())
