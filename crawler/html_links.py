"""What a page points at and asks of a crawler: given its parser and address, returns links and directives.

Links are absolute http(s) without fragment, in order of appearance; `base` is honoured. Not for the canonical
form of a URL or for whether to follow it (urls.py, scope.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from crawler.extraction_settings import LINK_TEXT_CHARACTERS, MAX_LINKS, MAX_URL_CHARACTERS
from ranking.types import Link

_SPACES: Final = re.compile(r"[\x00-\x20\x7f]+")
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_PLAIN: Final = re.compile(r"https?://[a-zA-Z0-9][^\x00-\x20\x7f\[\]]*\Z")
_PATH: Final = re.compile(r"/(?!/)[^\x00-\x20\x7f\[\]]*\Z")
_NAME: Final = re.compile(r"[\w-]+(?:/[\w-]+)*(?:\.\w+)?\Z", re.ASCII)
_NOT_FOLLOWED: Final = frozenset(("nofollow", "ugc", "sponsored"))
_AGENTS: Final = frozenset(("robots", "forage", "foragebot"))
_CANONICAL_HEADER: Final = re.compile(r"<([^<>]{1,4000})>((?:\s*;\s*[\w*]+\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]*))*)")
_VALUED: Final = frozenset(("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"))


class Base:
    """The address that references of a page are seen from."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.folder = self.origin + (parts.path[: parts.path.rfind("/") + 1] or "/")

    def absolute(self, reference: str) -> str | None:
        """`reference` as an absolute http(s) URL without fragment; None when it is something else or broken."""
        if "#" in reference:
            reference = reference.partition("#")[0]
        if "/." not in reference and len(reference) <= MAX_URL_CHARACTERS:  # no `..`, which urljoin knows best
            if _PLAIN.match(reference):
                return reference
            if _PATH.match(reference):
                return self.origin + reference
            if _NAME.match(reference):
                return self.folder + reference
        reference = reference.strip()
        if not reference or len(reference) > MAX_URL_CHARACTERS:
            return None
        if _SPACES.search(reference):
            reference = reference.replace("\n", "").replace("\t", "").replace("\r", "").replace(" ", "%20")
            reference = _SPACES.sub("", reference)
        if _SCHEME.match(reference) and not reference.lower().startswith(("http:", "https:")):
            return None
        try:
            found = urljoin(self.url, reference)
            parts = urlsplit(found)
        except ValueError:
            return None
        return found if parts.scheme in ("http", "https") and parts.netloc else None


def base_of(parser: LexborHTMLParser, url: str) -> Base:
    """Where references of the page start: its first `base` with an address, seen from its own URL."""
    page = Base(url)
    node = parser.css_first("base[href]")
    if node is None:
        return page
    stated = page.absolute(node.attributes.get("href") or "")
    return Base(stated) if stated else page


def links_of(parser: LexborHTMLParser, base: Base) -> tuple[Link, ...]:
    """Every link with its text (or its title, or its image's description), repeats left out."""
    found: dict[tuple[str, str, bool], None] = {}
    absolute = base.absolute
    for node in parser.css("a[href], area[href]"):
        attributes = node.attributes
        url = absolute(attributes["href"] or "")
        if url is None:
            continue
        text = " ".join(node.text().split())
        if not text:
            text = attributes.get("title") or attributes.get("aria-label") or attributes.get("alt") or ""
            child = node.first_child
            while not text and child is not None:
                text = (child.attributes.get("alt") or "") if child.tag == "img" else ""
                child = child.next
            text = " ".join(text.split())
        relation = attributes.get("rel") or ""
        nofollow = bool(relation) and not _NOT_FOLLOWED.isdisjoint(relation.lower().split())
        found[url, text[:LINK_TEXT_CHARACTERS], nofollow] = None
        if len(found) >= MAX_LINKS:
            break
    return tuple(Link(url, text, nofollow) for url, text, nofollow in found)


def canonical_of(parser: LexborHTMLParser | None, base: Base, headers: Mapping[str, str]) -> str | None:
    """What the page calls its own address: `link rel=canonical` of the head, else of the Link header."""
    if parser is not None and parser.head is not None:
        for node in parser.head.css("link[rel][href]"):
            if "canonical" in (node.attributes["rel"] or "").lower().split():
                return base.absolute(node.attributes["href"] or "")
    for match in _CANONICAL_HEADER.finditer(headers.get("link", "")[:16_384]):
        if re.search(r"rel\s*=\s*\"?[^\";]*\bcanonical\b", match[2], re.IGNORECASE):
            return base.absolute(match[1])
    return None


def directives(named: Mapping[str, str], headers: Mapping[str, str]) -> tuple[bool, bool]:
    """(noindex, nofollow) of the whole page, by its meta elements (name to content) and the X-Robots-Tag header."""
    asked: set[str] = set()
    for agent in _AGENTS:
        asked.update(word.strip().lower() for word in named.get(agent, "").split(","))
    for_us = True
    for part in headers.get("x-robots-tag", "").split(","):
        words = part.strip().lower()
        agent, colon, rest = words.partition(":")
        if colon and agent.strip() not in _VALUED:
            for_us = agent.strip() in _AGENTS
            words = rest.strip()
        if for_us:
            asked.add(words)
    return not asked.isdisjoint(("noindex", "none")), not asked.isdisjoint(("nofollow", "none"))
