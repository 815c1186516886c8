"""A crawl from end to end on a real socket: what is fetched, what becomes a document, what a recrawl costs."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
from collections.abc import Callable
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from typing import Any

import brotli
import pytest

from crawler.crawl import check, crawl
from crawler.errors import AddressError, CrawlBusyError, CrawlerError, SettingsError, UrlError
from crawler.events import CrawlEvent
from crawler.frontier import aliases
from crawler.settings import CrawlSettings
from ranking.types import Document
from tests.crawler.conftest import Crawling, MemorySink, settings
from tests.web.server import Answer, Request, Site, conditional, page, redirect, sitemap


def test_follows_links_and_fetches_each_page_once(site: Site, crawling: Crawling) -> None:
    """Every page linked becomes one document, however often and however written it is linked."""
    site.routes |= {
        "/": page("home", "/a", "/b/../a", "/a#part", "/c?b=2&a=1", "/c?a=1&b=2", "//" + site.url[7:] + "/d"),
        "/a": page("a", "/", "/c?a=1&b=2&utm_source=x"),
        "/c": page("c"),
        "/d": page("d", "http://elsewhere.example/", "mailto:x@y", "/image.png"),
    }
    report = crawling(site.url)
    assert crawling.sink.paths() == {"/", "/a", "/c?a=1&b=2", "/d"}
    assert report.counts.documents == report.counts.fetched == 4
    assert report.reason == "complete"
    assert set(site.hits().values()) == {1}
    assert site.hits(pages=False)["/robots.txt"] == 1
    document = next(found for found in crawling.sink.documents.values() if found.url.endswith("/a"))
    assert document.site == "127.0.0.1"
    assert {link.url for link in document.links} == {site.url + "/", site.url + "/c?a=1&b=2"}


def test_breadth_first(site: Site, crawling: Crawling) -> None:
    """Nearer pages come before farther ones."""
    site.routes |= {
        "/": page("0", "/a", "/b"),
        "/a": page("a", "/aa"),
        "/b": page("b", "/bb"),
        "/aa": page("aa"),
        "/bb": page("bb"),
    }
    crawling(site.url, private_host_concurrency=1)
    order = [request.path for request in site.log if request.path not in ("/robots.txt", "/sitemap.xml")]
    assert order == ["/", "/a", "/b", "/aa", "/bb"]


def test_depth_limit(site: Site, crawling: Crawling) -> None:
    """0 is the seeds alone, 1 what they link to; more depth on the same folder goes on from there."""
    site.routes |= {"/": page("0", "/1"), "/1": page("1", "/2"), "/2": page("2", "/3"), "/3": page("3")}
    crawling(site.url, depth=0)
    assert crawling.sink.paths() == {"/"}
    crawling(site.url, depth=1)
    assert crawling.sink.paths() == {"/", "/1"}
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/1", "/2", "/3"}


def test_page_limit(site: Site, crawling: Crawling) -> None:
    """Exactly so many pages are fetched, and the report says why it ended."""
    site.fallback = lambda request: Answer(page(request.path, *(f"{request.path}{n}" for n in range(5))).encode())
    report = crawling(site.url, max_pages=17)
    assert report.counts.fetched == 17
    assert report.reason == "page limit"
    assert sum(site.hits().values()) == 17


def test_request_limit(site: Site, crawling: Crawling) -> None:
    """A site of nothing but errors ends too."""
    site.routes["/"] = page("0", *(f"/missing/{n}" for n in range(400)))
    report = crawling(site.url, max_pages=10, requests_per_page=1)
    assert report.reason == "request limit"
    assert len(site.log) <= 210 + 5


def test_hosts_of_the_crawl(site: Site, crawling: Crawling) -> None:
    """Only the seeds' hosts and those allowed are visited; each name is its own site at one address."""
    web = dict.fromkeys(("a.example", "b.example", "c.example", "sub.b.example"), f"127.0.0.1:{site.port}")
    site.fallback = lambda request: Answer(
        page(f"{request.host}{request.path}", *(f"http://{name}/" for name in web)).encode()
    )
    crawling("http://a.example/", connect_to=web)
    assert crawling.sink.urls == {"http://a.example/"}
    crawling("http://a.example/", connect_to=web, allow_hosts=("*.b.example",))
    assert crawling.sink.urls == {"http://a.example/", "http://b.example/", "http://sub.b.example/"}


