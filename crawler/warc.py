"""Raw answers at rest: given an answer, appends a WARC record (ISO 28500); warc_reader.py gives it back.

One gzip member per record, handed to the system at once, so that a process killed at any instant leaves whole records
and at most one torn one at the end (survey.py). A page is one `response` (or `revisit`) record followed by its
`request`; a body that was not read is said to be cut (WARC-Truncated). The fields WARC-Forage-URL and
WARC-Forage-Depth carry what the frontier knew, so that it can be rebuilt from the archive alone. Not safe for two
writers: the crawl holds the folder's lock.
"""

from __future__ import annotations

import io
import os
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from warcio.statusandheaders import StatusAndHeaders  # type: ignore[import-untyped]
from warcio.warcwriter import WARCWriter  # type: ignore[import-untyped]

from crawler.fetch import Fetched

_NAME: Final = re.compile(r"forage-([0-9]{5,9})\.warc\.gz")
_IDENTICAL: Final = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_UNMODIFIED: Final = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record begins: a file name inside the WARC folder and a byte offset."""

    file: str
    offset: int


class Archive:
    """The WARC folder of a collection, open for appending. `size` bounds a file before the next one begins."""

    def __init__(self, folder: Path, *, size: int, level: int, software: str) -> None:
        self._folder = folder
        self._size = size
        self._level = level
        self._software = software
        self._out: BinaryIO | None = None
        folder.mkdir(exist_ok=True)
        names = archive_files(folder)
        self._end = Position(names[-1], (folder / names[-1]).stat().st_size) if names else Position(file_name(1), 0)

    @property
    def end(self) -> Position:
        """Behind the last record."""
        return self._end

    def go_on_at(self, end: Position) -> None:
        """The next record goes there, or into a new file: before the first `append`."""
        self._end = end

    def append(self, url: str, depth: int, answer: Fetched, *, revisit_of: str | None = None) -> Position:
        """Writes the answer (as sent) and its request. `revisit_of`: date of the record whose body it repeats.

        The bytes are handed to the system, which keeps them when this process is killed, but not yet to the disk:
        `sync` does that. Raises OSError, and then nothing of the record is left.
        """
        if self._out is None or self._end.offset >= self._size:
            self._open()
        position = self._end
        self._put(self._members(url, depth, answer, revisit_of))
        return position

    def sync(self) -> None:
        """Makes everything appended so far survive a power cut."""
        if self._out is not None:
            os.fsync(self._out.fileno())

    def close(self) -> None:
        """Syncs and lets go of the file, whether the disk took it or not (then OSError). Idempotent."""
        if self._out is not None:
            try:
                self.sync()
            finally:
                self._out.close()
                self._out = None

    def _open(self) -> None:
        self.close()
        name = self._end.file if self._end.offset < self._size else following(self._end.file)
        self._out = (self._folder / name).open("ab", buffering=0)
        assert self._out is not None
        self._end = Position(name, self._out.seek(0, os.SEEK_END))
        if self._end.offset == 0:
            buffer = io.BytesIO()
            writer = WARCWriter(buffer, gzip=False, warc_version="1.1")
            info = {"software": self._software, "format": "WARC File Format 1.1", "robots": "obey"}
            writer.write_record(writer.create_warcinfo_record(name, info))
            self._put(self._pack(buffer.getvalue()))
            _sync_folder(self._folder)

    def _put(self, data: bytes) -> None:
        assert self._out is not None
        left = memoryview(data)
        try:
            while left:
                left = left[self._out.write(left) :]
        except OSError:
            # A full disk may have taken half a record: give the next one a clean end.
            self._out.truncate(self._end.offset)
            self._out.close()
            self._out = None
            raise
        self._end = Position(self._end.file, self._end.offset + len(data))

    def _pack(self, plain: bytes) -> bytes:
        packer = zlib.compressobj(self._level, zlib.DEFLATED, 31)
        return packer.compress(plain) + packer.flush()

    def _members(self, url: str, depth: int, answer: Fetched, revisit_of: str | None) -> bytes:
        buffer = io.BytesIO()
        writer = WARCWriter(buffer, gzip=False, warc_version="1.1")
        date = datetime.fromtimestamp(answer.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        extra = {
            "WARC-Date": date,
            "WARC-Forage-URL": url,
            "WARC-Forage-Depth": str(depth),
            "WARC-Protocol": answer.http_version.lower(),
        }
        if answer.peer:
            extra["WARC-IP-Address"] = answer.peer
        if answer.unread:
            extra["WARC-Truncated"] = "unspecified"
        # The chunks of a chunked body are undone on the wire: say how long it is instead.
        kept = [
            (name, value)
            for name, value in answer.headers
            if name.lower() not in ("transfer-encoding", "content-length")
        ]
        kept.append(("Content-Length", str(len(answer.raw))))
        phrase = answer.phrase.encode("ascii", "replace").decode()
        http = StatusAndHeaders(f"{answer.status} {phrase}".strip(), kept, protocol="HTTP/1.1")
        if revisit_of is None:
            record = writer.create_warc_record(
                answer.address,
                "response",
                io.BytesIO(answer.raw),
                len(answer.raw),
                warc_headers_dict=extra,
                http_headers=http,
            )
        else:
            extra["WARC-Profile"] = _UNMODIFIED if answer.status == 304 else _IDENTICAL
            extra["WARC-Refers-To-Target-URI"] = answer.address
            extra["WARC-Refers-To-Date"] = revisit_of
            record = writer.create_warc_record(answer.address, "revisit", warc_headers_dict=extra, http_headers=http)
        writer.write_record(record)
        split = buffer.tell()
        path = "/" + answer.address.split("/", 3)[-1] if answer.address.count("/") > 2 else "/"
        host = answer.address.split("/", 3)[2]
        sent = StatusAndHeaders(f"GET {path} HTTP/1.1", [("Host", host), *answer.request_headers], is_http_request=True)
        request = writer.create_warc_record(
            answer.address, "request", io.BytesIO(b""), 0, warc_headers_dict={"WARC-Date": date}, http_headers=sent
        )
        request.rec_headers.add_header("WARC-Concurrent-To", record.rec_headers.get_header("WARC-Record-ID"))
        writer.write_record(request)
        plain = buffer.getvalue()
        return self._pack(plain[:split]) + self._pack(plain[split:])


def archive_files(folder: Path) -> list[str]:
    """Names of our WARC files, oldest first."""
    return sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []


def file_name(number: int) -> str:
    return f"forage-{number:05d}.warc.gz"


def following(name: str) -> str:
    """The name of the file after this one."""
    found = _NAME.fullmatch(name)
    assert found is not None
    return file_name(int(found[1]) + 1)


def _sync_folder(folder: Path) -> None:
    """Makes a new file's name survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
