"""A crawl from end to end on a real socket: what a recrawl costs, going on, and what is refused at the door."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from crawler.crawl import check, crawl
from crawler.errors import AddressError, CrawlBusyError, CrawlerError, SettingsError, UrlError
from crawler.events import CrawlEvent
from crawler.settings import CrawlSettings
from crawler.warc import Archive
from ranking.types import Document
from tests.crawler.conftest import Crawling, MemorySink, settings
from tests.web.server import Answer, Request, Site, conditional, page, redirect

# ---------------------------------------------------------------- recrawls


def test_an_unchanged_site_costs_one_304_a_page(site: Site, crawling: Crawling) -> None:
    """A finished crawl run again asks conditionally and stores nothing new."""
    site.routes |= {"/": page("0", "/a", "/b"), "/a": page("a"), "/b": page("b")}
    crawling(site.url)
    site.log.clear()
    report = crawling(site.url)
    assert (report.run, report.counts.unchanged, report.counts.documents, report.counts.bytes) == (2, 3, 0, 0)
    assert site.hits() == {"/": 1, "/a": 1, "/b": 1}
    assert all("if-none-match" in request.headers for request in site.log if request.path in ("/", "/a", "/b"))
    assert set(crawling.sink.added.values()) == {1}


def test_a_recrawl_finds_what_changed(site: Site, crawling: Crawling) -> None:
    """New pages are added, changed ones replaced, deleted ones (404, 410), moved ones and noindexed ones removed."""
    site.routes |= {
        "/": page("0", "/a", "/b", "/c", "/d"),
        "/a": page("a"),
        "/b": page("b"),
        "/c": page("c"),
        "/d": page("d"),
    }
    crawling(site.url)
    del site.routes["/a"]
    site.routes |= {
        "/": page("0", "/a", "/b", "/c", "/d", "/e"), "/b": Answer(status=410), "/c": redirect("/e"), "/e": page("new"),
        "/d": page("d", head='<meta name="robots" content="noindex">'),
    }  # fmt: skip
    report = crawling(site.url)
    assert crawling.sink.paths() == {"/", "/e"}
    assert report.counts.removed == 2
    site.routes["/a"] = page("a again")
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/a", "/e"}


def test_a_failing_page_keeps_its_document(site: Site, crawling: Crawling) -> None:
    """A server error says nothing about the page."""
    site.routes |= {"/": page("0", "/a"), "/a": page("a")}
    crawling(site.url)
    site.routes["/a"] = Answer(status=500)
    assert crawling(site.url, attempts=2).counts.failed == 1
    assert crawling.sink.paths() == {"/", "/a"}


def test_without_validators_the_bytes_decide(site: Site, crawling: Crawling) -> None:
    """A server that knows no ETag is asked in full, but equal bytes are not read again."""
    site.routes["/"] = Answer(page("0").encode())
    crawling(site.url)
    report = crawling(site.url)
    assert (report.counts.unchanged, report.counts.documents) == (1, 0)


def test_another_seed_leaves_what_was_crawled_alone(site: Site, crawling: Crawling) -> None:
    """A collection may grow by one site after another."""
    web = dict.fromkeys(("a.example", "b.example"), f"127.0.0.1:{site.port}")
    site.fallback = lambda request: Answer(page(request.host).encode())
    crawling("http://a.example/", connect_to=web)
    site.log.clear()
    crawling("http://b.example/", connect_to=web)
    assert crawling.sink.urls == {"http://a.example/", "http://b.example/"}
    assert {request.host for request in site.log} == {"b.example"}


# ---------------------------------------------------------------- going on


def letters(request: Request) -> Answer | None:
    """A home page that links to /a, /b, /c and /d, on any host."""
    links = [f"/{letter}" for letter in "abcd"] if request.path == "/" else []
    if request.path != "/" and request.path[1:] not in "abcd":
        return None
    return conditional(request, page(f"{request.host} {request.path}", *links).encode())


def test_a_crawl_that_a_limit_ended_goes_on(site: Site, crawling: Crawling) -> None:
    """Each call has the whole limit for pages not fetched yet; what is complete is recrawled, in as many calls."""
    site.fallback = letters
    for run in (1, 2):
        site.log.clear()
        told = []
        for _ in range(3):
            report = crawling(site.url, max_pages=2, private_host_concurrency=1)
            told.append((report.run, report.reason, report.counts.fetched, sum(site.hits().values())))
        assert told == [(run, "page limit", 2, 2), (run, "page limit", 2, 4), (run, "complete", 1, 5)]
        assert set(site.hits().values()) == {1}
    assert crawling.sink.paths() == {"/", "/a", "/b", "/c", "/d"}


def test_a_limit_reached_by_the_last_page_is_no_limit(site: Site, crawling: Crawling) -> None:
    """Nothing is left: the crawl is complete, and the next call is a recrawl."""
    site.fallback = letters
    assert crawling(site.url, max_pages=5).reason == "complete"
    assert crawling(site.url, max_pages=5).counts.unchanged == 5


def test_what_another_crawl_left_is_its_own(site: Site, crawling: Crawling) -> None:
    """Other seeds get none of it and give nothing of their limit to it; it is still there for the first ones."""
    web = dict.fromkeys(("a.example", "b.example"), f"127.0.0.1:{site.port}")
    site.fallback = letters
    crawling("http://a.example/", connect_to=web, max_pages=2)
    site.log.clear()
    assert crawling("http://b.example/", connect_to=web, max_pages=5).reason == "complete"
    assert {request.host for request in site.log} == {"b.example"}
    site.log.clear()
    assert crawling("http://a.example/", connect_to=web, max_pages=3).reason == "complete"
    assert {request.host + request.path for request in site.log} == {"a.example/b", "a.example/c", "a.example/d"}


def test_going_on_heeds_what_this_call_excludes(site: Site, crawling: Crawling) -> None:
    """Pages found before are left out by a pattern or a depth given now, and come back without it."""
    site.fallback = letters
    crawling(site.url, max_pages=1)
    assert crawling(site.url, depth=0).counts.fetched == 1  # the seed again: nothing else is within reach
    assert crawling.sink.paths() == {"/"}
    crawling(site.url, exclude=("/[ab]$",))
    assert crawling.sink.paths() == {"/", "/c", "/d"}
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/a", "/b", "/c", "/d"}
    assert site.hits() == {"/": 2, "/a": 1, "/b": 1, "/c": 1, "/d": 1}


# ---------------------------------------------------------------- at the door


def test_what_cannot_be_crawled_is_refused_at_the_door(tmp_path: Path) -> None:
    """No seed, no URL, a private address without leave: an error that says what was given and what would work."""

    async def attempt(*seeds: str, **changed: Any) -> None:
        await check(seeds, CrawlSettings(**changed))
        pytest.fail("let in")

    async def crawled(*seeds: str, **changed: Any) -> None:
        await crawl(seeds, tmp_path / "c", MemorySink(), CrawlSettings(**changed), lambda event: None)

    for door in (attempt, crawled):
        with pytest.raises(SettingsError, match="no URL"):
            asyncio.run(door())
        with pytest.raises(UrlError, match="only http and https"):
            asyncio.run(door("example.org"))
        with pytest.raises(UrlError, match="user name or password"):
            asyncio.run(door("http://example.org/", "http://me:secret@example.org/"))
        with pytest.raises(SettingsError, match="not a host"):
            asyncio.run(door("http://example.org/", allow_hosts=("exa mple",)))
        with pytest.raises(SettingsError, match="not a regular expression"):
            asyncio.run(door("http://example.org/", exclude=("[",)))
        for seed in ("http://127.0.0.1:1/", "http://localhost/", "http://2130706433/", "http://[::ffff:10.0.0.1]/"):
            with pytest.raises(AddressError, match="refused") as caught:
                asyncio.run(door(seed))
            assert "--allow-private" in str(caught.value.hint)
    assert not (tmp_path / "c").exists()


def test_one_crawl_at_a_time(site: Site, crawling: Crawling) -> None:
    """A second crawl of the same folder is told so, and the first one is not disturbed."""
    site.routes["/"] = Answer(page("0").encode(), delay=1.0)

    async def both() -> None:
        first = asyncio.create_task(crawl([site.url], crawling.folder, crawling.sink, settings(), lambda event: None))
        await asyncio.sleep(0.5)
        with pytest.raises(CrawlBusyError, match="another crawl"):
            await crawl([site.url], crawling.folder, crawling.sink, settings(), lambda event: None)
        assert (await first).counts.documents == 1

    asyncio.run(both())


def test_a_sink_that_refuses_stops_the_crawl_and_loses_nothing(site: Site, crawling: Crawling) -> None:
    """Disk full while documents are stored: a clear error, and the same call goes on without fetching again."""
    site.routes |= {"/": page("0", "/a"), "/a": page("a")}

    class Full(MemorySink):
        def add(self, documents: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(CrawlerError, match="No space left"):
        asyncio.run(crawl([site.url], crawling.folder, Full(), settings(), lambda event: None))
    report = crawling(site.url)
    assert crawling.sink.paths() == {"/", "/a"}
    assert site.hits() == {"/": 1, "/a": 1}
    assert (report.run, report.counts.fetched) == (1, 2)


def test_an_archive_that_cannot_be_closed_costs_one_crawl(
    site: Site, crawling: Crawling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails at the very end: a clear error, and the folder is free for the same call."""
    site.routes |= {"/": page("0")}

    close = Archive.close

    def failing(archive: Archive) -> None:
        begun = archive._out is not None
        close(archive)
        if begun:  # not before the first record
            raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "close", failing)
        with pytest.raises(CrawlerError, match=r"cannot be written down.*Input/output error"):
            crawling(site.url)
    crawling(site.url)
    assert crawling.sink.paths() == {"/"}


