"""The link graph: PageRank against a dense oracle, boilerplate that does not win, anchor texts that name their page."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.documents import DocumentStore
from indexer.limits import LinkLimits, StoreLimits
from indexer.links import LinkGraph, authority_of, link_graph, link_weights, pagerank
from indexer.rows import SIGN, encode
from indexer.snapshot import Page
from indexer.urls import url_key
from ranking.types import Document, Link

LIMITS = LinkLimits()
Web = dict[str, list[tuple[str, str]]]
"""Page URL (site/path) -> (target, anchor text) of its links."""


def graph(
    web: Web, aliases: Sequence[tuple[str, str]] = (), limits: LinkLimits = LIMITS
) -> tuple[LinkGraph, dict[str, int]]:
    """The graph of pages whose id is their URL."""
    rows = {url: row for row, url in enumerate(web)}
    texts: dict[int, str] = {}
    pages = []
    for url, links in web.items():
        found = tuple(Link(f"http://{target}", text) for target, text in links)
        row = encode(Document(url, f"http://{url}", "t", "x", url.partition("/")[0], links=found), StoreLimits())
        texts |= {key + SIGN: text for key, text in row.anchors}
        pages.append(Page(url, url.partition("/")[0], url_key(f"http://{url}"), row.edges))
    known = [(url_key(f"http://{url}"), id) for url, id in aliases]
    return link_graph(pages, known, rows, len(rows), lambda keys: {key: texts[key] for key in keys}, limits), rows


def oracle(web: Web, limits: LinkLimits) -> dict[str, float]:
    """PageRank by its definition: a dense matrix and its fixed point, solved rather than iterated."""
    urls = list(web)
    site = {url: url.partition("/")[0] for url in urls}
    targets = {url: {target for target, _ in links if target in web and target != url} for url, links in web.items()}
    votes = {
        (at, target): sum(target in targets[other] for other in urls if site[other] == at)
        for at in set(site.values())
        for target in urls
    }
    size = len(urls)
    moves = np.zeros((size, size))
    for column, url in enumerate(urls):
        for target in targets[url]:
            exponent = limits.own_exponent if site[url] == site[target] else limits.foreign_exponent
            moves[urls.index(target), column] = votes[site[url], target] ** -exponent / len(targets[url])
    lost = 1 - limits.damping * moves.sum(axis=0)
    whole = limits.damping * moves + np.outer(np.full(size, 1 / size), lost)
    rank = np.linalg.lstsq(
        np.vstack([whole - np.eye(size), np.ones(size)]), np.append(np.zeros(size), 1.0), rcond=None
    )[0]
    return dict(zip(urls, rank.tolist(), strict=True))


PAGES = [f"{site}.example/{number}" for site in "abc" for number in range(4)]
TARGETS = st.tuples(st.sampled_from([*PAGES, "gone.example/x"]), st.just("text"))
WEBS = st.dictionaries(st.sampled_from(PAGES), st.lists(TARGETS, max_size=8), min_size=1)


@settings(max_examples=60, deadline=None)
@given(WEBS)
def test_pagerank_is_the_fixed_point_of_its_definition(web: Web) -> None:
    """Weights by site, dangling pages, links to nowhere and to oneself included; it sums to one."""
    found, rows = graph(web)
    source = [
        rows[url] for url, links in web.items() for target in {t for t, _ in links} if target in web and target != url
    ]
    target = [rows[t] for url, links in web.items() for t in {t for t, _ in links} if t in web and t != url]
    numbers = {site: number for number, site in enumerate(dict.fromkeys(url.partition("/")[0] for url in web))}
    site = np.array([numbers[url.partition("/")[0]] for url in web])
    rank = pagerank(np.array(source, dtype=np.int64), np.array(target, dtype=np.int64), site, LIMITS)
    assert rank.sum() == pytest.approx(1)
    expected = oracle(web, LIMITS)
    for url, row in rows.items():
        assert rank[row] == pytest.approx(expected[url], abs=1e-6)
    ordered = sorted(rows, key=lambda url: rank[rows[url]])
    linked = [url for url in ordered if found.inlinks[rows[url]]]
    authorities = [found.authority[rows[url]] for url in linked]
    assert authorities == sorted(authorities), "authority is monotone in PageRank"
    assert all(0 <= value <= 1 for value in found.authority)


@given(WEBS)
@settings(max_examples=40, deadline=None)
def test_inlinks_count_pages_that_link(web: Web) -> None:
    """Each once, whatever the number of its links."""
    found, rows = graph(web)
    for url, row in rows.items():
        linking = {other for other, links in web.items() if other != url and url in {t for t, _ in links}}
        assert found.inlinks[row] == len(linking)
        assert (found.authority[row] > 0) <= bool(linking)


def test_a_footer_link_does_not_make_a_page_the_top_page() -> None:
    """A thousand pages of one site with the same footer weigh less than four sites that chose to link."""
    web: Web = {
        f"big.example/{n}": [("footer.example/", "powered by"), (f"big.example/{(n * 7) % 1000}", "see")]
        for n in range(1000)
    }
    web |= {f"site{n}.example/": [("good.example/", "good"), (f"site{n}.example/about", "about")] for n in range(4)}
    web |= {f"site{n}.example/about": [] for n in range(4)} | {"good.example/": [], "footer.example/": []}
    found, rows = graph(web)
    assert found.inlinks[rows["footer.example/"]] == 1000
    assert found.authority[rows["good.example/"]] > found.authority[rows["footer.example/"]]
    plain, _ = graph(web, limits=LinkLimits(foreign_exponent=0, own_exponent=0))
    assert plain.authority[rows["footer.example/"]] == 1, "without the weights it would be the top page"


def test_inside_a_site_more_links_are_more_authority() -> None:
    """As the root of their number."""
    web: Web = {
        f"s.example/{n}": [("s.example/often", "often")] + [("s.example/rarely", "r")] * (n < 5) for n in range(100)
    }
    web |= {"s.example/often": [], "s.example/rarely": []}
    found, rows = graph(web)
    assert found.authority[rows["s.example/often"]] == 1
    assert 0 < found.authority[rows["s.example/rarely"]] < 1
    weights = link_weights(np.arange(100), np.full(100, 100), np.zeros(102, dtype=np.int64), LIMITS)
    assert np.allclose(weights, 0.1)


def test_authority_is_a_log_scaled_percentile() -> None:
    """1 for the top page, equal for equals, 0 without links, and in between by the logarithm of the rank."""
    rank = np.array([0.4, 0.2, 0.2, 0.1, 0.05, 0.05])
    authority = authority_of(rank, np.array([5, 2, 2, 1, 0, 1]), np.ones(6, dtype=bool))
    assert authority[0] == 1
    assert authority[1] == authority[2] == pytest.approx(1 - np.log(2) / np.log(7))
    assert authority[3] == pytest.approx(1 - np.log(4) / np.log(7))
    assert authority[4] == 0 < authority[5]


def test_links_meet_their_page_through_every_spelling() -> None:
    """Scheme, fragment, port, case, trailing slash, and aliases."""
    web: Web = {
        "a.example/x": [],
        "b.example/1": [("A.example:80/x/#part", "x")],
        "c.example/1": [("a.example/old", "old")],
    }
    found, rows = graph(web, aliases=[("a.example/old", "a.example/x")])
    assert found.inlinks[rows["a.example/x"]] == 2
    without, _ = graph(web)
    assert without.inlinks[rows["a.example/x"]] == 1


def test_of_two_pages_with_one_address_the_smaller_id_gets_the_links() -> None:
    """In whichever order they come."""
    pages = [Page("b", "s", url_key("http://s.example/x"), b""), Page("a", "s", url_key("https://s.example/x/"), b"")]
    linking = encode(
        Document("z", "http://z.example/", "t", "x", links=(Link("http://s.example/x", "x"),)), StoreLimits()
    )
    pages.append(Page("z", "z", None, linking.edges))
    for order in (pages, pages[::-1]):
        found = link_graph(order, (), {"a": 0, "b": 1, "z": 2}, 3, lambda keys: {}, LIMITS)
        assert found.inlinks.tolist() == [1, 0, 0]


def test_nofollow_links_vouch_for_nothing() -> None:
    """Neither rank nor text."""
    row = encode(Document("a", "", "t", "x", links=(Link("http://b.example/", "b", nofollow=True),)), StoreLimits())
    assert (row.edges, row.anchors) == (b"", ())


def test_anchor_texts_name_their_page_and_boilerplate_names_none() -> None:
    """'next' names every page of the site, so it names none; texts of more sites come first."""
    web: Web = {f"s.example/{n}": [(f"s.example/{n + 1}", "next"), ("s.example/0", "Start here")] for n in range(40)}
    web |= {f"t{n}.example/": [("s.example/7", "The seventh"), ("s.example/7", "seven")] for n in range(3)}
    web["u.example/"] = [("s.example/7", "lucky"), ("s.example/7", "The seventh"), ("s.example/8", "next")]
    found, rows = graph(web)
    assert found.anchors[rows["s.example/7"]].split("\n")[:2] == ["The seventh", "seven"]
    assert set(found.anchors[rows["s.example/7"]].split("\n")) == {"The seventh", "seven", "lucky"}
    assert found.anchors[rows["s.example/8"]] == "next", "one site's boilerplate can be another's name"
    assert found.anchors[rows["s.example/0"]] == "Start here"
    assert rows["s.example/9"] not in found.anchors


def test_anchor_texts_are_bounded() -> None:
    """In number and in characters, however popular a page is."""
    web: Web = {f"s{n}.example/": [("top.example/", f"text {n} " + "x" * 30)] for n in range(500)} | {
        "top.example/": []
    }
    found, rows = graph(web)
    texts = found.anchors[rows["top.example/"]]
    assert len(texts) <= LIMITS.anchor_total
    assert len(texts.split("\n")) <= LIMITS.anchor_texts
    assert texts == graph(dict(reversed(web.items())))[0].anchors[graph(dict(reversed(web.items())))[1]["top.example/"]]


def test_no_links_and_no_pages_are_no_error() -> None:
    """Everything is zero, nothing is named."""
    found, _ = graph({"a.example/": [], "b.example/": []})
    assert found.authority.tolist() == found.inlinks.tolist() == [0, 0]
    assert graph({})[0].anchors == {}


def test_the_top_page_of_a_real_web_is_no_footer(tmp_path: Path) -> None:
    """On the documentation sites no page that one site alone links to from its footers outranks every other site's."""
    folder = os.environ.get("FORAGE_TEST_DATA")
    if folder is None:
        pytest.skip("FORAGE_TEST_DATA is not set: the link graph of a real crawl is no part of the repository")
    sites = read_sites(Path(folder), tmp_path)
    with DocumentStore(tmp_path / "documents.sqlite") as store:
        store.add(sites)
        with store.snapshot() as snapshot:
            ids = [id for id, _ in snapshot.fingerprints()]
            rows = {id: row for row, id in enumerate(ids)}
            found = link_graph(snapshot.pages(), (), rows, len(ids), snapshot.anchors)
            places = [document.site for document in snapshot.documents(ids)]
    top = np.argsort(-found.authority)[:20]
    assert len({places[row] for row in top}) >= 4
    assert max(np.bincount(np.unique([places[row] for row in top], return_inverse=True)[1])) <= 10