# ---------------------------------------------------------------- robots and meta


def test_robots_txt_is_obeyed(site: Site, crawling: Crawling) -> None:
    """What is disallowed is not requested, and said to be excluded."""
    site.routes |= {
        "/robots.txt": Answer(b"User-agent: *\nDisallow: /private", content_type="text/plain"),
        "/": page("0", "/private/x", "/open"), "/open": page("open"), "/private/x": page("secret"),
    }  # fmt: skip
    report = crawling(site.url)
    assert crawling.sink.paths() == {"/", "/open"}
    assert "/private/x" not in site.hits()
    assert [event.reason for event in crawling.told("excluded")] == ["robots.txt"]
    assert report.counts.excluded == 1


def test_html_for_robots_txt_is_no_rule(site: Site, crawling: Crawling) -> None:
    """A server that answers everything with a page (Python's pydoc does) can be crawled."""
    site.fallback = lambda request: Answer(page("Disallow: /", "/b").encode())
    crawling(site.url, max_pages=5)
    assert crawling.sink.paths() == {"/"}  # /b says the same


def test_robots_txt_of_ten_megabytes(site: Site, crawling: Crawling) -> None:
    """It costs its first half megabyte and the crawl goes on."""
    huge = b"User-agent: *\nDisallow: /no\n" + b"Disallow: /filler\n" * 600_000
    site.routes |= {
        "/robots.txt": Answer(huge, content_type="text/plain"),
        "/": page("0", "/no", "/yes"),
        "/yes": page("yes"),
    }
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/yes"}


def test_robots_txt_with_a_byte_order_mark(site: Site, crawling: Crawling) -> None:
    """What some editors put before the first line does not open what it closes."""
    site.routes |= {
        "/robots.txt": Answer(b"\xef\xbb\xbfUser-agent: *\nDisallow: /private", content_type="text/plain"),
        "/": page("0", "/private/x"), "/private/x": page("secret"),
    }  # fmt: skip
    crawling(site.url)
    assert set(site.hits()) == {"/"}


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("br", brotli.compress)])
@pytest.mark.parametrize("filler", ["/filler", "/{:x}"], ids=["small as sent", "large as sent"])
def test_a_packed_robots_txt_of_megabytes(
    site: Site, crawling: Crawling, name: str, pack: Callable[[bytes], bytes], filler: str
) -> None:
    """Its first half megabyte of lines counts as it would unpacked; half a line does not."""
    chance = random.Random(1)
    lines = "".join(f"Disallow: {filler.format(chance.getrandbits(256))}\n" for _ in range(40_000))
    packed = pack(f"User-agent: *\nDisallow: /no\n{lines}Disallow: /late\n".encode())
    assert (len(packed) > 1_000_000) == (filler != "/filler")
    site.routes |= {
        "/robots.txt": Answer(packed, content_type="text/plain", headers={"Content-Encoding": name}),
        "/": page("0", "/no", "/yes", "/late"), **{f"/{name}": page(name) for name in ("no", "yes", "late")},
    }  # fmt: skip
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/yes", "/late"}


def test_a_packed_robots_txt_that_cannot_be_read(site: Site, crawling: Crawling) -> None:
    """Nobody knows what it says: the site is closed, as for a 5xx."""
    broken = gzip.compress(b"User-agent: *\nDisallow: /no\n")[:10] + bytes(range(256)) * 4000
    site.routes |= {
        "/robots.txt": Answer(broken, content_type="text/plain", headers={"Content-Encoding": "gzip"}), "/": page("0")
    }  # fmt: skip
    report = crawling(site.url, robots_attempts=2)
    assert (report.counts.documents, report.counts.failed) == (0, 1)
    assert site.hits(pages=False) == {"/robots.txt": 2}


def test_crawl_delay(site: Site, crawling: Crawling) -> None:
    """The delay between two requests is the one asked for, even on a private host."""
    site.routes |= {
        "/robots.txt": Answer(b"User-agent: *\nCrawl-delay: 0.3", content_type="text/plain"),
        "/": page("0", "/a", "/b"), "/a": page("a"), "/b": page("b"),
    }  # fmt: skip
    crawling(site.url)
    moments = [request.at for request in site.log]
    assert min(later - earlier for earlier, later in pairwise(moments)) > 0.28


