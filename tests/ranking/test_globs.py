"""URL patterns against a reading of the same text by `re`, and in time that grows with neither in a power."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.errors import ParamsError
from ranking.globs import both, compile_glob, joined, path_glob, site_glob, url_glob

HOST = r"[a-z]+://(?:[^/?#]*\.)?"


def regex_of(pattern: str) -> str:
    """Wildcards as a regular expression, which may take for ever and says the same."""
    special = {"*": ".*", "^": r"(?:[^A-Za-z0-9_\-.%]|\Z)"}
    return "".join(special.get(character) or re.escape(character) for character in pattern)


def fits(text: str, url: str) -> bool:
    """The oracle of `compile_glob(text).matches(url)`, for URLs without user names."""
    return any(all(_fits(pattern, url) for pattern in line.split("\t")) for line in text.split("\n"))


def _fits(pattern: str, url: str) -> bool:
    if pattern.startswith("path="):
        url, regex = urlsplit(url).path or "/", regex_of(pattern[5:])
    elif pattern.startswith("||"):
        regex = HOST + regex_of(pattern[2:])
    else:
        regex = regex_of(pattern)
    return re.fullmatch(regex, url, re.IGNORECASE | re.DOTALL) is not None


def matches(text: str, url: str) -> bool:
    return compile_glob(text).matches(url)


URLS = st.builds(
    lambda scheme, labels, path, end: f"{scheme}://{'.'.join(labels)}{path}{end}",
    st.sampled_from(["http", "https"]),
    st.lists(st.sampled_from(["a", "b", "ab", "aB", "x-a"]), min_size=1, max_size=3),
    st.sampled_from(["", ":80", ":80/"]) | st.text("ab/./_", max_size=6).map(lambda text: f"/{text}"),
    st.sampled_from(["", "?", "?a=b", "#a", "?b/a#b.a"]),
)
BODIES = st.lists(
    st.sampled_from(["*", "^", "a", "b", "A", "/", ".", "ab", "a.b", "_", "?", "=", ":", "//", "https://", "|"]),
    min_size=1,
    max_size=7,
).map("".join)
PATTERNS = st.builds(
    lambda head, body: head + body, st.sampled_from(["", "*", "||", "path=", "path=/", "http"]), BODIES
)
LINES = st.lists(PATTERNS, min_size=1, max_size=2).map("\t".join)


@given(line=LINES, url=URLS)
def test_a_pattern_fits_what_its_regular_expression_fits(line: str, url: str) -> None:
    """Short patterns over few characters, so that most of them nearly fit."""
    assert matches(line, url) == fits(line, url)


@given(cut=st.data(), url=URLS)
def test_a_pattern_made_of_a_url_fits_as_its_regular_expression_does(cut: st.DataObject, url: str) -> None:
    """Parts of the URL itself, with wildcards between them."""
    places = sorted(cut.draw(st.lists(st.integers(0, len(url)), min_size=2, max_size=5)))
    parts = [url[first:second] for first, second in pairwise(places)]
    pattern = "".join(part + cut.draw(st.sampled_from(["*", "^", "^^", "", "*^"])) for part in parts)
    pattern = cut.draw(st.sampled_from(["", "*", "||", "^"])) + pattern
    assert matches(pattern, url) == fits(pattern, url)


@given(lines=st.lists(LINES, min_size=1, max_size=40), url=URLS)
def test_many_lines_fit_what_one_of_them_fits(lines: list[str], url: str) -> None:
    """Beyond a few lines those that hold a whole word are only tried on URLs that hold it."""
    assert matches("\n".join(lines), url) == any(fits(line, url) for line in lines)


def test_many_lines_with_words_are_found_by_their_words() -> None:
    """All of them reached through the lookup, none of them too often."""
    text = "\n".join([f"*/page{number}^*" for number in range(500)] + ["||docs.example.org^*", "https://one.org/x"])
    glob = compile_glob(text)
    assert not glob.everywhere
    assert glob.matches("https://a.org/page7")
    assert glob.matches("https://a.org/page499/x")
    assert not glob.matches("https://a.org/page500")
    assert not glob.matches("https://a.org/xpage7")
    assert glob.matches("http://docs.example.org/")
    assert glob.matches("https://old.docs.example.org")
    assert not glob.matches("http://example.org/docs")
    assert glob.matches("HTTPS://one.org/X")


def test_a_part_of_a_word_is_looked_for_on_every_url() -> None:
    """What a * may lengthen is no word to look up, however many lines there are."""
    glob = compile_glob("\n".join([f"*/page{number}*" for number in range(100, 200)] + ["*side/*", "||exa*.org/*"]))
    assert glob.matches("https://a.org/page1999")
    assert glob.matches("https://a.org/page150th")
    assert glob.matches("https://a.org/inside/x")
    assert glob.matches("https://docs.example.org/")
    assert not glob.matches("https://a.org/page2")


@pytest.mark.parametrize(
    ("text", "url", "expected"),
    [
        ("||python.org^*", "https://python.org", True),
        ("||python.org^*", "https://docs.python.org:8080/3", True),
        ("||python.org^*", "https://notpython.org/", False),
        ("||python.org^*", "https://python.org.evil.net/", False),
        ("||python.org^*", "https://evil.net/?q=//python.org/", False),
        ("||python.org^*", "https://www.python.org@evil.net/", False),
        ("||python.org^*", "https://user:word@python.org/", True),
        ("*/x^*", "https://a.org/x", True),
        ("*/x^*", "https://a.org/x-y", False),
        ("*/x^*", "https://a.org/x%20", False),
        ("*/x^*", "https://a.org/xü", False),
        ("*/x^^", "https://a.org/x/", True),
        ("*/x^y", "https://a.org/xy", False),
        ("path=/tag/*", "https://a.org/tag/?q=1", True),
        ("path=/tag/*", "https://a.org/en/tag/x", False),
        ("path=/a", "https://a.org/a#b", True),
        ("path=/", "https://a.org?x=/y", True),
        ("*b*a*", "https://x.org/ab", False),
        ("*aa*a*", "https://x.org/aa", False),
        ("*aa*a*", "https://x.org/aaa", True),
        ("*a*b*c", "https://x.org/abbc", True),
        ("https://x.org/*ab*b", "https://x.org/ab", False),
        ("https://x.org/*ab*b", "https://x.org/abb", True),
        ("https://x.org/ab*ba", "https://x.org/aba", False),
        ("https://x.org/ab*ba", "https://x.org/abba", True),
        ("*caf\xc9*", "https://a.org/CAF\xe9/", True),
    ],
)
def test_what_fits(text: str, url: str, expected: bool) -> None:
    """Cases that people write, and those that try to pass for another host."""
    assert matches(text, url) is expected


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        ("a*" * 250, "a" * 2_000 + "b"),
        ("*" + "a^" * 248 + "^b*", "a/" * 999 + "ab"),
        ("*" + "a" * 248 + "^" + "a" * 249 + "b*", "a" * 1_998 + "/b"),
        ("||" + "a.*" * 166, "https://" + "a." * 996),
        ("||" + "a.^*" * 124, "https://" + "a." * 996),
        ("*" + "^" * 498 + "x", "/" * 1_999 + "x"),
        ("*" + "*".join("^a" * 120) + "^b", "/a" * 999 + "/c"),
    ],
)
def test_no_pattern_is_slow(pattern: str, url: str) -> None:
    """500 characters on 2,000: under 10 ms, where a backtracking search would not end in a year."""
    glob = compile_glob(pattern)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        glob.matches(url)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.010


@pytest.mark.parametrize(
    ("value", "fitting", "others"),
    [
        ("https://docs.python.org/3/", ["https://docs.python.org/3/"], ["https://docs.python.org/3/x", "http://docs.python.org/3/"]),
        ("docs.python.org/3", ["https://docs.python.org/3", "http://docs.python.org/3"], ["https://x.docs.python.org/3"]),
        ("HTTPS://Example.org", ["https://example.org", "https://example.org/"], ["https://example.org/a"]),
        ("https://b\xfccher.example/a", ["https://xn--bcher-kva.example/a"], ["https://bucher.example/a"]),
        ("http://[::1]:8080/a", ["http://[::1]:8080/a"], ["http://[::1]/a"]),
        ("file:///usr/share/a.html", ["file:///usr/share/a.html"], ["file:///usr/share/b.html"]),
        ("example.org/a/*", ["https://example.org/a/b", "http://example.org/a/"], ["https://www.example.org/a/b"]),
        ("*.pdf", ["https://a.org/x.pdf"], ["https://a.org/x.pdf?page=2"]),
        ("http*://a.org/x", ["http://a.org/x", "https://a.org/x"], ["https://a.org/xy"]),
        ("*://*/a", ["https://b.org/a"], ["https://b.org/b"]),
        ("||a.org/x", ["https://www.a.org/x"], ["https://www.a.org/x/y"]),
    ],
)  # fmt: skip
def test_a_url_in_a_request(value: str, fitting: list[str], others: list[str]) -> None:
    """One URL, or a pattern when it holds a wildcard."""
    glob = compile_glob(url_glob(value))
    assert [glob.matches(url) for url in fitting] == [True] * len(fitting)
    assert [glob.matches(url) for url in others] == [False] * len(others)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("***", "every page"),
        ("https://", "no host"),
        ("https://a b.org/", "holds a space"),
        ("https://a.org/\n*", "holds a space"),
        ("*\t*", "holds a space"),
        ("/docs/*", "no URL begins with '/docs/"),
        ("exa mple", "holds a space"),
        ("not_a_host!/x", "no host"),
    ],
)
def test_a_url_that_fits_all_or_none_is_refused(value: str, message: str) -> None:
    """With a message that says why."""
    with pytest.raises(ParamsError, match=message):
        url_glob(value)


def test_paths_in_a_request() -> None:
    """A path is whole, begins with / and ends before the query."""
    assert matches(path_glob("*.PDF"), "https://a.org/b/c.pdf?x")
    assert matches(path_glob("/"), "https://a.org")
    assert not matches(path_glob("/"), "https://a.org/b")
    for wrong in ("", "*", "/*", "/a b", "/a?b", "/a#b"):
        with pytest.raises(ParamsError):
            path_glob(wrong)
    with pytest.raises(ParamsError) as caught:
        path_glob("tag/*")
    assert caught.value.did_you_mean == "/tag/*"


@given(texts=st.lists(PATTERNS, min_size=1, max_size=4), other=PATTERNS, url=URLS)
def test_texts_combine(texts: list[str], other: str, url: str) -> None:
    """`joined` is any of them, in every order the same; `both` is both."""
    text = joined(texts)
    assert text == joined(reversed(texts))
    assert matches(text, url) == any(matches(one, url) for one in texts)
    assert matches(both(text, other), url) == (matches(text, url) and matches(other, url))


@given(url=URLS, host=st.sampled_from(["a", "b", "a.b", "b.a", "ab"]))
def test_a_site_as_a_glob_is_a_site(url: str, host: str) -> None:
    """The host or one below it."""
    name = urlsplit(url).hostname or ""
    assert matches(site_glob(host), url) == (name == host or name.endswith(f".{host}"))
