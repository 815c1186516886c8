"""Extraction run again over the archive, without the network."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import ArchiveError
from crawler.events import CrawlReport
from crawler.frontier import FILE, aliases
from crawler.reextract import reextract
from tests.crawler.conftest import Crawling, MemorySink, settings
from tests.web.server import Answer, Site, page, redirect


def again(crawling: Crawling, sink: MemorySink, **changed: Any) -> CrawlReport:
    return reextract(crawling.folder, sink, settings(**changed), crawling.events.append)


def lose(crawling: Crawling) -> None:
    """The frontier is gone."""
    for suffix in ("", "-wal", "-shm"):
        (crawling.folder / (FILE + suffix)).unlink(missing_ok=True)


def damage(crawling: Crawling, at: int) -> Path:
    """Two bytes changed, `at` from the end when negative."""
    path = crawling.folder / "warc" / "forage-00001.warc.gz"
    with path.open("r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        old = file.read(2)
        file.seek(-2, os.SEEK_CUR)
        file.write(bytes(byte ^ 0xFF for byte in old))
    return path


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
    lose(crawled)
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


def test_damaged_records_are_named_and_the_rest_is_read(site: Site, crawling: Crawling) -> None:
    """With pages waiting besides: it ends, says where the damage is, keeps what it had, and changes no file."""
    site.fallback = lambda request: Answer(page(request.path, *(f"/{number}" for number in range(30))).encode())
    crawling(site.url, max_pages=8)
    with sqlite3.connect(crawling.folder / FILE) as frontier:
        query = "SELECT url, offset FROM pages WHERE warc IS NOT NULL ORDER BY offset"
        hit, offset = frontier.execute(query).fetchall()[5]
    frontier.close()
    path = damage(crawling, offset + 60)
    before, sink = path.read_bytes(), MemorySink()
    for _ in range(2):
        report = again(crawling, sink)
        assert sink.urls == crawling.sink.urls - {hit}
        assert report.reason == "complete"
        (notice,) = report.notices
        assert notice.code == "archive_damaged"
        assert f"forage-00001.warc.gz is damaged in 1 place, at byte {offset}:" in notice.message
        assert path.read_bytes() == before
    site.log.clear()
    crawling(site.url)
    assert site.hits()[hit[len(site.url) :]] == 1
    assert path.read_bytes() == before
    assert crawling.sink.paths() == {"/", *(f"/{number}" for number in range(30))}
    assert (path.parent / "forage-00002.warc.gz").is_file()


@pytest.mark.parametrize("junk", [None, b"hello\n"])
def test_a_lost_frontier_and_a_cut_archive(site: Site, crawling: Crawling, junk: bytes | None) -> None:
    """It ends with what is whole, and nothing is thrown away."""
    site.fallback = lambda request: Answer(page(request.path, *(f"/{number}" for number in range(30))).encode())
    crawling(site.url)
    lose(crawling)
    path = crawling.folder / "warc" / "forage-00001.warc.gz"
    before = path.read_bytes()[: path.stat().st_size // 2] if junk is None else junk
    path.write_bytes(before)
    sink = MemorySink()
    report = again(crawling, sink)
    assert path.read_bytes() == before
    assert sink.urls < crawling.sink.urls
    assert bool(sink.urls) == (junk is None)
    (notice,) = report.notices
    assert notice.code == ("archive_damaged" if junk is None else "archive_unreadable")
    assert path.name in notice.message
    crawling(site.url)
    assert len(crawling.sink.documents) == 31


def test_what_was_a_page_before_stays_gone(site: Site, crawling: Crawling) -> None:
    """A page that moved, or holds a picture now, has an old body in the archive: nobody reads it again."""
    site.routes |= {"/": page("0", "/a", "/b", "/c"), "/a": page("a"), "/b": page("b"), "/c": page("c")}
    crawling(site.url)
    site.routes |= {"/a": redirect("/c"), "/b": Answer(b"\x89PNG", content_type="image/png")}
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/c"}
    for lost in (False, True):
        if lost:
            lose(crawling)
        sink = MemorySink()
        again(crawling, sink)
        assert sink.paths() == {"/", "/c"}


def test_a_rebuilt_frontier_knows_redirects_to_other_hosts(site: Site, crawling: Crawling) -> None:
    """Whatever the crawl's hosts were: the archive has only what belonged to it."""
    web = dict.fromkeys(("a.example", "b.example"), f"127.0.0.1:{site.port}")
    site.routes |= {"a.example/": redirect("http://b.example/"), "b.example/": page("0")}
    crawling("http://a.example/", connect_to=web)
    lose(crawling)
    again(crawling, MemorySink())
    assert aliases(crawling.folder) == {"http://a.example/": "http://b.example/"}


def test_a_page_whose_only_body_is_damaged_is_fetched_whole(site: Site, crawling: Crawling) -> None:
    """That it had not changed since is of no use to a rebuilt frontier."""
    site.routes |= {"/": page("0", "/a"), "/a": page("a")}
    crawling(site.url)
    with sqlite3.connect(crawling.folder / FILE) as frontier:
        (offset,) = frontier.execute("SELECT offset FROM pages WHERE url LIKE '%/a'").fetchone()
    frontier.close()
    assert crawling(site.url).counts.unchanged == 2
    damage(crawling, offset + 60)
    lose(crawling)
    sink = MemorySink()
    again(crawling, sink)
    assert sink.paths() == {"/"}
    site.log.clear()
    crawling(site.url)
    assert [request.path for request in site.log if "if-none-match" not in request.headers].count("/a") == 1
    assert again(crawling, MemorySink()).counts.documents == 2


def test_what_is_taken_from_the_archive_is_of_no_budget(site: Site, crawling: Crawling) -> None:
    """A crawl that rebuilds its frontier fetches as many new pages as it was told to."""
    site.fallback = lambda request: Answer(page(request.path, *(f"/{number}" for number in range(30))).encode())
    crawling(site.url, max_pages=12)
    lose(crawling)
    site.log.clear()
    report = crawling(site.url, max_pages=10)
    assert report.counts.fetched == sum(site.hits().values()) == 10
    assert len(crawling.sink.documents) == 22


def test_a_page_that_cannot_be_had_today_keeps_its_document(site: Site, crawling: Crawling) -> None:
    """Also when the frontier is rebuilt from an archive that says both."""
    site.routes |= {"/": page("0", "/a"), "/a": page("a")}
    crawling(site.url)
    site.routes["/a"] = Answer(b"no", 403)
    crawling(site.url)
    lose(crawling)
    sink = MemorySink()
    again(crawling, sink)
    assert sink.paths() == crawling.sink.paths() == {"/", "/a"}