def test_a_site_whose_robots_txt_fails(site: Site, crawling: Crawling) -> None:
    """5xx closes the site; it is asked a few times, then its pages count as failed; the next run tries again."""
    site.routes |= {"/robots.txt": Answer(status=500), "/": page("0")}
    report = crawling(site.url, robots_attempts=2)
    assert (report.counts.documents, report.counts.failed) == (0, 1)
    assert site.hits(pages=False) == {"/robots.txt": 2}
    site.routes["/robots.txt"] = Answer(status=404)
    assert crawling(site.url, robots_attempts=2).counts.documents == 1


def test_noindex_and_nofollow(site: Site, crawling: Crawling) -> None:
    """noindex stores nothing, nofollow follows nothing, in the page, in a link and in a header."""
    site.routes |= {
        "/": page("0", "/noindex", "/nofollow", "/header"),
        "/noindex": page("n", "/behind-noindex", head='<meta name="robots" content="noindex">'),
        "/nofollow": page("f", "/behind-nofollow", head='<meta name="robots" content="nofollow">'),
        "/header": Answer(page("h", "/behind-header").encode(), headers={"X-Robots-Tag": "noindex, nofollow"}),
        "/behind-noindex": '<title>b</title><p>text</p><a rel="nofollow" href="/behind-link">x</a>',
        "/behind-nofollow": page("x"), "/behind-header": page("y"), "/behind-link": page("z"),
    }  # fmt: skip
    report = crawling(site.url)
    assert crawling.sink.paths() == {"/", "/nofollow", "/behind-noindex"}
    assert {event.reason for event in crawling.told("skipped")} == {"noindex"}
    assert report.counts.skipped == 2


# ---------------------------------------------------------------- sitemaps


def test_sitemaps_are_seeds_too(site: Site, crawling: Crawling) -> None:
    """Those of robots.txt, of an index, gzipped, and /sitemap.xml; pages outside the crawl are left out."""
    site.routes |= {
        "/robots.txt": Answer(f"Sitemap: {site.url}/index.xml".encode(), content_type="text/plain"),
        "/index.xml": Answer(f"<sitemapindex><sitemap><loc>{site.url}/s.gz</loc></sitemap></sitemapindex>".encode()),
        "/s.gz": Answer(gzip.compress(sitemap([site.url + "/one", "http://o.example/"]).body), content_type="a/gzip"),
        "/sitemap.xml": sitemap([site.url + "/two"]),
        "/": page("0"), "/one": page("one"), "/two": page("two"),
    }  # fmt: skip
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/one", "/two"}


@pytest.mark.parametrize(
    ("name", "body", "content_type"),
    [
        ("/s.xml", "<?xml version='1.0'?><!-- x --><urlset><url><loc>{}/one</loc></url></urlset>", "application/xml"),
        ("/s.xml.gz", "<urlset><url><loc>{}/one</loc></url></urlset>", "application/gzip"),
        ("/i.xml", "<sitemapindex><sitemap><loc>{}/s.gz</loc></sitemap></sitemapindex>", "text/xml"),
        ("/rss", "<rss><channel><item><link>{}/one</link></item></channel></rss>", "application/rss+xml"),
        ("/atom", '<feed><entry><link href="{}/one"/></entry></feed>', "application/atom+xml"),
    ],
)
def test_a_sitemap_as_a_seed(site: Site, crawling: Crawling, name: str, body: str, content_type: str) -> None:
    """The pages it lists are one link away; it is no page itself, and is asked for conditionally the next time."""
    packed = body.format(site.url).encode()
    packed = gzip.compress(packed, mtime=0) if name.endswith("gz") else packed
    site.routes |= {
        name: lambda request: conditional(request, packed, content_type), "/one": page("one", "/two"),
        "/two": page("two"),
        "/s.gz": Answer(gzip.compress(sitemap([site.url + "/one"]).body), content_type="application/gzip"),
    }  # fmt: skip
    report = crawling(site.url + name, depth=0)
    assert (report.reason, report.counts.fetched, crawling.sink.paths()) == ("complete", 0, set())
    report = crawling(site.url + name, depth=1)
    assert (report.reason, report.counts.fetched, crawling.sink.paths()) == ("complete", 1, {"/one"})
    crawling(site.url + name)
    assert crawling.sink.paths() == {"/one", "/two"}
    site.log.clear()
    report = crawling(site.url + name)
    assert (report.counts.fetched, report.counts.documents) == (2, 0)
    assert crawling.sink.paths() == {"/one", "/two"}
    assert "if-none-match" in next(request.headers for request in site.log if request.path == name)


