"""How a file of documents arrives: packings, chunks, damage, other kinds of file, bombs."""

from __future__ import annotations

import gzip
import io
import resource
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import IngestError, IngestTooLargeError
from indexer.importer import import_documents
from indexer.limits import IngestLimits
from indexer.lines import read_lines
from tests.indexer.importer_support import GOOD, Sink, lines


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
