"""Raw answers at rest: given an answer, appends a WARC record; given a place, gives the answer back (ISO 28500).

One gzip member per record, written in one piece, so that a process killed in mid-write leaves whole records and
at most one torn one at the end, which `repair` cuts off. A page is one `response` (or `revisit`) record followed
by its `request`. The fields WARC-Forage-URL and WARC-Forage-Depth carry what the frontier knew, so that it can be
rebuilt from the archive alone. Not safe for two writers: the crawl holds the folder's lock.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from warcio.recordloader import ArchiveLoadFailed, ArcWarcRecordLoader  # type: ignore[import-untyped]
from warcio.statusandheaders import StatusAndHeaders, StatusAndHeadersParserException  # type: ignore[import-untyped]
from warcio.warcwriter import WARCWriter  # type: ignore[import-untyped]

from crawler.decode import decode
from crawler.errors import ArchiveError, FetchError
from crawler.fetch import Fetched

_PREFIX: Final = "forage-"
_SUFFIX: Final = ".warc.gz"
_MAGIC: Final = b"\x1f\x8b\x08"
_BLOCK: Final = 1 << 18  # bytes read at a time
_RECORD_LIMIT: Final = 256 << 20  # decompressed bytes of one record that we are willing to read back
_IDENTICAL: Final = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_UNMODIFIED: Final = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record begins: a file name inside the WARC folder and a byte offset."""

    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class Archived:
    """A record read back. `kind`: response or revisit (whose answer has no body). `url`: the page's name."""

    position: Position
    kind: str
    url: str
    depth: int
    answer: Fetched


