"""A crawl from end to end on a real socket: redirects and names, duplicates, traps and bad pages."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from crawler.errors import NoReaderError
from crawler.frontier import aliases
from tests.crawler.conftest import Crawling
from tests.web.server import Answer, Request, Site, page, redirect

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
    """Nothing hangs: the crawl says why it cannot read any page, and with one that starts it goes on."""
    site.routes["/"] = page("0")
    with pytest.raises(NoReaderError, match="No module named"):
        crawling(site.url, extractor="no.such.module:extract")
    assert crawling.sink.paths() == set()
    crawling(site.url)
    assert crawling.sink.paths() == {"/"}


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
