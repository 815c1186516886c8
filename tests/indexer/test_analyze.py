"""Tokens, stems and URLs as the index reads them."""

from __future__ import annotations

import threading

import pytest

from indexer.analyze import algorithm_of, body_tokens, readable, stem, token_hash, url_depth, url_tokens


@pytest.mark.parametrize(
    ("language", "algorithm"),
    [("en", "english"), ("EN-us", "english"), ("de", "german"), (None, "english"), ("ja", ""), ("th", ""), ("xx", "")],
)
def test_the_stemmer_follows_the_documents_language(language: str | None, algorithm: str) -> None:
    """Unknown counts as the default language; a language without a stemmer is not stemmed."""
    assert algorithm_of(language, "en") == algorithm


def test_stems_join_forms_of_a_word() -> None:
    """English and German forms meet; without an algorithm a token is its own stem."""
    assert stem("running", "english") == stem("runs", "english") == "run"
    assert stem("katzen", "german") == stem("katze", "german")
    assert stem("running", "") == "running"


def test_stemming_is_safe_in_threads() -> None:
    """Threads that stem at once get what one alone gets."""
    words = [f"{word}{ending}" for word in ("run", "walk", "talk", "index") for ending in ("ing", "s", "ed", "er")]
    expected = [stem.__wrapped__(word, "english") for word in words]
    results: list[list[str]] = []

    def work() -> None:
        results.extend([stem.__wrapped__(word, "english") for word in words] for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == expected for result in results)


def test_link_targets_are_not_words_of_a_page() -> None:
    """The text of a link stays, its address goes."""
    assert readable("see [the docs](https://x.org/a_(b)) now") == "see [the docs]  now"
    assert body_tokens('a [b](http://c.d "title") e') == ["a", "b", "e"]
    assert readable("f(x) [not a link] (y)") == "f(x) [not a link] (y)"


def test_unclosed_links_cost_linear_time() -> None:
    """A hostile text of brackets is read at once."""
    assert len(readable("](" * 200_000)) > 0
    assert len(readable("](a(b" * 100_000)) > 0


def test_urls_are_words_too() -> None:
    """Host, path and query are tokens, percent-escapes decoded; the scheme is not."""
    assert url_tokens("https://docs.python.org/3/caf%C3%A9_x?q=1") == [
        "docs",
        "python",
        "org",
        "3",
        "cafe",
        "x",
        "q",
        "1",
    ]
    assert url_depth("https://x.org/") == 0
    assert url_depth("https://x.org/a/b.html?c/d") == 2
    assert url_depth("http://[broken") == 0


def test_token_hashes_do_not_change() -> None:
    """Stored vocabularies rely on XXH64 of UTF-8."""
    assert token_hash("") == 0xEF46DB3751D8E999
    assert token_hash("\ud800") != token_hash("")
