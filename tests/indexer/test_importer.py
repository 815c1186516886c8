"""Imports: every line or none, every bad line named, any packing, bounded memory, ids that repeat."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.urls import canonical, document_id
from indexer.documents import DocumentStore
from indexer.errors import IngestError
from indexer.importer import import_documents
from indexer.limits import IngestLimits
from indexer.urls import canonical_url, page_id
from ranking.types import Document, Link
from tests.indexer.importer_support import GOOD, Sink, lines, one, read, refusal


def test_a_line_becomes_a_document() -> None:
    """Every field of the contract, in its place."""
    document = one(published_at="2020-05", language="en-GB", metadata={"year": 2020}, author="Ann")
    assert document == Document(
        id="a", url="http://a.example/x", title="A title", text="some text", site="a.example", language="en",
        author="Ann", published_at="2020-05", content_hash=document.content_hash, metadata={"year": 2020},
    )  # fmt: skip
    assert document.content_hash


def test_the_id_is_made_from_the_canonical_url() -> None:
    """Spellings of one address are one document."""
    spellings = [
        "http://A.example:80/x?b=2&a=1#frag",
        "http://a.example/./x?a=1&b=2",
        "http://a.example/x?utm_source=z&a=1&b=2",
    ]
    documents = read(*({"url": url, "title": "t"} for url in spellings))
    assert list(documents) == [page_id("http://a.example/x?a=1&b=2")]
    assert canonical_url(spellings[0]) == "http://a.example/x?a=1&b=2"


def test_ids_agree_with_the_crawlers() -> None:
    """A page that was crawled and is then ingested is one document."""
    for url in (
        "http://A.example:80/x?b=2&a=1#f",
        "https://b.example",
        "https://b.example/a/../b/",
        "http://c.example/ä?q=ü&utm_medium=x",
    ):
        assert page_id(url) == document_id(canonical(url))


def test_the_door_may_name_pages_itself() -> None:
    """The caller's naming wins over ours."""
    assert list(read({"url": "http://x.example/", "title": "t"}, name_page=lambda url: f"<{url}>")) == [
        "<http://x.example/>"
    ]


def test_null_is_absent() -> None:
    """A null field is as if it were not there; a url may be missing when there is an id."""
    document = one(url=None, language=None, published_at=None, metadata=None, extra=None)
    assert (document.url, document.site, document.metadata) == ("", "", {})


@pytest.mark.parametrize(
    "date", ["2020", "2020-05", "2020-05-17", "2020-05-17T10:00:00Z", "2020-05-17T10:00:00.5+02:00"]
)
def test_dates_of_every_precision(date: str) -> None:
    """They stay as they were written."""
    assert one(published_at=date).published_at == date


