"""What the collection is asked about itself: words in bulk, and the approximate search against the exact one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.embeddings import QueryVectors
from api.opened import recall_check, terms
from tests.http.conftest import DOCUMENTS, Client, ok

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PAGES = [
    {
        "id": f"page-{number:02}",
        "url": f"https://pages.example.org/{number}",
        "title": "" if number % 10 == 9 else f"Notes on topic {LETTERS[number % 26]}{LETTERS[number // 26]} of many",
        "text": f"The topic {LETTERS[number % 26]}{LETTERS[number // 26]} is one of many.",
        "metadata": {"number": number},
    }
    for number in range(40)
]
"""Forty, of which four have no title."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    from api.settings import Settings

    made = Client(Settings(data=tmp_path_factory.mktemp("pages")))
    assert made("POST", "/v1/collections/default/documents", [*PAGES, {**PAGES[0], "id": "twin"}]).status_code == 200
    yield made
    made.close()


def codes(answer: dict[str, Any]) -> list[str]:
    return [notice["code"] for notice in answer["notices"]]


# ---------------------------------------------------------------- words


def test_related_words_are_told_of_the_first_words(client: Client) -> None:
    """The rest is named, not silently empty; everything else of those words is there."""
    words = [word for document in DOCUMENTS for word in document["title"].lower().split() if word.isalpha()]
    asked = list(dict.fromkeys([*words, "archives", "compression", "coroutines", "barriers", "system"]))
    assert len(asked) > terms.RELATED_WORDS
    body = ok(client, "/v1/terms", {"terms": asked})
    assert [row["term"] for row in body["terms"]] == asked
    assert [bool(row["related"]) for row in body["terms"]] == [
        place < terms.RELATED_WORDS for place in range(len(asked))
    ]
    assert codes(body) == ["related_cut"]
    assert asked[terms.RELATED_WORDS] in body["notices"][0]["message"]
    assert all(row["df"] for row in body["terms"])
    assert codes(ok(client, "/v1/terms", {"terms": asked, "related": 0})) == []
    assert codes(ok(client, "/v1/terms", {"terms": asked[: terms.RELATED_WORDS]})) == []


def test_words_beyond_the_limit_are_named(client: Client) -> None:
    """How many were asked for, and which begin what was left out."""
    body = ok(client, "/v1/terms", {"query": " ".join(f"word{number}x" for number in range(107)), "related": 0})
    assert len(body["terms"]) == terms.WORDS
    assert codes(body) == ["terms_cut"]
    message = body["notices"][0]["message"]
    assert message.startswith("107 words were asked for")
    assert message.endswith("word100x, word101x, word102x, word103x, word104x and 2 more")


def test_related_words_push_no_query_out_of_memory(
    serve: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors of words that nobody asks for are not remembered in place of queries; neither are sampled titles."""
    client = serve(tmp_path, documents=True, embedding_cache=2)
    vectors: QueryVectors = client.app.state.engine._vectors
    vectors.encode("zip archives")
    ok(client, "/v1/terms", {"terms": ["archives", "module", "files", "threads"]})
    ok(client, "/v1/recall", {"num": 4})
    assert vectors.encode("zip archives")[1]


# ---------------------------------------------------------------- recall


@pytest.mark.parametrize("num", [1, 10, 25, 36])
def test_as_many_titles_are_asked_as_wanted(pages: Client, num: int) -> None:
    """Different ones, the same each time."""
    body = ok(pages, "/v1/recall", {"num": num, "k": 3})
    assert (body["queries"], body["lexical"]["queries"], body["dense"]["queries"]) == (num, num, num)
    assert codes(body) == []


def test_too_few_titles_are_said(pages: Client) -> None:
    """All there are, and how many."""
    body = ok(pages, "/v1/recall", {"num": 200, "k": 3})
    assert body["queries"] == 36
    assert codes(body) == ["few_titles"]
    assert body["notices"][0]["message"] == "200 queries were wanted; the pages have 36 different titles"
    assert codes(ok(pages, "/v1/recall", {"num": 200, "queries": ["topic"]})) == []


def test_titles_are_those_of_pages_within_the_filters(pages: Client) -> None:
    """A title of another page would compare empty lists."""
    body = ok(pages, "/v1/recall", {"num": 5, "k": 3, "filters": {"metadata": {"number": {"lt": 3}}}})
    assert (body["queries"], codes(body)) == (3, ["few_titles"])


def test_embedding_is_in_neither_time(pages: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow a model is, the approximate search does not look slower than the exact one for it."""
    embedder = pages.app.state.engine._vectors.embedder
    inside: list[bool] = []
    timing = False
    timed, encode = recall_check._timed, type(embedder).encode

    def watched(work: Callable[[], list[str]]) -> tuple[list[str], float]:
        nonlocal timing
        timing = True
        try:
            return timed(work)
        finally:
            timing = False

    def seen(self: Any, texts: Any) -> Any:
        inside.append(timing)
        return encode(self, texts)

    monkeypatch.setattr(recall_check, "_timed", watched)
    monkeypatch.setattr(type(embedder), "encode", seen)
    ok(pages, "/v1/recall", {"queries": ["topics that nobody asked for", "and others"], "k": 3})
    assert inside == [False, False]


@pytest.mark.parametrize("blank", ["\x1c", "\x00", "\u200b", " \x7f\t"])
def test_what_is_no_word_is_none_in_the_document_either(client: Client, blank: str) -> None:
    """However its patterns are read: \\s of other languages knows no control characters."""
    schema = client.app.openapi()["components"]["schemas"]["TermsRequest"]
    terms, query = (each["properties"] for each in schema["anyOf"])
    for field in (terms["terms"]["contains"], query["query"]):
        assert re.search(field["pattern"], blank, re.ASCII) is None
    for body in ({"terms": [blank]}, {"query": blank}):
        assert client("POST", "/v1/terms", body).status_code == 422
