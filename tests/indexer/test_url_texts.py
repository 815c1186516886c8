"""UrlTexts: many URLs at once, with what the matcher says of each as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.url_texts import SCANNED_CHARACTERS, SCANNED_WILDCARDS, UrlTexts
from ranking.globs import compile_glob, joined, site_glob

URLS = (
    "https://docs.python.org/3/library/asyncio.html",
    "http://docs.python.org/3/library/asyncio.html",
    "https://docs.python.org/3/library/re.html?highlight=sub#re.sub",
    "https://python.org",
    "https://python.org/",
    "https://PYTHON.org/About",
    "https://notpython.org/docs.python.org/3/",
    "https://example.com:8080/a.b/c-d_e%20f/?q=1&r=2",
    "https://user:secret@docs.python.org/3/",
    "https://example.com/@user/3/",
    "https://例え.example.org/東京/3/index.html",
    "https://[::1]:80/3/",
    "file:///usr/share/doc/python3/index.html",
    "no scheme at all",
    "a:b://c/3/",
    "https://x.org./3/",
    "https://x.org/line\nbreak/3/",
    "https://x.org/\ud800/3/",
    "",
)
PIECES = (
    "https://", "http", "://", "docs.python.org", "python.org", "org", "/3/", "/", "library", "asyncio", ".html", "?", "#",
    "a", "3", "*", "^", "**", "^^", ":8080", "@", "東京", "%20", "-", "_", ".", "", " ",
)  # fmt: skip
PATTERNS = st.builds(
    lambda anchor, pieces: anchor + "".join(pieces),
    st.sampled_from(["", "", "||", "path=", "path=/"]),
    st.lists(st.sampled_from(PIECES), max_size=6),
)


@st.composite
def near_patterns(draw: st.DrawFn) -> str:
    """A part of some URL with a few characters made wildcards: fits often, and misses narrowly."""
    url = draw(st.sampled_from(URLS)).lower()
    start = draw(st.sampled_from([0, *(at + 1 for at, mark in enumerate(url) if mark in "/.@")]))
    end = draw(st.sampled_from([len(url), *(at for at, mark in enumerate(url) if mark in "/.?#:-%" and at >= start)]))
    body = list(url[start:end])
    for place in draw(st.lists(st.integers(0, max(len(body) - 1, 0)), max_size=2)) if body else ():
        body[place] = draw(st.sampled_from("*^"))
    anchor = draw(st.sampled_from(["", "*", "||", "path=", "path=*", "path=||"]))
    return anchor + "".join(body) + draw(st.sampled_from(["", "*", "^", "^*", "^^"]))


LINES = st.lists(PATTERNS | near_patterns(), min_size=1, max_size=2).map("\t".join)
GLOBS = st.lists(LINES, min_size=1, max_size=4).map("\n".join)


def one_by_one(glob: str, urls: tuple[str, ...]) -> list[bool]:
    compiled = compile_glob(glob)
    return [compiled.matches(url) for url in urls]


@settings(max_examples=1_000, deadline=None)
@given(glob=GLOBS)
def test_all_at_once_is_one_by_one(glob: str) -> None:
    """Any lines, anchors and wildcards fit the same of awkward URLs."""
    assert UrlTexts(URLS).matching(glob).tolist() == one_by_one(glob, URLS)


@settings(max_examples=200, deadline=None)
@given(
    glob=GLOBS,
    urls=st.lists(
        st.builds(
            lambda scheme, host, rest: scheme + host + "".join(rest),
            st.sampled_from(["https://", "http://", ""]),
            st.sampled_from(["docs.python.org", "python.org", "a.org", "org", "x@python.org"]),
            st.lists(st.sampled_from(PIECES), max_size=5),
        ),
        max_size=12,
    ).map(tuple),
)
def test_any_urls_in_any_order(glob: str, urls: tuple[str, ...]) -> None:
    """The answer is about each URL, whatever its neighbours; repeated URLs included."""
    assert UrlTexts(urls).matching(glob).tolist() == one_by_one(glob, urls)


@pytest.mark.parametrize(
    "glob",
    [
        "*" + "a*" * SCANNED_WILDCARDS,
        "https://" + "a" * SCANNED_CHARACTERS + "*",
        joined(site_glob(f"site{i}.org") for i in range(100)),
        joined([*(site_glob(f"site{i}.org") for i in range(100)), "||python.org^*", "https://x.org/line"]),
        "\n".join(URLS[:6]),
    ],
    ids=["many wildcards", "long", "many lines", "many lines, some of which fit", "no wildcard"],
)
def test_what_is_too_much_for_a_scan_is_still_right(glob: str) -> None:
    """Long patterns and long lists of lines take another way to the same answer."""
    urls = (*URLS, *(f"https://www.site{i}.org/a/a/a" for i in range(0, 200, 7)), "https://" + "a" * 600)
    assert UrlTexts(urls).matching(glob).tolist() == one_by_one(glob, urls)


def test_a_host_anchor_begins_a_label() -> None:
    """Hand-computed: `||` fits the host and what ends in it, and neither other hosts nor paths."""
    urls = ["https://python.org/", "https://docs.python.org/3", "https://notpython.org/", "https://x.org/python.org/"]
    assert UrlTexts(urls).matching("||python.org^*").tolist() == [True, True, False, False]


def test_no_urls() -> None:
    """Nothing fits nothing."""
    mask = UrlTexts([]).matching("*")
    assert (mask.shape, mask.dtype) == ((0,), np.bool_)
