"""What a WARC folder holds: given a place, or a folder, gives answers back, and says which bytes are no record.

Damage costs the records that it hit and no others: behind it, reading goes on at the next gzip member that is a WARC
record. Reads only. Not for what is to be done about damage (survey.py).
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NamedTuple

from warcio.recordloader import ArchiveLoadFailed, ArcWarcRecordLoader  # type: ignore[import-untyped]
from warcio.statusandheaders import StatusAndHeadersParserException  # type: ignore[import-untyped]

from crawler.decode import decode
from crawler.errors import ArchiveError, FetchError
from crawler.fetch import Fetched
from crawler.warc import Position, archive_files

_MAGIC: Final = b"\x1f\x8b\x08"
_WARC: Final = b"WARC/"
_BLOCK: Final = 1 << 16  # bytes read at a time: most records are smaller
_RECORD_LIMIT: Final = 256 << 20  # decompressed bytes of one record that we are willing to read back


@dataclass(frozen=True, slots=True)
class Archived:
    """A record read back. `kind`: response or revisit (whose answer has no body). `url`: the page's name."""

    position: Position
    kind: str
    url: str
    depth: int
    answer: Fetched


class Stretch(NamedTuple):
    """Bytes of a file: a whole record (`plain`, uncompressed), or what is none (`plain` is None).

    `torn`: they are the beginning of a record that the end of the file cuts off.
    """

    begin: int
    end: int
    plain: bytes | None
    torn: bool = False


def read_at(folder: Path, position: Position) -> Archived:
    """The record at `position`. Raises ArchiveError when it is not there or broken."""
    where = f"{position.file} at byte {position.offset}"
    try:
        with (folder / position.file).open("rb") as source:
            source.seek(position.offset)
            plain, state = _member(source)
    except OSError as error:
        raise ArchiveError(f"cannot read {where}: {error}") from error
    if state != "whole":
        raise ArchiveError(f"the record in {where} is cut or broken")
    archived = _parse(plain, position)
    if archived is None:
        raise ArchiveError(f"no answer in {where}")
    return archived


def scan(folder: Path, start: Position | None = None) -> Iterator[Archived]:
    """Every answer from `start` on (default: all), in the order written; what cannot be read is passed over."""
    for name in archive_files(folder):
        if start is not None and name < start.file:
            continue
        for stretch in stretches(folder / name, start.offset if start is not None and name == start.file else 0):
            archived = _parse(stretch.plain, Position(name, stretch.begin)) if stretch.plain is not None else None
            if archived is not None:
                yield archived


def stretches(path: Path, start: int) -> Iterator[Stretch]:
    """The file from byte `start` (where a record begins) to its end, without a hole."""
    with path.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        begin = start
        while begin < size:
            source.seek(begin)
            plain, state = _member(source)
            if state == "whole":
                end = source.tell()
                yield Stretch(begin, end, plain)
            else:
                end = _next_record(source, begin, size)
                yield Stretch(begin, end, None, torn=state == "cut" and end == size)
            begin = end


def _member(source: BinaryIO) -> tuple[bytes, Literal["whole", "cut", "broken"]]:
    """The record at the file's place, which is left behind it; "cut": the file ends before it does."""
    start = source.tell()
    stream = zlib.decompressobj(31)
    plain = bytearray()
    read = 0
    while not stream.eof:
        block = source.read(_BLOCK)
        if not block:
            return b"", "cut"
        read += len(block)
        try:
            plain += stream.decompress(block)
        except zlib.error:
            return b"", "broken"
        if len(plain) > _RECORD_LIMIT or plain[: len(_WARC)] != _WARC[: len(plain)]:
            return b"", "broken"
    source.seek(start + read - len(stream.unused_data))
    return bytes(plain), "whole"


def _next_record(source: BinaryIO, start: int, size: int) -> int:
    """Where the next whole record behind `start` begins; `size` when there is none."""
    at = start + 1
    while at < size:
        source.seek(at)
        block = source.read(_BLOCK + len(_MAGIC) - 1)
        found = block.find(_MAGIC)
        if found < 0:
            at += _BLOCK
            continue
        source.seek(at + found)
        if _member(source)[1] == "whole":
            return at + found
        at += found + 1
    return size


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
    depth = int(depth_text[:9]) if depth_text.isdecimal() else 0
    url = fields.get_header("WARC-Forage-URL") or address
    answer = Fetched(
        address=address, status=int(status), headers=headers, raw=raw, body=body, at=at, seconds=0.0,
        phrase=record.http_headers.statusline.partition(" ")[2],
        unread=fields.get_header("WARC-Truncated") is not None,
    )  # fmt: skip
    return Archived(position, record.rec_type, url, depth, answer)
