"""The archive: what was written comes back."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawler.errors import ArchiveError
from crawler.fetch import Fetched
from crawler.warc import Archive, Position, archive_files
from crawler.warc_reader import read_at, scan


def answer(number: int, body: bytes | None = None, **more: object) -> Fetched:
    raw = b"<p>page %d</p>" % number * 40 if body is None else body
    headers = (("Content-Type", "text/html"), ("ETag", f'"{number}"'), ("Transfer-Encoding", "chunked"), ("X-E", "é"))
    fields: dict[str, object] = {
        "address": f"http://h.org/{number}?%FC=1", "status": 200, "headers": headers, "raw": raw, "body": raw,
        "at": time.time(), "seconds": 0.1,
        "phrase": "Ökay", "peer": "127.0.0.1", "request_headers": (("User-Agent", "ForageBot"),), **more,
    }  # fmt: skip
    return Fetched(**fields)  # type: ignore[arg-type]


def write(folder: Path, count: int, size: int = 1 << 30) -> list[Position]:
    archive = Archive(folder, size=size, level=3, software="test")
    places = [archive.append(f"http://h.org/{number}", number, answer(number)) for number in range(count)]
    archive.close()
    return places


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    """Status, headers, body, date, name and depth survive; the transfer's own encoding does not."""
    places = write(tmp_path, 3)
    found = read_at(tmp_path, places[2])
    assert (found.url, found.depth, found.kind) == ("http://h.org/2", 2, "response")
    assert (found.answer.status, found.answer.body) == (200, answer(2).body)
    assert found.answer.header("etag") == '"2"'
    assert found.answer.header("transfer-encoding") is None
    assert abs(found.answer.at - time.time()) < 60


def test_bodies_are_kept_as_sent(tmp_path: Path) -> None:
    """A compressed body stays compressed in the archive and is decoded when read."""
    archive = Archive(tmp_path, size=1 << 30, level=3, software="test")
    packed = gzip.compress(b"hello")
    headers = (("Content-Encoding", "gzip"),)
    place = archive.append("http://h.org/", 0, answer(1, packed, headers=headers))
    archive.close()
    found = read_at(tmp_path, place).answer
    assert (found.raw, found.body) == (packed, b"hello")


def test_other_tools_read_it(tmp_path: Path) -> None:
    """Oracle: warcio's own reader and its digest check."""
    archive = Archive(tmp_path, size=1 << 30, level=3, software="test")
    archive.append("http://h.org/1", 0, answer(1))
    archive.append("http://h.org/1", 0, answer(1, b"", status=304), revisit_of="2024-01-01T00:00:00Z")
    archive.close()
    with (tmp_path / archive_files(tmp_path)[0]).open("rb") as source:
        records = [
            (record.rec_type, record.rec_headers.get_header("WARC-Profile") or "", record.content_stream().read())
            for record in ArchiveIterator(source, check_digests="raise")
        ]
    kinds = [kind for kind, _, _ in records]
    assert kinds == ["warcinfo", "response", "request", "revisit", "request"]
    assert records[1][2] == answer(1).body
    assert records[3][1].endswith("server-not-modified")


def test_files_are_rotated_by_size(tmp_path: Path) -> None:
    """A full file is followed by the next; scanning reads them in order."""
    write(tmp_path, 20, size=2000)
    assert len(archive_files(tmp_path)) > 2
    assert [found.url for found in scan(tmp_path)] == [f"http://h.org/{number}" for number in range(20)]


def test_appending_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """A second writer continues the last file."""
    write(tmp_path, 2)
    write(tmp_path, 2)
    assert len(archive_files(tmp_path)) == 1
    assert len(list(scan(tmp_path))) == 4


def test_a_body_that_was_not_read_is_said_to_be_cut(tmp_path: Path) -> None:
    """By WARC-Truncated, so that its emptiness is not taken for the page's."""
    archive = Archive(tmp_path, size=1 << 30, level=3, software="test")
    unread, read = (archive.append("http://h.org/", 0, answer(1, b"", unread=unread)) for unread in (True, False))
    archive.close()
    assert read_at(tmp_path, unread).answer.unread
    assert not read_at(tmp_path, read).answer.unread


def test_what_the_disk_takes_half_of_is_taken_back(tmp_path: Path) -> None:
    """A full disk in the middle of a record: an error, and the next record follows the last whole one."""
    archive = Archive(tmp_path, size=1 << 30, level=3, software="test")
    archive.append("http://h.org/0", 0, answer(0))
    whole = archive.end

    class Full:
        """Takes ten bytes, then no more."""

        def __init__(self, file: Any) -> None:
            self.file, self.room = file, 10

        def write(self, data: Any) -> int:
            if not self.room:
                raise OSError(28, "No space left on device")
            taken, self.room = int(self.file.write(data[: self.room])), 0
            return taken

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    archive._out = Full(archive._out)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        archive.append("http://h.org/1", 0, answer(1))
    assert archive.end == whole
    assert (tmp_path / whole.file).stat().st_size == whole.offset
    assert archive.append("http://h.org/2", 0, answer(2)) == whole
    archive.close()
    assert [found.url[-1] for found in scan(tmp_path)] == ["0", "2"]


def test_writing_in_small_pieces_writes_all(tmp_path: Path) -> None:
    """The system may take less than it was given."""
    archive = Archive(tmp_path, size=1 << 30, level=3, software="test")
    archive.append("http://h.org/0", 0, answer(0))

    class Slow:
        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, data: Any) -> int:
            return int(self.file.write(data[:100]))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    archive._out = Slow(archive._out)  # type: ignore[assignment]
    place = archive.append("http://h.org/1", 0, answer(1))
    archive.close()
    assert read_at(tmp_path, place).answer.body == answer(1).body


def test_places_that_hold_nothing(tmp_path: Path) -> None:
    """A missing file or an offset behind the end is an ArchiveError that says where."""
    write(tmp_path, 1)
    with pytest.raises(ArchiveError, match=r"forage-00009\.warc\.gz"):
        read_at(tmp_path, Position("forage-00009.warc.gz", 0))
    with pytest.raises(ArchiveError, match="byte 999999"):
        read_at(tmp_path, Position("forage-00001.warc.gz", 999_999))
    assert list(scan(tmp_path / "nothing")) == []


def test_a_file_that_cannot_be_synced_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes out once; closed again, there is nothing left to close."""
    archive = Archive(tmp_path / "warc", size=1 << 20, level=1, software="x")
    archive._open()

    def failing(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("crawler.warc.os.fsync", failing)
        with pytest.raises(OSError, match="Input/output error"):
            archive.close()
        archive.close()