def read_sites(data: Path, scratch: Path) -> list[Document]:
    """A few sites of the loopback web, links read in the simplest way."""
    import tarfile
    from urllib.parse import urljoin

    import zstandard
    from selectolax.lexbor import LexborHTMLParser

    wanted = {"sphinx-doc", "python-flask-doc", "python-requests-doc", "postfix-doc", "python-tornado-doc", "git-doc"}
    specification = json.loads((data / "web-sites-dev.json").read_text())
    roots = {f"{site['package']}{site['root']}/": site for site in specification["sites"] if site["package"] in wanted}
    documents = []
    with (
        zstandard.open(data / "core-sites-html.tar.zst", "rb") as packed,
        tarfile.open(fileobj=packed, mode="r|") as archive,
    ):
        for member in archive:
            name = member.name.removeprefix("./")
            root = next((root for root in roots if name.startswith(root)), None)
            content = archive.extractfile(member) if root and member.isfile() and name.endswith(".html") else None
            if root is None or content is None:
                continue
            url = f"http://{roots[root]['host']}{roots[root]['prefix']}{name.removeprefix(root)}"
            tree = LexborHTMLParser(content.read().decode("utf-8", "replace"))
            links = tuple(
                Link(urljoin(url, str(node.attributes["href"])), node.text(strip=True))
                for node in tree.css("a[href]")
                if node.attributes["href"] and not str(node.attributes["href"]).startswith(("mailto:", "javascript:", "http://["))
            )  # fmt: skip
            documents.append(Document(url, url, "t", "x", roots[root]["host"], links=links))
    return documents