BAD = [
    (b"{", "not JSON"),
    (b'{"id": 1', "not JSON"),
    (b'{"id": NaN, "title": "x"}', "not JSON"),
    (b"[1, 2]", "without the array"),
    (b'"text"', "must be a JSON object, got a string"),
    (b"\xff\xfe{}", "not UTF-8"),
    (b'{"id": "a", "title": "\xff"}', "not UTF-8"),
    ({}, "both empty"),
    ({"id": "a", "title": "", "text": ""}, "title and text are both empty"),
    ({"id": "a", "title": "   ", "text": "\n"}, "title and text are both empty"),
    ({"title": "t"}, "neither id nor url"),
    ({"id": "a", "text": 5}, 'text must be a string, got a number 5; write "5" in quotes'),
    ({"id": "a", "title": ["x"]}, "title must be a string, got an array"),
    ({"id": 7, "title": "t"}, 'id must be a string, got a number 7; write "7" in quotes'),
    ({"id": "", "title": "t"}, "id '' is empty"),
    ({"id": "a\nb", "title": "t"}, "control characters"),
    ({"id": "a" * 600, "title": "t"}, "600 characters, at most 512"),
    ({"url": "example.org/x", "title": "t"}, "did you mean 'https://example.org/x'"),
    ({"url": "javascript:alert(1)", "title": "t"}, "not absolute http, https or file"),
    ({"url": "/relative", "title": "t"}, "not absolute"),
    ({"url": "http://[bad", "title": "t"}, "cannot be read"),
    ({**GOOD, "published_at": "17.5.2020"}, "YYYY-MM-DD"),
    ({**GOOD, "published_at": "2021-02-30"}, "published_at"),
    ({**GOOD, "published_at": 2020}, 'write "2020" in quotes'),
    ({**GOOD, "language": "english"}, "ISO 639-1"),
    ({**GOOD, "metadata": [1]}, "metadata must be an object"),
    ({**GOOD, "metadata": {"x": "y" * 70_000}}, "bytes of JSON"),
    ({**GOOD, "html": "<p>x</p>"}, "both text and html"),
    ({"id": "a", "html": "<p>x</p>"}, "html is not taken here"),
    ({**GOOD, "langauge": "en"}, "did you mean 'language'"),
    ({"id": "a", "titel": "t", "text": "x"}, "did you mean 'title'"),
    ({"id": "a", "title": "t", "content": "x"}, "did you mean 'text'"),
    ({**GOOD, "publishedAt": "2020"}, "did you mean 'published_at'"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said"), BAD)
def test_a_bad_line_says_what_was_given_and_what_would_work(line: Any, said: str) -> None:
    """With its line number, blank lines counted, and nothing stored."""
    error = refusal(GOOD, b"", line, {**GOOD, "id": "b"})
    assert error.status == 422
    assert error.message.startswith("1 of 3 lines is bad, nothing was stored:\nline 3: ")
    assert said in error.message
    assert error.lines[0][0] == 3
    assert error.path is not None
    assert error.path.startswith("line 3")
    assert error.hint


def test_all_bad_lines_are_named_up_to_twenty() -> None:
    """And the others are counted."""
    error = refusal(*({"id": f"{n}", "title": "t" if n % 2 else ""} for n in range(100)))
    assert error.message.startswith("50 of 100 lines are bad")
    assert error.message.count("\nline ") == 20
    assert error.message.endswith("and 30 more")
    assert [number for number, _, _ in error.lines] == list(range(1, 40, 2))


def test_a_misspelling_comes_with_the_right_name() -> None:
    """As a field of the error too."""
    assert refusal({**GOOD, "pubished_at": "2020"}).did_you_mean == "published_at"


def test_unknown_fields_go_into_metadata_with_a_notice() -> None:
    """Nothing that was sent is lost; what metadata says itself wins."""
    sink = Sink()
    report = import_documents(io.BytesIO(lines({**GOOD, "year": 1999, "genre": "x", "metadata": {"genre": "y"}})), sink)
    assert sink.documents["a"].metadata == {"year": 1999, "genre": "y"}
    (notice,) = report.notices
    assert notice.code == "unknown_fields"
    assert "'year' (1 lines)" in notice.message


def test_the_last_of_an_id_wins_with_a_notice() -> None:
    """The lines are named."""
    sink = Sink()
    report = import_documents(io.BytesIO(lines(GOOD, {**GOOD, "id": "b"}, {**GOOD, "text": "new"})), sink)
    assert report.documents == 2
    assert sink.documents["a"].text == "new"
    assert [(n.code, "lines 1 and 3" in n.message) for n in report.notices] == [("duplicate_ids", True)]


def test_an_import_is_idempotent(tmp_path: Path) -> None:
    """The same file again changes nothing."""
    data = lines(GOOD, {**GOOD, "id": "b", "title": "other"})
    with DocumentStore(tmp_path / "documents.sqlite") as store:
        for _ in range(2):
            import_documents(io.BytesIO(data), store)
            assert (store.count(), store.version.revision) == (2, 1)


def test_nothing_is_stored_when_the_last_line_is_bad(tmp_path: Path) -> None:
    """All or nothing in the real store, however many good lines came before."""
    with DocumentStore(tmp_path / "documents.sqlite") as store:
        with pytest.raises(IngestError):
            import_documents(io.BytesIO(lines(*({**GOOD, "id": f"{n}"} for n in range(2_000)), b"{")), store)
        assert store.count() == 0


def test_a_bad_line_that_speaks_of_a_full_disk_is_a_bad_line(tmp_path: Path) -> None:
    """What a line says is not what happened to us."""
    with DocumentStore(tmp_path / "documents.sqlite") as store, pytest.raises(IngestError, match="published_at"):
        import_documents(io.BytesIO(lines({**GOOD, "published_at": "no space left on device"})), store)


def test_unknown_fields_are_counted_as_far_as_anybody_reads() -> None:
    """Memory does not grow with the names that a file makes up."""
    made_up = ({"id": f"{n}", "title": "t"} | {f"made up {n} {k}": k for k in range(100)} for n in range(50))
    (notice,) = import_documents(io.BytesIO(lines(*made_up)), Sink()).notices
    assert "and at least 990 more" in notice.message
    assert len(notice.message) < 1_000


def test_lone_surrogates_are_replaced_with_a_notice() -> None:
    """Half a character cannot be stored; whole ones stay."""
    sink = Sink()
    raw = b'{"id": "a", "title": "x\\ud800y", "text": "\\ud83d\\ude00", "metadata": {"k": "\\udc00"}}\n'
    report = import_documents(io.BytesIO(raw), sink)
    assert sink.documents["a"].title == "x\ufffdy"
    assert sink.documents["a"].text == "\U0001f600"
    assert sink.documents["a"].metadata == {"k": "\ufffd"}
    assert [notice.code for notice in report.notices] == ["lone_surrogates"]


def test_twenty_megabytes_of_text_in_one_document() -> None:
    """Accepted; over the cap it is a bad line."""
    text = "word " * 4_200_000
    assert one(text=text, language="en").text == text
    assert "at most 24,000,000" in refusal({**GOOD, "text": "x" * 24_000_001}).message


def test_html_is_read_by_the_extractor() -> None:
    """Its title, text, links and date are taken; what the line says itself wins."""

    def extract(html: str, url: str) -> Document:
        return Document(
            "", url, "from html", html.upper(), published_at="2001", links=(Link("http://b.example/"),), author="Bo"
        )

    (plain,) = read({"url": "http://a.example/", "html": "<p>"}, extract_html=extract).values()
    assert (plain.title, plain.text, plain.published_at, plain.author) == ("from html", "<P>", "2001", "Bo")
    assert plain.links == (Link("http://b.example/"),)
    (told,) = read({"id": "a", "title": "mine", "html": "<p>", "published_at": "2002"}, extract_html=extract).values()
    assert (told.id, told.title, told.published_at) == ("a", "mine", "2002")
    empty = refusal(
        {"id": "a", "html": ""}, extract_html=lambda html, url: replace(extract(html, url), title="", text="")
    )
    assert "both empty" in empty.message


def test_the_language_is_found_when_it_is_not_given() -> None:
    """From the text, and never from a text too short to tell."""
    german = "Der schnelle braune Fuchs springt über den faulen Hund, und niemand weiß warum."
    assert one(text=german).language == "de"
    assert one(text="吾輩は猫である。名前はまだ無い。", title="").language == "ja"
    assert one(title="Aerofoil lift", text="").language is None
    assert one(text=german, language="fr").language == "fr"


def test_a_line_over_the_cap_is_named_and_skipped_without_being_held() -> None:
    """The others are still checked."""
    limits = IngestLimits(max_line_bytes=200)
    error = refusal(GOOD, {**GOOD, "text": "x" * 5_000}, b"{", limits=limits)
    assert [number for number, _, _ in error.lines] == [2, 3]
    assert "longer than 200 bytes" in error.message


@given(
    st.dictionaries(
        st.sampled_from(["id", "url", "title", "text", "language", "published_at", "metadata", "html", "x"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.lists(st.integers(), max_size=2),
    )
)
@settings(max_examples=300, deadline=None)  # fmt: skip
def test_any_object_is_stored_or_refused_in_words(value: dict[str, Any]) -> None:
    """No other exception, whatever the fields hold."""
    sink = Sink()
    try:
        import_documents(io.BytesIO(json.dumps(value).encode()), sink)
    except IngestError as error:
        assert error.lines  # noqa: PT017 - either outcome is right
    else:
        assert len(sink.documents) == 1
