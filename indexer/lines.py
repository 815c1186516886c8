"""A stream of bytes as lines: given plain, gzip or zstd bytes, returns numbered lines, with bounded memory.

The packing is known by its first bytes, whatever the file is called. A cut or damaged archive is an error and
never just an end; a bomb ends at the cap on decompressed bytes. Not for JSON: see fields.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

import zstandard

from indexer.errors import IngestError, IngestTooLargeError
from indexer.limits import IngestLimits

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
_FOREIGN: Final = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7z archive",
    b"SQLite": "an SQLite file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_READ: Final = 1 << 16  # bytes a read of a plain file
_PIECE: Final = 1 << 10  # compressed bytes at a time: 1 KiB of zstd can become 32 MiB, and no more
_HEAD: Final = 6  # bytes that tell the packing
_WHAT_WORKS: Final = "send one JSON object per line in UTF-8, plain or as gzip or zstd"

Line = tuple[int, bytes | None]
"""(1-based number, bytes without the line end; None for a line over the cap, which was skipped)."""


def read_lines(stream: BinaryIO | Iterable[bytes], limits: IngestLimits) -> Iterator[Line]:
    """Every line that is not blank. Raises IngestError (packing damaged or unknown), IngestTooLargeError."""
    pieces = _chunks(stream)
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD:
            break
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise IngestError(f"this is {name}", hint=_WHAT_WORKS)
    whole = _chain(head, pieces)
    if head.startswith(GZIP):
        data = _gunzip(whole)
    elif head.startswith(ZSTD):
        data = _unzstd(whole)
    else:
        data = whole
    return _split(_capped(data, limits), limits)


def _chunks(stream: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    read = getattr(stream, "read", None)
    if read is None:
        yield from stream
        return
    while piece := read(_READ):
        yield piece


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _capped(data: Iterator[bytes], limits: IngestLimits) -> Iterator[bytes]:
    total = 0
    for piece in data:
        total += len(piece)
        if total > limits.max_bytes:
            raise IngestTooLargeError(
                f"the documents are more than {limits.max_bytes:,} bytes (decompressed); nothing was stored",
                hint="split the file and send its parts one after the other",
            )
        yield piece


def _gunzip(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Members one after the other, as `cat a.gz b.gz` makes them."""
    inflate = zlib.decompressobj(wbits=31)
    fed = ended = False  # whether the current member has begun, and whether one has ended
    try:
        for piece in packed:
            while piece:
                if inflate.eof:
                    inflate, fed, ended = zlib.decompressobj(wbits=31), False, True
                if ended and not fed and not (piece := piece.lstrip(b"\0")):  # some writers pad
                    break
                fed = True
                data = inflate.decompress(piece, _READ)
                piece = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
                if data:
                    yield data
        while fed and not inflate.eof and (data := inflate.decompress(b"", _READ)):
            yield data
    except zlib.error as error:
        raise IngestError(f"the gzip data is damaged ({error}); nothing was stored", hint="pack it again") from error
    if fed and not inflate.eof:
        raise IngestError(
            "the gzip data ends in the middle: the file was cut; nothing was stored", hint="send the whole file"
        )


def _unzstd(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Frames one after the other."""
    decompressor = zstandard.ZstdDecompressor()
    inflate = decompressor.decompressobj()
    fed = False
    try:
        for chunk in packed:
            for start in range(0, len(chunk), _PIECE):
                piece = chunk[start : start + _PIECE]
                while piece:
                    if inflate.eof:
                        inflate, fed = decompressor.decompressobj(), False
                    fed = True
                    data = inflate.decompress(piece)
                    piece = inflate.unused_data if inflate.eof else b""
                    if data:
                        yield data
    except zstandard.ZstdError as error:
        raise IngestError(f"the zstd data is damaged ({error}); nothing was stored", hint="pack it again") from error
    if fed and not inflate.eof:
        raise IngestError(
            "the zstd data ends in the middle: the file was cut; nothing was stored", hint="send the whole file"
        )


def _split(data: Iterator[bytes], limits: IngestLimits) -> Iterator[Line]:
    number, size, skipping = 1, 0, False
    parts: list[bytes] = []
    for piece in data:
        if number == 1 and not parts and not skipping:
            piece = piece.removeprefix(_BYTE_ORDER_MARK)
        *ended, rest = piece.split(b"\n")
        for end in ended:
            parts.append(end)
            line = b"".join(parts).strip() if not skipping and size + len(end) <= limits.max_line_bytes else None
            if line is None or line:
                yield number, line
            number, size, skipping = number + 1, 0, False
            parts.clear()
        size += len(rest)
        if size > limits.max_line_bytes:
            skipping = True
            parts.clear()
        elif rest:
            parts.append(rest)
    last = b"".join(parts).strip()
    if skipping or last:
        yield number, None if skipping else last