class Archive:
    """The WARC folder of a collection, open for appending. `size` bounds a file before the next one begins."""

    def __init__(self, folder: Path, *, size: int, level: int, software: str) -> None:
        self._folder = folder
        self._size = size
        self._level = level
        self._software = software
        self._out: BinaryIO | None = None
        self._name = ""
        self._at = 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def end(self) -> Position:
        """Where the next record will begin."""
        if self._out is None:
            self._open()
        return Position(self._name, self._at)

    def append(self, url: str, depth: int, answer: Fetched, *, revisit_of: str | None = None) -> Position:
        """Writes the answer (as sent) and its request. `revisit_of`: date of the record whose body it repeats.

        The bytes are handed to the system, not yet to the disk: `sync` does that. Raises OSError.
        """
        if self._out is None or self._at >= self._size:
            self._open()
        assert self._out is not None
        position = Position(self._name, self._at)
        try:
            written = self._out.write(self._members(url, depth, answer, revisit_of))
            self._out.flush()
        except OSError:
            # A full disk may have taken half a record: give the next writer a clean end.
            self._out.close()
            self._out = None
            os.truncate(self._folder / position.file, position.offset)
            raise
        self._at += written
        return position

    def sync(self) -> None:
        """Makes everything appended so far survive a power cut."""
        if self._out is not None:
            os.fsync(self._out.fileno())

    def close(self) -> None:
        """Syncs and lets go of the file. Idempotent."""
        if self._out is not None:
            self.sync()
            self._out.close()
            self._out = None

    def _open(self) -> None:
        self.close()
        existing = archive_files(self._folder)
        if existing and (self._folder / existing[-1]).stat().st_size < self._size:
            self._name = existing[-1]
        else:
            number = int(existing[-1][len(_PREFIX) : -len(_SUFFIX)]) + 1 if existing else 1
            self._name = f"{_PREFIX}{number:05d}{_SUFFIX}"
        self._out = (self._folder / self._name).open("ab", buffering=0)
        assert self._out is not None
        self._at = self._out.seek(0, os.SEEK_END)
        if self._at == 0:
            buffer = io.BytesIO()
            writer = WARCWriter(buffer, gzip=False, warc_version="1.1")
            info = {"software": self._software, "format": "WARC File Format 1.1", "robots": "obey"}
            writer.write_record(writer.create_warcinfo_record(self._name, info))
            self._at += self._out.write(self._pack(buffer.getvalue()))

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
    return sorted(path.name for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"))


def read_at(folder: Path, position: Position) -> Archived:
    """The record at `position`. Raises ArchiveError when it is not there or broken."""
    where = f"{position.file} at byte {position.offset}"
    try:
        with (folder / position.file).open("rb") as source:
            source.seek(position.offset)
            plain, whole = _member(source)
    except OSError as error:
        raise ArchiveError(f"cannot read {where}: {error}") from error
    if not whole:
        raise ArchiveError(f"the record in {where} is cut or broken")
    archived = _parse(plain, position)
    if archived is None:
        raise ArchiveError(f"no answer in {where}")
    return archived


def scan(folder: Path, start: Position | None = None) -> Iterator[Archived]:
    """Every answer from `start` on (default: all), in the order written; torn and broken records are passed over."""
    for name in archive_files(folder):
        if start is not None and name < start.file:
            continue
        offset = start.offset if start is not None and name == start.file else 0
        for at, plain in _members(folder / name, offset):
            archived = _parse(plain, Position(name, at))
            if archived is not None:
                yield archived


def repair(folder: Path, start: Position | None = None) -> Position | None:
    """Cuts a torn record off the end of the last file; returns where the archive ends now (None: no archive).

    `start` is a known good place: only what follows it is read.
    """
    names = archive_files(folder)
    if not names:
        return None
    path = folder / names[-1]
    size = path.stat().st_size
    good = start.offset if start is not None and start.file == names[-1] and start.offset <= size else 0
    with path.open("rb") as source:
        while True:
            source.seek(good)
            _, whole = _member(source, keep=False)
            if not whole:
                break
            good = source.tell()
    if good < size and _next_member(path, good) is None:
        os.truncate(path, good)
        size = good
    return Position(names[-1], size)


def _member(source: BinaryIO, keep: bool = True) -> tuple[bytes, bool]:
    """The gzip member at the file's place: its bytes (unless not kept) and whether it was whole and sound.

    Leaves the file just behind the member.
    """
    start = source.tell()
    stream = zlib.decompressobj(31)
    parts: list[bytes] = []
    total = read = 0
    while not stream.eof:
        block = source.read(_BLOCK)
        if not block:
            return b"", False
        read += len(block)
        try:
            part = stream.decompress(block)
        except zlib.error:
            return b"", False
        total += len(part)
        if total > _RECORD_LIMIT:
            return b"", False
        if keep:
            parts.append(part)
    source.seek(start + read - len(stream.unused_data))
    return b"".join(parts), True


def _next_member(path: Path, start: int) -> int | None:
    """Offset of the next sound gzip member behind `start`, or None: after damage in the middle of a file."""
    with path.open("rb") as source:
        at = start + 1
        while True:
            source.seek(at)
            block = source.read(_BLOCK + len(_MAGIC))
            found = block.find(_MAGIC)
            if found < 0:
                if len(block) <= _BLOCK:
                    return None
                at += _BLOCK
                continue
            source.seek(at + found)
            if _member(source, keep=False)[1]:
                return at + found
            at += found + 1


def _members(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    at: int | None = start
    with path.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        while at is not None and at < size:
            source.seek(at)
            plain, whole = _member(source)
            if whole:
                yield at, plain
                at = source.tell()
            else:
                at = _next_member(path, at)


def _parse(plain: bytes, position: Position) -> Archived | None:
    """The answer in one record; None for other kinds of record and for what cannot be read."""
    try:
        record: Any = ArcWarcRecordLoader().parse_record_stream(io.BytesIO(plain), known_format="warc")
    except (ArchiveLoadFailed, StatusAndHeadersParserException, EOFError, ValueError):
        return None
    if record.rec_type not in ("response", "revisit") or record.http_headers is None:
        return None
    fields = record.rec_headers
    address = fields.get_header("WARC-Target-URI") or ""
    status = record.http_headers.get_statuscode() or ""
    if not status.isdecimal():
        return None
    raw = record.raw_stream.read() if record.rec_type == "response" else b""
    headers = tuple(record.http_headers.headers)
    encoding = record.http_headers.get_header("Content-Encoding") or ""
    try:
        body = decode(raw, encoding, _RECORD_LIMIT) if encoding and raw else raw
        at = datetime.fromisoformat(fields.get_header("WARC-Date")).timestamp()
    except (FetchError, ValueError, TypeError):
        return None
    depth_text = fields.get_header("WARC-Forage-Depth") or "0"
    depth = int(depth_text) if depth_text.isdecimal() else 0
    url = fields.get_header("WARC-Forage-URL") or address
    answer = Fetched(
        address=address, status=int(status), headers=headers, raw=raw, body=body, at=at, seconds=0.0,
        phrase=record.http_headers.statusline.partition(" ")[2],
    )  # fmt: skip
    return Archived(position, record.rec_type, url, depth, answer)
