"""A small honest extractor for crawl tests: real HTML in, real document out, and a few pages that misbehave.

The product's extractor has tests of its own; the crawl's must not change when extraction does. Loaded by name
inside the worker processes. Paths with "crash", "hang", "spin" or "greedy" do what they say.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from urllib.parse import urljoin

from lxml import html

from crawler.extracted import Extracted
from ranking.types import Document, Link


def extract(
    body: bytes,
    url: str,
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
    fetched_at: str | None = None,
) -> Extracted:
    """Title, text and links of an HTML page; other types hold no document."""
    _misbehave(url)
    if not (content_type or "text/html").startswith("text/html"):
        return Extracted(None, reason=f"{content_type} is not HTML")
    tree = html.fromstring(body.decode("utf-8", "replace") or "<p></p>")
    links = tuple(
        Link(urljoin(url, node.get("href")), node.text_content(), "nofollow" in (node.get("rel") or ""))
        for node in tree.iter("a")
        if node.get("href") and urljoin(url, node.get("href")).startswith("http")
    )
    title = (tree.findtext(".//title") or "").strip()
    text = " ".join(" ".join(node.text_content() for node in tree.iter("p")).split())
    robots = " ".join(node.get("content", "") for node in tree.iter("meta") if node.get("name") == "robots")
    robots += " " + (headers or {}).get("x-robots-tag", "")
    canonical = next((node.get("href") for node in tree.iter("link") if node.get("rel") == "canonical"), None)
    content = hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()
    document = Document("", url, title, text, content_hash=content, links=links) if title or text else None
    return Extracted(
        document,
        canonical=urljoin(url, canonical) if canonical else None,
        noindex="noindex" in robots,
        nofollow="nofollow" in robots,
        links=links,
        reason="" if document else "empty",
    )


def _misbehave(url: str) -> None:
    if "crash" in url:
        os._exit(3)
    if "hang" in url:
        while True:
            time.sleep(1)
    if "spin" in url:  # in C, where no exception reaches
        pow(7, 10**10)
    if "greedy" in url:
        bytearray(64 << 30)
