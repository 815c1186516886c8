"""Laws of extraction: for any bytes an answer, clean text, the same answer again."""

import re
from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.extract import extract
from crawler.html_guard import bounded, without_scripts

_RAW_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_TAGS = "p div span a ul ol li table tr td th pre code h1 h2 blockquote dl dt dd b i br img nav article script style title".split()
_ATTRIBUTES = [
    'href="/x"',
    "href=#",
    'class="nav"',
    'class="comment body"',
    "hidden",
    'id="a-b"',
    "colspan=3",
    "style='display:none'",
    '"',
    "=",
]
tags = st.builds(
    lambda close, name, attribute: f"<{close}{name} {attribute}>",
    st.sampled_from(["", "/"]),
    st.sampled_from(_TAGS),
    st.sampled_from(_ATTRIBUTES),
)
soups = st.lists(
    tags | st.text(max_size=12) | st.sampled_from(["&amp;", "&#0;", "&#x1;", "<!--", "-->", "<![CDATA[", " "]),
    max_size=40,
).map("".join)
TYPES = st.sampled_from(
    [
        None,
        "",
        "text/html",
        "text/plain",
        "text/markdown",
        "application/pdf",
        "text/html; charset=utf-16",
        "application/xhtml+xml",
    ]
)


def check(found):
    """What holds for every answer."""
    assert (found.document is None) == bool(found.reason)
    for link in found.links:
        parts = urlsplit(link.url)
        assert parts.scheme in ("http", "https")
        assert not parts.fragment
    if found.document is not None:
        assert found.document.text.strip()
        for text in (found.document.text, found.document.title, found.document.author or ""):
            assert not _RAW_CONTROL.search(text)
            text.encode("utf-8")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), TYPES)
def test_any_bytes_have_an_answer(body, content_type):
    """No body raises, whatever it is said to be; text comes out clean."""
    check(extract(body, "http://example.org/a/b?c=d", content_type))


@settings(max_examples=250, deadline=None)
@given(soups)
def test_any_soup_has_a_clean_answer_and_always_the_same(soup):
    """Broken markup gives an answer, and the same one each time."""
    body = soup.encode("utf-8", "surrogatepass")
    first = extract(body, "http://example.org/", "text/html")
    check(first)
    assert extract(body, "http://example.org/", "text/html") == first


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from("kettle water tea pot steam lid".split()), min_size=1, max_size=60))
def test_no_word_of_a_bare_paragraph_is_lost(words):
    """A page that is one paragraph is that paragraph."""
    text = " ".join(words)
    document = extract(f"<html><body><p>{text}</p></body></html>".encode(), "http://example.org/", "text/html").document
    assert document.text == text


@settings(max_examples=200, deadline=None)
@given(soups)
def test_guarding_leaves_ordinary_markup_alone(soup):
    """Bounds touch only pages beyond them, and what is taken out is never put in."""
    assert bounded(soup) == soup
    kept, structured = without_scripts(soup)
    assert len(kept) + sum(map(len, structured)) <= len(soup)