def test_a_seed_that_becomes_a_sitemap(site: Site, crawling: Crawling) -> None:
    """The document of the page it was is removed; other XML is neither page nor sitemap."""
    site.routes |= {"/": page("0", "/x.xml"), "/one": page("one"), "/x.xml": sitemap([site.url + "/one"])}
    crawling(site.url)
    assert crawling.sink.paths() == {"/"}
    site.routes["/"] = sitemap([site.url + "/one"])
    crawling(site.url)
    assert crawling.sink.paths() == {"/one"}
    report = crawling(site.url + "/x.xml", depth=0)
    assert report.counts.documents == 0


def test_a_sitemap_bomb(site: Site, crawling: Crawling) -> None:
    """A gzip of nothing, an index of itself, an index of thousands: bounded, and the crawl goes on."""
    many = "".join(f"<sitemap><loc>{site.url}/m{n}.xml</loc></sitemap>" for n in range(5000))
    site.routes |= {
        "/robots.txt": Answer(
            f"Sitemap: {site.url}/bomb.gz\nSitemap: {site.url}/self.xml\nSitemap: {site.url}/many.xml".encode(),
            content_type="text/plain",
        ),
        "/bomb.gz": Answer(gzip.compress(bytes(60_000_000), 1), content_type="application/gzip"),
        "/self.xml": Answer(f"<sitemapindex><sitemap><loc>{site.url}/self.xml</loc></sitemap></sitemapindex>".encode()),
        "/many.xml": Answer(f"<sitemapindex>{many}</sitemapindex>".encode()),
        "/": page("0"),
    }  # fmt: skip
    report = crawling(site.url, sitemaps_per_host=10, sitemap_max_bytes=1_000_000)
    assert report.counts.documents == 1
    assert len(site.log) <= 13


# ---------------------------------------------------------------- redirects and names


def test_redirects_are_pages_of_their_own(site: Site, crawling: Crawling) -> None:
    """The target is fetched once, the way there is an alias of it."""
    site.routes |= {
        "/": page("0", "/old", "/older", "/new"),
        "/old": redirect("/new"),
        "/older": redirect("/old", 302),
        "/new": page("new"),
    }
    report = crawling(site.url)
    assert crawling.sink.paths() == {"/", "/new"}
    assert site.hits()["/new"] == 1
    assert report.counts.redirects == 2
    assert aliases(crawling.folder) == {site.url + "/old": site.url + "/new", site.url + "/older": site.url + "/new"}


def test_endless_redirects(site: Site, crawling: Crawling) -> None:
    """Circles and chains without end are given up, with the reason."""

    def chain(request: Request) -> Answer | None:
        return redirect(f"/chain/{int(request.path[7:]) + 1}") if request.path.startswith("/chain/") else None

    site.fallback = chain
    site.routes |= {
        "/": page("0", "/circle/a", "/self", "/chain/0", "/nowhere"), "/circle/a": redirect("/circle/b"),
        "/circle/b": redirect("/circle/c"), "/circle/c": redirect("/circle/a"), "/self": redirect("/self"),
        "/nowhere": redirect("javascript:alert(1)"),
    }  # fmt: skip
    crawling(site.url)
    reasons = {event.url.rpartition("/")[2]: event.reason for event in crawling.told("failed")}
    assert reasons["c"] == "redirects in a circle"
    assert reasons["self"] == "redirects to itself"
    assert "redirects to nowhere" in reasons["nowhere"]
    assert sum(target.startswith("/chain/") for target in site.hits()) == 11


def test_a_redirect_that_rewrites_the_address_is_followed(site: Site, crawling: Crawling) -> None:
    """A server that insists on its own order of parameters is not a loop."""
    site.routes |= {"/": page("0", "/q?a=1&b=2"), "/q?a=1&b=2": redirect("/q?b=2&a=1"), "/q?b=2&a=1": page("q")}
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/q?a=1&b=2"}