def test_a_cancelled_crawl_goes_on(site: Site, crawling: Crawling) -> None:
    """Ctrl-C at any time: what was fetched is kept."""
    site.fallback = lambda request: Answer(
        page(request.path, *(f"{request.path}{n}" for n in range(3))).encode(), delay=0.02
    )

    async def interrupted() -> None:
        some = asyncio.Event()

        def told(event: CrawlEvent) -> None:
            if event.counts.documents >= 5:
                some.set()

        task = asyncio.create_task(crawl([site.url], crawling.folder, crawling.sink, settings(max_pages=40), told))
        await some.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    report = crawling(site.url, max_pages=40)
    assert report.counts.fetched == 40
    assert len(crawling.sink.documents) == 40


def test_events_tell_the_story(site: Site, crawling: Crawling) -> None:
    """The first and the last event frame the others, and counts only grow."""
    site.routes |= {"/": page("0", "/a"), "/a": page("a")}
    report = crawling(site.url)
    kinds = [event.kind for event in crawling.events]
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    assert kinds.count("page") == 2
    assert all(event.seconds >= 0 for event in crawling.events)
    fetched = [event.counts.fetched for event in crawling.events]
    assert fetched == sorted(fetched)
    assert crawling.events[-1].counts == report.counts
    assert report.counts.bytes == sum(len(page(*arguments)) for arguments in (("0", "/a"), ("a",)))


def test_documents_are_typed_nouns(site: Site, crawling: Crawling) -> None:
    """The sink receives ranking's own documents, with their fetch date."""
    site.routes["/"] = page("0")
    crawling(site.url)
    (document,) = crawling.sink.documents.values()
    assert isinstance(document, Document)
    assert str(document.fetched_at).endswith("Z")
