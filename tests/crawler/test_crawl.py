"""A crawl from end to end on a real socket: what is fetched, what becomes a document, what a recrawl costs."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from itertools import pairwise

import brotli
import pytest

from tests.crawler.conftest import Crawling
from tests.web.server import Answer, Site, conditional, page, sitemap


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
