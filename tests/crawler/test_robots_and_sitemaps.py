"""What sites say about themselves: robots.txt and sitemaps, honest, huge and hostile."""

from __future__ import annotations

import asyncio
import gzip
import time

import pytest

from crawler.errors import FetchError, RobotsUnavailable
from crawler.fetch import Fetched
from crawler.robots import Known, RobotsCache, parse
from crawler.settings import CrawlSettings
from crawler.sitemaps import Sitemap, read_sitemap
from tests.crawler.conftest import settings

LIMIT = CrawlSettings().robots_max_bytes
ORIGIN = "http://h.org"


def rules(text: str) -> object:
    return parse(text.encode(), "ForageBot", LIMIT)


def test_rules_for_all_and_rules_for_us() -> None:
    """A group that names us wins over the group for everybody."""
    read = parse(
        b"User-agent: *\nDisallow: /\n\nUser-agent: foragebot\nDisallow: /x\nCrawl-delay: 2.5", "ForageBot", LIMIT
    )
    assert read.allows("http://h.org/a")
    assert not read.allows("http://h.org/x/y")
    assert read.delay_s == 2.5


def test_sitemaps_and_patterns() -> None:
    """Wildcards and end marks hold; sitemaps are listed."""
    text = b"Sitemap: http://h.org/s.xml\nUser-agent: *\nDisallow: /*.php$\nAllow: /a.php$"
    read = parse(text, "ForageBot", LIMIT)
    assert not read.allows("http://h.org/b.php")
    assert read.allows("http://h.org/a.php")
    assert read.allows("http://h.org/b.php?x")
    assert read.sitemaps == ("http://h.org/s.xml",)


@pytest.mark.parametrize(
    "body", [b"", b"<!DOCTYPE html><html>Disallow: /", b"\xef\xbb\xbf <html><body>x", b"\x00\xff\xfe" * 50]
)
def test_what_is_no_robots_txt_has_no_rules(body: bytes) -> None:
    """Servers that answer everything with a page forbid nothing by it."""
    assert parse(body, "ForageBot", LIMIT).allows("http://h.org/")


def test_a_robots_txt_of_ten_megabytes_is_read_to_its_limit() -> None:
    """The first 500 KiB count, whole lines only, and in bounded time."""
    head = b"User-agent: *\nDisallow: /first\n"
    body = head + b"Disallow: /filler\n" * 600_000 + b"Disallow: /last\n"
    started = time.monotonic()
    read = parse(body[: LIMIT + 1], "ForageBot", LIMIT)
    assert len(body) > 10_000_000
    assert not read.allows("http://h.org/first/x")
    assert read.allows("http://h.org/last")
    assert time.monotonic() - started < 10


def test_half_a_rule_at_the_limit_is_no_rule() -> None:
    """`Disallow: /private` cut to `Disallow: /` would forbid the whole site."""
    body = b"User-agent: *\n#" + b"x" * 60 + b"\nDisallow: /private\n"
    assert parse(body, "ForageBot", len(body) - 8).allows("http://h.org/")


@pytest.mark.parametrize("delay", ["-1", "nan", "inf", "soon"])
def test_delays_that_make_no_sense_are_ignored(delay: str) -> None:
    """Only a finite, non-negative number is a delay."""
    assert parse(f"User-agent: *\nCrawl-delay: {delay}".encode(), "ForageBot", LIMIT).delay_s is None


class Desk:
    """A cache over answers by address, with a note of what was asked and kept."""

    def __init__(self, *answers: Fetched | Exception, **changed: object) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.kept: dict[str, Known] = {}
        self.cache = RobotsCache(settings(**changed), self.fetch, self.recall, self.keep)

    async def fetch(self, address: str) -> Fetched:
        self.asked.append(address)
        await asyncio.sleep(0.01)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def recall(self, origin: str) -> Known | None:
        return self.kept.get(origin)

    async def keep(self, origin: str, known: Known) -> None:
        self.kept[origin] = known


def said(status: int, body: bytes = b"", **headers: str) -> Fetched:
    return Fetched(ORIGIN, status, tuple(headers.items()), body, body, time.time(), 0.0)


def test_one_request_however_many_pages_wait() -> None:
    """A hundred tasks that ask at once share one fetch, and the answer is kept."""
    desk = Desk(said(200, b"User-agent: *\nDisallow: /x"))

    async def ask() -> None:
        found = await asyncio.gather(*(desk.cache.rules(ORIGIN) for _ in range(100)))
        assert all(not one.allows(ORIGIN + "/x") for one in found)

    asyncio.run(ask())
    assert desk.asked == [ORIGIN + "/robots.txt"]
    assert desk.kept[ORIGIN].body == b"User-agent: *\nDisallow: /x"


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418])
def test_no_robots_txt_allows_everything(status: int) -> None:
    """RFC 9309, 2.3.1.3: a 4xx is an absent file."""
    desk = Desk(said(status))
    assert asyncio.run(desk.cache.rules(ORIGIN)).allows(ORIGIN + "/anything")


