"""Imports: every line or none, every bad line named, any packing, bounded memory, ids that repeat."""

from __future__ import annotations

import gzip
import io
import json
import resource
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.documents import DocumentStore
from indexer.errors import IngestError, IngestTooLargeError
from indexer.importer import import_documents
from indexer.limits import IngestLimits
from indexer.lines import read_lines
from indexer.urls import canonical_url, page_id
from ranking.types import Document, Link

GOOD = {"id": "a", "url": "http://a.example/x", "title": "A title", "text": "some text"}


class Sink:
    """Keeps what it is given, all or none: the port in six lines."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}

    def add(self, documents: Iterable[Document]) -> int:
        fresh = {document.id: document for document in documents}
        changed = sum(self.documents.get(id) != document for id, document in fresh.items())
        self.documents |= fresh
        return changed

    def remove(self, ids: Iterable[str]) -> int:
        raise NotImplementedError


def lines(*objects: Any) -> bytes:
    return b"".join((value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n" for value in objects)


def read(*objects: Any, **options: Any) -> dict[str, Document]:
    sink = Sink()
    import_documents(io.BytesIO(lines(*objects)), sink, **options)
    return sink.documents


def one(**fields: Any) -> Document:
    (document,) = read({**GOOD, **fields}).values()
    return document


def refusal(*objects: Any, **options: Any) -> IngestError:
    sink = Sink()
    with pytest.raises(IngestError) as caught:
        import_documents(io.BytesIO(lines(*objects)), sink, **options)
    assert not sink.documents
    return caught.value


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
    urls = pytest.importorskip("crawler.urls")
    for url in (
        "http://A.example:80/x?b=2&a=1#f",
        "https://b.example",
        "https://b.example/a/../b/",
        "http://c.example/ä?q=ü&utm_medium=x",
    ):
        assert page_id(url) == urls.document_id(urls.canonical(url))


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
    assert (report.documents, report.new_or_changed) == (2, 2)
    assert sink.documents["a"].text == "new"
    assert [(n.code, "lines 1 and 3" in n.message) for n in report.notices] == [("duplicate_ids", True)]


def test_an_import_is_idempotent(tmp_path: Path) -> None:
    """The same file again changes nothing."""
    data = lines(GOOD, {**GOOD, "id": "b", "title": "other"})
    with DocumentStore(tmp_path / "documents.sqlite") as store:
        assert import_documents(io.BytesIO(data), store).new_or_changed == 2
        before = store.version
        assert import_documents(io.BytesIO(data), store).new_or_changed == 0
        assert store.version == before


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


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


PACKINGS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "two gzip members": lambda data: gzip.compress(data[:300]) + gzip.compress(data[300:]),
    "two zstd frames": lambda data: zstandard.compress(data[:300]) + zstandard.compress(data[300:]),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "CR LF": lambda data: data.replace(b"\n", b"\r\n"),
    "no last newline": lambda data: data.rstrip(b"\n"),
    "padded": lambda data: gzip.compress(data) + b"\0" * 512,
}


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("pack", PACKINGS.values(), ids=PACKINGS.keys())
def test_every_packing_gives_the_same_documents(pack: Any, size: int) -> None:
    """Whatever the chunks in which it arrives."""
    objects = [{**GOOD, "id": f"{n}", "text": f"text {n} ü"} for n in range(20)]
    sink = Sink()
    report = import_documents(chunked(pack(lines(*objects)), size), sink)
    assert report.documents == 20
    assert [document.text for document in sink.documents.values()] == [o["text"] for o in objects]


@given(st.binary(max_size=400), st.integers(1, 50), st.sampled_from([bytes, gzip.compress, zstandard.compress]))
@settings(max_examples=100, deadline=None)
def test_lines_are_those_of_splitlines(data: bytes, size: int, pack: Any) -> None:
    """Against the obvious implementation, for any bytes and any chunks."""
    if pack is bytes:
        data = b"....." + data  # not the beginning of another packing
    found = list(read_lines(chunked(pack(data), size), IngestLimits()))
    numbered = enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1)
    expected = [(number, line.strip()) for number, line in numbered if line.strip()]
    assert found == expected


@pytest.mark.parametrize(("pack", "name"), [(gzip.compress, "gzip"), (zstandard.compress, "zstd")])
def test_a_cut_or_damaged_archive_is_an_error(pack: Any, name: str) -> None:
    """Never a shorter file that passes for whole."""
    data = pack(lines(*({**GOOD, "id": f"{n}"} for n in range(500))))
    for broken in (data[:-1], data[: len(data) // 2], data[:10]):
        sink = Sink()
        with pytest.raises(IngestError, match=f"the {name} data ends in the middle"):
            import_documents(io.BytesIO(broken), sink)
        assert not sink.documents
    garbled = data[:40] + bytes(byte ^ 0x55 for byte in data[40:60]) + data[60:]
    with pytest.raises(IngestError, match=rf"(the {name} data is damaged|lines? (is|are) bad)"):
        import_documents(io.BytesIO(garbled), Sink())


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"PK\x03\x04...", "a zip archive"),
        (b"BZh91AY", "a bzip2 file"),
        (b"\xff\xfe{\0", "UTF-16"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_another_kind_of_file_is_named(head: bytes, name: str) -> None:
    """With what would work instead."""
    with pytest.raises(IngestError, match=f"this is {name}") as caught:
        import_documents(io.BytesIO(head), Sink())
    assert caught.value.hint == "send one JSON object per line in UTF-8, plain or as gzip or zstd"


def test_an_empty_file_stores_nothing_and_says_so() -> None:
    """Not an error: there is just nothing in it."""
    for data in (b"", b"\n\n  \n"):
        report = import_documents(io.BytesIO(data), Sink())
        assert report.documents == 0
        assert [notice.code for notice in report.notices] == ["no_documents"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_ends_at_the_cap(pack: Any) -> None:
    """A file that grows without end is refused with 413, and memory stays flat."""
    bomb = pack(b"\0" * 300_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = IngestLimits(max_bytes=100_000_000, max_line_bytes=1_000_000)
    with pytest.raises(IngestTooLargeError) as caught:
        import_documents(io.BytesIO(bomb), Sink(), limits=limits)
    assert caught.value.status == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000


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
