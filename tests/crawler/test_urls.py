"""Canonical URLs: one form per page, whatever it was written like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import urls
from crawler.errors import UrlError

_TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
_SEGMENTS = st.lists(
    st.sampled_from(["a", "..", ".", "", "%7E", "%2e%2e", "x;y=1", "é", "b c", "A%zz", "~u"]) | _TEXT, max_size=6
)
_QUERY = st.lists(st.tuples(st.sampled_from(["a", "b", "utm_source", "é", "q"]) | _TEXT, _TEXT), max_size=4)
_HOSTS = st.sampled_from(
    ["example.org", "EXAMPLE.org.", "bücher.example", "127.0.0.1", "[::1]", "0x7f.1", "a.b-c.co.uk"]
)
_PORTS = st.sampled_from(["", ":80", ":443", ":8080"])


@st.composite
def written_urls(draw: st.DrawFn) -> str:
    query = "&".join(f"{name}={value}" for name, value in draw(_QUERY))
    path = "/".join(draw(_SEGMENTS))
    scheme = draw(st.sampled_from(["http", "https", "HTTP"]))
    return (
        f"{scheme}://{draw(_HOSTS)}{draw(_PORTS)}/{path}"
        + (f"?{query}" if query else "")
        + draw(st.sampled_from(["", "#x"]))
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("HTTP://ExAmple.org:80/a/../b/./c?utm_source=x&b=2&a=1#frag", "http://example.org/b/c?a=1&b=2"),
        ("https://example.org:443", "https://example.org/"),
        ("https://bücher.example/straße?q=ä", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%A4"),
        ("https://straße.de/", "https://xn--strae-oqa.de/"),
        ("http://example.org/a%7Eb/%2f", "http://example.org/a~b/%2F"),
        ("http://example.org//a//b", "http://example.org/a/b"),
        ("http://example.org/%2e%2e//a", "http://example.org/a"),
        ("http://example.org/a b", "http://example.org/a%20b"),
        ("http://example.org/?2023", "http://example.org/?2023="),
        ("http://example.org/x;jsessionid=12?a=1", "http://example.org/x?a=1"),
        ("http://user:secret@example.org/", "http://example.org/"),
        ("http://EXAMPLE.org./", "http://example.org/"),
        ("http://[0:0::1]:8080/", "http://[::1]:8080/"),
        ("http://0x7f.1:8000/x", "http://127.0.0.1:8000/x"),
        ("http://2130706433/", "http://127.0.0.1/"),
        ("http://017700000001/", "http://127.0.0.1/"),
        ("http://example.org/a?fbclid=1&page=2", "http://example.org/a?page=2"),
        ("http://example.org/a?q=%E9", "http://example.org/a?q=%E9"),
    ],
)
def test_one_form(written: str, expected: str) -> None:
    """Each spelling comes out in the one expected form."""
    assert urls.canonical(written) == expected


@pytest.mark.parametrize(
    "text",
    ["", "example.org", "ftp://example.org/", "javascript:alert(1)", "http://", "http://a..b/", "http://exa mple.org/",
     "http://example.org:99999/", "file:///etc/passwd", "http://[::1/", "http://999.1.1.1/",
     "http://" + "a" * 300 + ".org/"],
)  # fmt: skip
def test_what_is_no_page_is_refused(text: str) -> None:
    """Anything but http(s) with a valid host raises UrlError."""
    with pytest.raises(UrlError):
        urls.canonical(text)


@given(written_urls())
def test_canonical_is_idempotent(written: str) -> None:
    """Law: canonical(canonical(u)) == canonical(u)."""
    try:
        once = urls.canonical(written)
    except UrlError:
        return
    assert urls.canonical(once) == once


@given(st.from_regex(urls._ALREADY, fullmatch=True))
def test_the_short_cut_agrees_with_the_long_way(url: str) -> None:
    """Law: what the fast path lets through unchanged, the full canonicalisation leaves unchanged too."""
    assert urls._canonical(url) == url


@given(written_urls())
def test_the_address_to_fetch_names_the_same_page(written: str) -> None:
    """Law: what is fetched has the canonical form of what was found."""
    try:
        expected = urls.canonical(written)
    except UrlError:
        return
    assert urls.canonical(urls.fetchable(written)) == expected


def test_parts_of_a_url() -> None:
    """Origin, netloc, host and port are read off the canonical form."""
    url = "http://[::1]:8080/a?b"
    assert (urls.origin(url), urls.netloc(url), urls.host(url), urls.port(url)) == (
        "http://[::1]:8080", "[::1]:8080", "[::1]", 8080,
    )  # fmt: skip
    assert urls.port("https://example.org/") == 443
    assert urls.host("http://127.0.0.1:80/") == "127.0.0.1"


def test_documents_of_one_page_share_an_id() -> None:
    """The id is 32 hexadecimal digits of the canonical URL alone."""
    first = urls.document_id("http://example.org/")
    assert first == urls.document_id("http://example.org/")
    assert len(first) == 32
    assert first != urls.document_id("http://example.org/a")


@pytest.mark.parametrize(
    ("url", "binary"),
    [("http://h/a.PNG?x=1", True), ("http://h/a.tar.gz", True), ("http://h/zip", False), ("http://h/a.html", False),
     ("http://h/page?file=a.png", False), ("http://h/doc.pdf", False)],
)  # fmt: skip
def test_links_to_files_are_recognised(url: str, binary: bool) -> None:
    """The path's ending decides, never the query."""
    assert urls.looks_binary(url) is binary


SECRETS = (
    "http://user:pw-5@example.org/", "http://pw-5@example.org/", "https://example.org:80@pw-5.org/", "http://@example.org/",
    "http:\\\\user:pw-5@example.org", "http://user:pw-5#x@example.org/", "http://user:pw-5/x@example.org/",
    "http://user:pw-5?x@example.org/", "http://user:pw-5@exa mple.org/", "ftp://user:pw-5@example.org/",
)  # fmt: skip


@pytest.mark.parametrize("text", SECRETS)
def test_a_seed_with_a_password_is_refused_and_not_repeated(text: str) -> None:
    """However it is written, also where it makes the URL no URL."""
    with pytest.raises(UrlError) as caught:
        urls.seed(text)
    assert "login" in str(caught.value.hint)
    assert "user:" not in caught.value.message
    assert "pw-5" not in caught.value.message.replace("pw-5.org", "")


@pytest.mark.parametrize(
    "text", ["http://example.org/@user", "http://example.org/?mail=a@b.org", "http://example.org/#a@b"]
)
def test_an_at_sign_elsewhere_is_none(text: str) -> None:
    """Only what stands before the host is a user."""
    assert urls.seed(text) == urls.canonical(text)
    with pytest.raises(UrlError, match="only http and https"):
        urls.seed("example.org")


def test_a_long_url_is_cut_in_a_message_and_the_cut_is_seen() -> None:
    """A reader can tell the beginning of what was given from the whole of it."""
    with pytest.raises(UrlError) as caught:
        urls.canonical(f"ftp://a.example/{'x' * 5_000}")
    assert "xxx..." in caught.value.message
    assert len(caught.value.message) < 300