def test_a_site_that_cannot_be_asked_is_closed_for_a_while() -> None:
    """5xx and timeouts forbid everything, are not asked again at once, and end after so many attempts."""
    failures = (said(503), FetchError("silent", kind="timeout", retryable=True), said(500))
    desk = Desk(*failures, robots_attempts=3, robots_retry_s=0.2)

    async def ask() -> float | None:
        with pytest.raises(RobotsUnavailable) as caught:
            await desk.cache.rules(ORIGIN)
        return caught.value.retry_at

    async def story() -> None:
        first = await ask()
        assert first is not None
        assert await ask() == pytest.approx(first, abs=0.05)
        assert len(desk.asked) == 1
        await asyncio.sleep(0.25)
        assert await ask() is not None
        await asyncio.sleep(0.45)
        assert await ask() is None
        assert len(desk.asked) == 3

    asyncio.run(story())


def test_a_site_that_comes_back_is_open_again() -> None:
    """A later good answer replaces the failure."""
    desk = Desk(said(503), said(404), robots_retry_s=0.0)

    async def story() -> None:
        with pytest.raises(RobotsUnavailable):
            await desk.cache.rules(ORIGIN)
        assert (await desk.cache.rules(ORIGIN)).allows(ORIGIN + "/")

    asyncio.run(story())


def test_an_old_answer_is_asked_for_again() -> None:
    """Kept answers are good for a day."""
    desk = Desk(said(200, b"User-agent: *\nDisallow: /new"))
    desk.kept[ORIGIN] = Known(b"User-agent: *\nDisallow: /old", time.time() - 90_000)
    assert not asyncio.run(desk.cache.rules(ORIGIN)).allows(ORIGIN + "/new")


def test_redirects_of_robots_txt_are_followed_five_times() -> None:
    """More hops than that count as no robots.txt."""
    hop = said(301, location="/robots2.txt")
    desk = Desk(hop, said(200, b"User-agent: *\nDisallow: /x"))
    assert not asyncio.run(desk.cache.rules(ORIGIN)).allows(ORIGIN + "/x")
    endless = Desk(*([hop] * 6))
    assert asyncio.run(endless.cache.rules(ORIGIN)).allows(ORIGIN + "/x")


# ---------------------------------------------------------------- sitemaps

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def read(body: bytes | str, limit_urls: int = 1000, limit_bytes: int = 1_000_000) -> Sitemap:
    return read_sitemap(
        body.encode() if isinstance(body, str) else body, limit_urls=limit_urls, limit_bytes=limit_bytes
    )


def test_pages_indexes_feeds_and_lists() -> None:
    """urlset, sitemapindex, RSS, Atom and plain text, gzipped or not."""
    pages = f"<urlset {NAMESPACE}><url><loc> http://h/a </loc><lastmod>2024</lastmod></url><url><loc>http://h/b</loc></url></urlset>"
    assert read(pages).pages == ("http://h/a", "http://h/b")
    assert read(gzip.compress(pages.encode())).pages == ("http://h/a", "http://h/b")
    index = f"<sitemapindex {NAMESPACE}><sitemap><loc>http://h/s.xml.gz</loc></sitemap></sitemapindex>"
    assert read(index) == Sitemap((), ("http://h/s.xml.gz",))
    assert read("<rss><channel><link>http://h/</link><item><link>http://h/r</link></item></channel></rss>").pages == (
        "http://h/r",
    )
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="http://h/e"/></entry></feed>'
    assert read(atom).pages == ("http://h/e",)
    assert read("\ufeffhttp://h/1\nnot a url\nhttp://h/2\n").pages == ("http://h/1", "http://h/2")


def test_images_of_a_page_are_no_pages() -> None:
    """Only the page's own location counts."""
    assert read("<urlset><url><loc>http://h/a</loc><image><loc>http://h/i.png</loc></image></url></urlset>").pages == (
        "http://h/a",
    )


def test_entities_are_not_expanded() -> None:
    """A billion laughs stay unlaughed, a file on this machine unread."""
    lines = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE u [<!ENTITY l0 "ha">{lines}<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    body = f"<?xml version='1.0'?>{bomb}<urlset><url><loc>http://h/&l11;</loc></url><url><loc>&f;</loc></url></urlset>"
    started = time.monotonic()
    found = read(body)
    assert all("ha" not in page and "root" not in page for page in found.pages)
    assert time.monotonic() - started < 2


def test_bounds() -> None:
    """Entries, bytes, nesting and compressed bombs stop at their bounds, with a reason."""
    many = "<urlset>" + "".join(f"<url><loc>http://h/{n}</loc></url>" for n in range(5000)) + "</urlset>"
    assert len(read(many, limit_urls=100).pages) == 100
    assert "more than" in read(many, limit_urls=100).reason
    assert "more than" in read(many, limit_bytes=1000).reason
    assert "more than" in read(gzip.compress(bytes(20_000_000)), limit_bytes=1_000_000).reason
    assert read("<urlset>" + "<a>" * 5000).reason


@pytest.mark.parametrize(
    "body",
    [b"", b"\x1f\x8bgarbage", b"<!doctype html><html><body>no", b"<urlset><url><loc>http://h/a</loc>", b"\xff" * 100],
)
def test_broken_sitemaps_give_what_they_have(body: bytes) -> None:
    """Nothing raises; a cut file gives what came before the cut."""
    assert set(read(body).pages) <= {"http://h/a"}