def test_a_seed_may_redirect_to_another_host(site: Site, crawling: Crawling) -> None:
    """The host it ends at belongs to the crawl; an ordinary page's redirect out of it does not."""
    web = dict.fromkeys(("example.org", "www.example.org", "evil.example"), f"127.0.0.1:{site.port}")
    site.routes |= {
        "example.org/": redirect("http://www.example.org/"), "www.example.org/": page("www", "/out", "/in"),
        "www.example.org/in": page("in"), "www.example.org/out": redirect("http://evil.example/"),
        "evil.example/": page("evil"),
    }  # fmt: skip
    crawling("http://example.org/", connect_to=web)
    assert crawling.sink.urls == {"http://www.example.org/", "http://www.example.org/in"}
    assert not [request for request in site.log if request.host == "evil.example"]
    before = len(site.log)
    report = crawling("http://example.org/", connect_to=web)
    assert report.counts.unchanged == 2
    assert len(site.log) - before <= 6  # the redirect, two 304s, the redirect out, two sitemaps looked for


def test_a_redirect_to_a_private_address_is_refused(site: Site, crawling: Crawling) -> None:
    """Every hop is checked: a multicast address is refused even where private ones are allowed."""
    site.routes["/"] = redirect("http://224.0.0.1/")
    crawling(site.url)
    assert any("unreachable address: refused" in event.reason for event in crawling.told("failed"))


def test_canonical_pages(site: Site, crawling: Crawling) -> None:
    """A page that names another of this crawl leaves its document to it; names outside, or of nothing, do not count."""

    def named(url: str) -> str:
        return f'<link rel="canonical" href="{url}">'

    site.routes |= {
        "/": page("0", "/print", "/abroad", "/broken", "/mutual"),
        "/print": page("print", head=named("/article")), "/article": page("article", head=named("/article")),
        "/abroad": page("abroad", head=named("http://elsewhere.example/")),
        "/broken": page("broken", head=named("/missing")),
        "/mutual": page("mutual", head=named("/lautum")), "/lautum": redirect("/mutual"),
    }  # fmt: skip
    report = crawling(site.url)
    assert crawling.sink.paths() == {"/", "/article", "/abroad", "/broken", "/mutual"}
    titles = {document.title for document in crawling.sink.documents.values()}
    assert titles == {"0", "article", "abroad", "broken", "mutual"}
    assert set(site.hits().values()) == {1}
    assert report.counts.fetched == 6
    assert aliases(crawling.folder)[site.url + "/print"] == site.url + "/article"


@pytest.mark.parametrize("title", ["b", "a"], ids=["says something else", "says the same"])
@pytest.mark.parametrize("order", [("/a", "/b"), ("/b", "/a")], ids=["asked before", "asked after"])
@pytest.mark.parametrize("first", [True, False], ids=["there at first", "not there at first"])
def test_a_canonical_page_that_comes_back(
    site: Site, crawling: Crawling, title: str, order: tuple[str, str], first: bool
) -> None:
    """A page stands alone only while the page it names has nothing, whatever the order in which they are asked."""
    there = page(title)
    site.routes |= {"/": page("0", *order), "/a": page("a", head='<link rel="canonical" href="/b">')}
    if first:
        site.routes["/b"] = there
        crawling(site.url, private_host_concurrency=1)
        assert crawling.sink.paths() == {"/", "/b"}
        del site.routes["/b"]
    for _ in range(2):
        crawling(site.url, private_host_concurrency=1)
        assert crawling.sink.paths() == {"/", "/a"}
    site.routes["/b"] = there
    for _ in range(2):
        report = crawling(site.url, private_host_concurrency=1)
        assert crawling.sink.paths() == {"/", "/b"}
        assert {document.title for document in crawling.sink.documents.values()} == {"0", title}
        assert aliases(crawling.folder) == {site.url + "/a": site.url + "/b"}
    assert report.counts.documents == 0


def test_a_canonical_page_that_redirected_to_one_now_gone(site: Site, crawling: Crawling) -> None:
    """The page that named it takes its document back."""
    site.routes |= {
        "/": page("0", "/a", "/b", "/c"), "/a": page("a", head='<link rel="canonical" href="/b">'),
        "/b": redirect("/c"), "/c": page("c"),
    }  # fmt: skip
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/c"}
    del site.routes["/c"]
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/a"}


def test_a_build_tool_that_names_https(site: Site, crawling: Crawling) -> None:
    """On its own host a page's canonical address keeps the scheme the page was fetched by."""
    web = {"docs.example": f"127.0.0.1:{site.port}"}
    head = '<link rel="canonical" href="https://docs.example/">'
    site.routes |= {
        "docs.example/": page("docs", "https://docs.example/two", head=head),
        "docs.example/two": page("two"),
    }
    crawling("http://docs.example/", connect_to=web)
    assert crawling.sink.urls == {"http://docs.example/", "http://docs.example/two"}


