"""The loopback documentation web: nginx and the Python server answer alike, and as the list of sites says."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.sites import Site, Web, core_sites
from bench.web import Served, serve

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
DATA = os.environ.get("FORAGE_TEST_DATA")
PAGE = "<html><title>A page</title><p>Hello</html>"
DATE = 1_700_000_000


@pytest.fixture(scope="module")
def small_web(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """Two hosts, one of them with two sites, a page with a space in its name, and rules that lead to them."""
    root = tmp_path_factory.mktemp("web")
    for name in (
        "a/index.html",
        "a/deep/index.html",
        "a/deep/page one.html",
        "a/style.css",
        "b/top.html",
        "c/index.html",
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PAGE)
        os.utime(file, (DATE, DATE))
    (root / "secret.html").write_text("not of any site")
    (root / "a" / "dangling.html").symlink_to("nowhere.html")
    return Web(
        [
            Site("docs.example", "/3/", root / "a", "a"),
            Site("docs.example", "/other/", root / "b", "b"),
            Site("www.example", "/", root / "c", "c"),
        ],
        [(re.compile(r"^/usr/share/doc/(.*)$"), r"http://docs.example/3/\1")],
        [(re.compile(r"docs\.example|old\.example"), re.compile(r"^/(?:\d/|latest/)?(.*)$"), "docs.example", "/3/{0}")],
        frozenset({"old.example"}),
    )


@pytest.fixture(
    scope="module",
    params=[
        "python",
        pytest.param(
            "nginx", marks=pytest.mark.skipif(not NGINX, reason="nginx is not installed: apt-get install nginx-light")
        ),
    ],
)
def served(request: pytest.FixtureRequest, small_web: Web) -> Iterator[Served]:
    """The small web behind each server."""
    with serve(small_web, nginx=request.param == "nginx") as running:
        assert running.server == request.param
        yield running


def get(served: Served, host: str, path: str, **headers: str) -> httpx.Response:
    """One GET, redirects not followed."""
    return httpx.get(f"http://{served.address}{path}", headers={"Host": host, **headers}, follow_redirects=False)


@pytest.mark.parametrize("path", ["/3/index.html", "/3/", "/3/deep/page%20one.html", "/other/top.html"])
def test_page_is_sent_with_its_date(served: Served, path: str) -> None:
    """As HTML, with what a conditional request needs."""
    answer = get(served, "docs.example", path)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert answer.headers["etag"]


def test_unchanged_page_costs_a_304(served: Served) -> None:
    """By tag and by date."""
    first = get(served, "docs.example", "/3/index.html")
    by_tag = get(served, "docs.example", "/3/index.html", **{"If-None-Match": first.headers["etag"]})
    by_date = get(served, "docs.example", "/3/index.html", **{"If-Modified-Since": first.headers["last-modified"]})
    assert (by_tag.status_code, by_date.status_code) == (304, 304)
    assert by_tag.content == b""


@pytest.mark.parametrize(
    ("host", "path", "target"),
    [
        ("docs.example", "/3/deep", "http://docs.example/3/deep/"),
        ("docs.example", "/latest/deep/page one", "http://docs.example/3/deep/page%20one.html"),
        ("old.example", "/", "http://docs.example/3/index.html"),
        ("www.example", "/usr/share/doc/style.css", "http://docs.example/3/style.css"),
    ],
)
def test_other_addresses_lead_to_the_page(served: Served, host: str, path: str, target: str) -> None:
    """A folder without its slash, an alias, a host that only redirects, a path of the installed package."""
    answer = get(served, host, path)
    assert (answer.status_code, answer.headers["location"]) == (301, target)


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("docs.example", "/3/no-such.html"),
        ("docs.example", "/3/dangling.html"),
        ("docs.example", "/3/../../secret.html"),
        ("docs.example", "/3/%2e%2e/secret.html"),
        ("stranger.example", "/index.html"),
        ("www.example", "/../secret.html"),
    ],
)
def test_everything_else_is_not_found(served: Served, host: str, path: str) -> None:
    """Missing pages, unknown hosts, and paths that would leave the site."""
    answer = get(served, host, path)
    assert answer.status_code in (400, 404)
    assert "not of any site" not in answer.text


def test_robots_and_sitemap_are_supplied(served: Served) -> None:
    """The sitemap names every page of the host's sites, once, with its date."""
    robots = get(served, "docs.example", "/robots.txt")
    assert "Sitemap: http://docs.example/sitemap.xml" in robots.text
    sitemap = get(served, "docs.example", "/sitemap.xml")
    assert "xml" in sitemap.headers["content-type"]
    assert re.findall("<loc>(.*?)</loc>", sitemap.text) == [
        "http://docs.example/other/top.html",
        "http://docs.example/3/index.html",
        "http://docs.example/3/deep/index.html",
        "http://docs.example/3/deep/page%20one.html",
    ]
    assert sitemap.text.count("<lastmod>2023-11-14</lastmod>") == 4


def test_requests_are_logged_and_every_host_has_an_address(served: Served) -> None:
    """So that a crawl of it can be checked: what was fetched, and how often."""
    get(served, "docs.example", "/3/style.css?once")
    assert served.requests().count((200, "http://docs.example/3/style.css?once")) == 1
    assert served.connect_to == dict.fromkeys(("docs.example", "old.example", "www.example"), served.address)


@pytest.mark.skipif(not DATA, reason="FORAGE_TEST_DATA is not set: the archive of pages is no part of the repository")
def test_core_sites_hold_every_page_of_the_archive(tmp_path: Path) -> None:
    """4,231 pages below a root; each seed is a page; unpacking twice changes nothing."""
    web = core_sites(Path(str(DATA)), tmp_path)
    again = core_sites(Path(str(DATA)), tmp_path)
    pages = [path for site in web.sites for path, _ in site.pages()]
    assert len(pages) == 4_231
    assert len(again.sites) == len(web.sites) == 16
    assert all(isinstance(web.answer(site.host, site.first()), Path) for site in web.sites)
    assert web.answer("sqlite.org", "/lang_select.html") == "http://www.sqlite.org/lang_select.html"
