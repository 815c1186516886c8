"""Extraction run again over the archive, without the network."""

from __future__ import annotations

import os
from typing import Any

import pytest

from crawler.errors import ArchiveError
from crawler.events import CrawlReport
from crawler.frontier import FILE
from crawler.reextract import reextract
from tests.crawler.conftest import Crawling, MemorySink, settings
from tests.web.server import Site, page, redirect


def again(crawling: Crawling, sink: MemorySink, **changed: Any) -> CrawlReport:
    return reextract(crawling.folder, sink, settings(**changed), crawling.events.append)


@pytest.fixture
def crawled(site: Site, crawling: Crawling) -> Crawling:
    """A site crawled twice: changed, gone, moved, duplicate and canonical pages in its archive."""
    site.routes |= {
        "/": page("0", "/a", "/b", "/c", "/moved", "/twin1", "/twin2", "/print"), "/a": page("a"), "/b": page("b"),
        "/c": page("c before"), "/moved": redirect("/a"), "/twin1": page("twin"), "/twin2": page("twin"),
        "/print": page("print", head='<link rel="canonical" href="/b">'),
    }  # fmt: skip
    crawling(site.url, private_host_concurrency=1)
    del site.routes["/a"]
    site.routes["/c"] = page("c after")
    crawling(site.url, private_host_concurrency=1)
    site.log.clear()
    return crawling


def test_gives_the_same_documents(crawled: Crawling, site: Site) -> None:
    """The latest answer of every page, once; nothing is asked of the site."""
    sink = MemorySink()
    report = again(crawled, sink)
    assert sink.documents == crawled.sink.documents
    assert {document.title for document in sink.documents.values()} == {"0", "b", "c after", "twin"}
    assert report.counts.documents == 4
    assert not site.log


def test_a_lost_frontier_is_rebuilt(crawled: Crawling, site: Site) -> None:
    """The archive alone is enough: WARC is the raw truth."""
    for suffix in ("", "-wal", "-shm"):
        (crawled.folder / (FILE + suffix)).unlink(missing_ok=True)
    sink = MemorySink()
    again(crawled, sink)
    assert sink.paths() == crawled.sink.paths()
    report = crawled(site.url)
    assert report.counts.unchanged >= 4
    assert crawled.sink.paths() == sink.paths()


def test_another_extractor_may_find_less(crawled: Crawling) -> None:
    """Documents that the new reading does not give are taken away."""
    report = again(crawled, crawled.sink, extractor="tests.crawler.test_reextract:only_b")
    assert crawled.sink.paths() == {"/b"}
    assert report.counts.skipped >= 3


def only_b(body: bytes, url: str, *rest: Any) -> Any:
    """An extractor that reads one page only."""
    from crawler.extracted import Extracted
    from tests.crawler.plain_extractor import extract

    return extract(body, url, *rest) if url.endswith("/b") else Extracted(None, reason="not wanted")


def test_a_crawl_goes_on_after_it(crawled: Crawling, site: Site) -> None:
    """Reading again is no run: the next crawl is the third, and conditional."""
    again(crawled, crawled.sink)
    report = crawled(site.url)
    assert report.run == 3
    assert report.counts.unchanged == 6


def test_a_torn_archive_gives_what_it_has(crawled: Crawling) -> None:
    """Cut in the middle: the records before the cut are read, the rest wait for the next crawl."""
    path = crawled.folder / "warc" / "forage-00001.warc.gz"
    os.truncate(path, path.stat().st_size // 2)
    sink = MemorySink()
    again(crawled, sink)
    assert "/" in sink.paths()
    assert sink.paths() <= crawled.sink.paths() | {"/c"}


def test_no_archive(crawling: Crawling) -> None:
    """A folder that was never crawled is said to be so."""
    with pytest.raises(ArchiveError, match="no WARC file"):
        again(crawling, MemorySink())