# ---------------------------------------------------------------- duplicates


def test_exact_duplicates_are_stored_once(site: Site, crawling: Crawling) -> None:
    """The first page keeps the document, the second is its alias."""
    site.routes |= {"/": page("0", "/a", "/b"), "/a": page("same"), "/b": page("same")}
    report = crawling(site.url, private_host_concurrency=1)
    assert crawling.sink.paths() == {"/", "/a"}
    assert report.counts.duplicates == 1
    assert [event.other for event in crawling.told("duplicate")] == [site.url + "/a"]
    assert aliases(crawling.folder) == {site.url + "/b": site.url + "/a"}


def test_the_page_discovered_first_keeps_the_document(site: Site, crawling: Crawling) -> None:
    """However late the first of equal pages answers, it is the one that is stored: the order of reading is chance."""
    slow = Answer(page("same").encode(), delay=0.6)
    site.routes |= {"/": page("0", "/a", "/b", "/c"), "/a": slow, "/b": page("same"), "/c": page("same")}
    report = crawling(site.url, private_host_concurrency=4)
    assert crawling.sink.paths() == {"/", "/a"}
    assert (report.counts.documents, report.counts.duplicates) == (2, 2)
    assert set(aliases(crawling.folder).values()) == {site.url + "/a"}


def test_a_duplicate_takes_over_when_the_first_page_changes(site: Site, crawling: Crawling) -> None:
    """No content is lost when the page that held it says something else, or is gone."""
    site.routes |= {"/": page("0", "/a", "/b", "/c"), "/a": page("same"), "/b": page("same"), "/c": page("same")}
    crawling(site.url, private_host_concurrency=1)
    site.routes["/a"] = page("other")
    crawling(site.url, private_host_concurrency=1)
    assert crawling.sink.paths() == {"/", "/a", "/b"}
    del site.routes["/b"]
    crawling(site.url, private_host_concurrency=1)
    assert crawling.sink.paths() == {"/", "/a", "/c"}
    assert {document.title for document in crawling.sink.documents.values()} == {"0", "other", "same"}


def test_near_duplicates_are_stored_and_reported(site: Site, crawling: Crawling) -> None:
    """They are told of with the page they resemble; grouping them is the indexer's business."""
    words = " ".join(f"word{n}" for n in range(300))
    site.routes |= {
        "/": page("0", "/a", "/b"),
        "/a": page("one", text=words),
        "/b": page("two", text=words + " and more"),
    }
    report = crawling(site.url, private_host_concurrency=1)
    assert crawling.sink.paths() == {"/", "/a", "/b"}
    assert report.counts.near_duplicates == 1
    assert [(event.url, event.other) for event in crawling.told("near_duplicate")] == [
        (site.url + "/b", site.url + "/a")
    ]


# ---------------------------------------------------------------- traps and bad pages


def test_a_calendar_without_end(site: Site, crawling: Crawling) -> None:
    """Pages that are nothing but dates are bounded, and the trap is told of."""

    def calendar(request: Request) -> Answer | None:
        if not request.path.startswith("/calendar/"):
            return None
        year, month = (int(part) for part in request.path.split("/")[2:4])
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return Answer(page(f"{request.path} nothing on", f"/calendar/{year}/{month:02}/").encode())

    site.fallback = calendar
    site.routes["/"] = page("0", "/calendar/2020/01/")
    report = crawling(site.url, calendar_urls=12)
    assert report.counts.documents == 13
    assert len(crawling.told("trap")) == 1


def test_a_filter_page_without_end(site: Site, crawling: Crawling) -> None:
    """Combinations of parameters are bounded by shape; a relative link that nests is cut."""

    def endless(request: Request) -> Answer | None:
        if request.path == "/list":
            names = [part.partition("=")[0] for part in request.query.split("&")]
            links = [f"/list?{request.query}&f{n}=1" for n in range(12) if f"f{n}" not in names]
            return Answer(page(request.query, *links).encode())
        if request.path.startswith("/deep/"):
            return Answer(page(request.path, "er/deep/").encode())
        return None

    site.fallback = endless
    site.routes["/"] = page("0", "/list?f0=1", "/deep/")
    crawling(site.url, query_shapes_per_path=20)
    hits = site.hits()
    assert sum(target.startswith("/list") for target in hits) == 20
    assert 2 <= sum(target.startswith("/deep/") for target in hits) <= 4


