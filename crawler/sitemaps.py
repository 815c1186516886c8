"""What a sitemap lists: given its bytes, returns page URLs and further sitemaps (sitemaps.org, RSS, Atom, text).

Entities are not expanded, nothing is loaded from outside, and reading stops at the bounds. Runs in a worker
process (a crafted file then costs one worker, not the crawl). Not for fetching.
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass
from typing import Final

from lxml import etree  # type: ignore[import-untyped]

from crawler.decode import gunzip

_GZIP: Final = b"\x1f\x8b"
_URL_LINE: Final = re.compile(r"https?://\S+")
_HTML: Final = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s*(?:html|>)|html|head|body)", re.IGNORECASE | re.DOTALL)
_ROOT: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>(?>\s|<!--.*?-->|<\?.*?\?>|<!doctype[^>]*>)*)<(?:\w+:)?(?:urlset|sitemapindex|rss|feed|rdf)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_HEAD_BYTES: Final = 4096  # in which the root element must begin
_DEPTH: Final = 32  # elements within elements; the protocol needs three


@dataclass(frozen=True, slots=True)
class Sitemap:
    """`pages` and `sitemaps` as written, in order; `reason` says why there are fewer than there might be."""

    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    reason: str = ""


def is_sitemap(body: bytes) -> bool:
    """Whether `body` (gzip is undone) is XML that lists pages: a sitemap, an index of them, a feed."""
    if body.startswith(_GZIP):
        try:
            body, _ = gunzip(body, _HEAD_BYTES)
        except zlib.error:
            return False
    return _ROOT.match(body[:_HEAD_BYTES]) is not None


def read_sitemap(body: bytes, *, limit_urls: int, limit_bytes: int) -> Sitemap:
    """Everything listed in `body` (gzip is undone), at most `limit_urls` in all."""
    if body.startswith(_GZIP):
        try:
            body, whole = gunzip(body, limit_bytes + 1)
        except zlib.error as error:
            return Sitemap(reason=f"broken gzip: {error}")
        if not whole and len(body) <= limit_bytes:
            return Sitemap(reason="broken gzip: it ends in the middle")
    if len(body) > limit_bytes:
        return Sitemap(reason=f"more than {limit_bytes} bytes")
    if _HTML.match(body[:2048]):
        return Sitemap(reason="a web page, not a sitemap")
    if not body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        lines = (line.strip() for line in body.decode("utf-8", "replace").lstrip("\ufeff").splitlines())
        found = [line for line in lines if _URL_LINE.fullmatch(line)]
        return Sitemap(tuple(found[:limit_urls]))
    return _read_xml(body, limit_urls)


def _read_xml(body: bytes, limit: int) -> Sitemap:
    pages: list[str] = []
    sitemaps: list[str] = []
    open_names: list[str] = []
    reason = ""
    events = etree.iterparse(
        io.BytesIO(body),
        events=("start", "end"),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        for event, element in events:
            if not isinstance(element.tag, str):
                continue
            name = etree.QName(element).localname.lower()
            if event == "start":
                open_names.append(name)
                if len(open_names) > _DEPTH:
                    reason = "elements too deep"
                    break
                continue
            parent = open_names[-2] if len(open_names) > 1 else ""
            if name == "loc" and parent in ("url", "sitemap"):
                (sitemaps if parent == "sitemap" else pages).append((element.text or "").strip())
            elif name == "link" and parent in ("item", "entry") and element.get("rel", "alternate") == "alternate":
                pages.append((element.get("href") or element.text or "").strip())
            open_names.pop()
            if name in ("url", "sitemap", "item", "entry"):
                element.clear()
                while element.getprevious() is not None:  # or the root keeps every one of them
                    del element.getparent()[0]
            if len(pages) + len(sitemaps) >= limit:
                reason = f"more than {limit} entries"
                break
    except etree.XMLSyntaxError as error:
        reason = f"broken XML: {error.msg}"
    return Sitemap(tuple(filter(None, pages)), tuple(filter(None, sitemaps)), reason)
