"""What reading one page gives: the agreed noun between the extractor and the crawl loop. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from ranking.types import Document, Link


@dataclass(frozen=True, slots=True)
class Extracted:
    """`document` is None when there is nothing to index; `reason` then says why.

    `canonical`: what the page calls its own address (rel=canonical, in the head or the Link header), absolute.
    `links`: http(s) only, absolute, in order of appearance; `nofollow` as the link itself says.
    `noindex`, `nofollow`: of the whole page (meta robots, X-Robots-Tag).
    """

    document: Document | None
    canonical: str | None = None
    noindex: bool = False
    nofollow: bool = False
    links: tuple[Link, ...] = ()
    reason: str = ""