def test_pages_that_break_the_extractor_lose_only_themselves(site: Site, crawling: Crawling) -> None:
    """A crash, a hang in Python, one in C and a greedy page: each is skipped with its reason, the others are read."""
    bad = ("crash", "hang", "spin", "greedy")
    good = [f"/good{n}" for n in range(20)]
    site.routes |= {f"/{name}": page(name) for name in bad} | {path: page(path) for path in good}
    site.routes["/"] = page("0", *good[:10], *(f"/{name}" for name in bad), *good[10:])
    crawling(site.url, page_seconds=0.7)
    assert crawling.sink.paths() == {"/", *good}
    reasons = {event.url.rpartition("/")[2]: event.reason for event in crawling.told("skipped")}
    assert reasons.keys() == set(bad)
    assert "ended the process" in reasons["crash"]
    assert "0.7 s" in reasons["hang"]
    assert "memory" in reasons["greedy"]


def test_an_extractor_that_does_not_start(site: Site, crawling: Crawling) -> None:
    """Nothing hangs: every page says why it could not be read."""
    site.routes["/"] = page("0")
    report = crawling(site.url, extractor="no.such.module:extract")
    assert report.counts.documents == 0
    assert "No module named" in crawling.told("skipped")[0].reason


def test_hosts_that_never_answer_do_not_hold_up_the_others(site: Site, crawling: Crawling) -> None:
    """A silent host costs its own pages only."""
    web = {"good.example": f"127.0.0.1:{site.port}", "silent.example": f"127.0.0.1:{site.port}"}
    site.routes |= {
        "silent.example/robots.txt": Answer(hang=True), "good.example/": page("home", *(f"/{n}" for n in range(20))),
        **{f"good.example/{n}": page(str(n)) for n in range(20)},
    }  # fmt: skip
    started = time.monotonic()
    report = crawling(
        "http://silent.example/", "http://good.example/", connect_to=web, read_timeout_s=0.5, robots_attempts=2
    )
    assert len(crawling.sink.urls) == 21
    assert report.counts.failed == 1
    assert time.monotonic() - started < 10


def test_busy_servers_are_given_time(site: Site, crawling: Crawling) -> None:
    """429 and 503 are tried again no sooner than Retry-After says, as seconds and as a date."""
    asked: dict[str, list[float]] = {"/a": [], "/b": []}

    def busy(request: Request) -> Answer:
        asked[request.path].append(request.at)
        if len(asked[request.path]) > 1:
            return Answer(page(request.path).encode())
        if request.path == "/a":
            return Answer(status=429, headers={"Retry-After": "1"})
        return Answer(status=503, headers={"Retry-After": formatdate(time.time() + 2, usegmt=True)})

    site.routes |= {"/": page("0", "/a", "/b"), "/a": busy, "/b": busy}
    report = crawling(site.url)
    assert crawling.sink.paths() == {"/", "/a", "/b"}
    assert report.counts.retries == 2
    assert asked["/a"][1] - asked["/a"][0] >= 0.98
    assert asked["/b"][1] - asked["/b"][0] >= 0.9


def test_errors_are_retried_a_bounded_number_of_times(site: Site, crawling: Crawling) -> None:
    """A page that changes while it is fetched comes whole the next time; one that always fails is given up."""
    tries = {"/moving": 0}

    def moving(request: Request) -> Answer:
        tries["/moving"] += 1
        body = page(f"version {tries['/moving']}").encode()
        etag = {"ETag": f'"{tries["/moving"]}"'}
        return (
            Answer(body, headers=etag)
            if tries["/moving"] > 2
            else Answer(body, headers=etag, length=len(body) + 50, cut=len(body))
        )

    site.routes |= {"/": page("0", "/moving", "/broken"), "/moving": moving, "/broken": Answer(status=500)}
    report = crawling(site.url, attempts=3)
    assert {document.title for document in crawling.sink.documents.values()} == {"0", "version 3"}
    assert site.hits()["/broken"] == 3
    assert [event.reason for event in crawling.told("failed")] == ["status 500, 3 times"]
    assert report.counts.retries == 4


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
