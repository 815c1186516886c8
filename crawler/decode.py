"""Undoes Content-Encoding within a bound: given the body as sent, returns the bytes meant, or refuses.

Every decompressor is told how much it may give back, so a bomb costs at most the bound. Pure.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

import brotli  # type: ignore[import-untyped]
import zstandard

from crawler.errors import FetchError

_LAYERS: Final = 3  # gzip in gzip happens by mistake; more is an attack
_STEP: Final = 1 << 20  # bytes per brotli step
_ZSTD_BITE: Final = 256  # bytes of input per step: at most 8 MiB of output
_ZSTD_WINDOW: Final = 8 << 20  # RFC 9659: a browser accepts no larger window


def decode(body: bytes, content_encoding: str, limit: int) -> bytes:
    """`body` without its encodings. Raises FetchError: too_large beyond `limit` bytes, encoding when it is broken."""
    names = [name.strip().lower() for name in content_encoding.split(",")]
    layers = [name for name in names if name and name != "identity"]
    if len(layers) > _LAYERS:
        raise FetchError(f"{len(layers)} content encodings in a row", kind="encoding", retryable=False)
    for name in reversed(layers):
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise FetchError(f"unknown content encoding {name!r}", kind="encoding", retryable=False)
        if not body:
            break
        try:
            body = decoder(body, limit + 1)
        except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
            raise FetchError(f"broken {name} body: {error}", kind="encoding", retryable=True) from error
        if len(body) > limit:
            raise FetchError(f"more than {limit} bytes after {name}", kind="too_large", retryable=False)
    if len(body) > limit:
        raise FetchError(f"more than {limit} bytes", kind="too_large", retryable=False)
    return body


def gunzip(body: bytes, limit: int) -> bytes:
    """At most `limit` bytes of a gzip stream, all members of it. Raises zlib.error, EOFError when it is cut."""
    parts: list[bytes] = []
    left = limit
    while body and left > 0:
        stream = zlib.decompressobj(31)
        parts.append(stream.decompress(body, left))
        left -= len(parts[-1])
        if left > 0 and not stream.eof:
            raise EOFError("it ends in the middle")
        body = stream.unused_data
        if not body.startswith(b"\x1f\x8b"):
            break  # padding after the last member
    return b"".join(parts)


def _deflate(body: bytes, limit: int) -> bytes:
    try:
        stream = zlib.decompressobj()
        plain = stream.decompress(body, limit)
    except zlib.error:
        stream = zlib.decompressobj(-15)  # some servers send it without the zlib wrapper
        plain = stream.decompress(body, limit)
    if len(plain) < limit and not stream.eof:
        raise EOFError("it ends in the middle")
    return plain


def _brotli(body: bytes, limit: int) -> bytes:
    stream = brotli.Decompressor()
    parts = [stream.process(body, output_buffer_limit=min(limit, _STEP))]
    total = len(parts[0])
    while total < limit and not stream.is_finished():
        part = stream.process(b"", output_buffer_limit=min(limit - total, _STEP))
        if not part:
            raise EOFError("it ends in the middle")
        parts.append(part)
        total += len(part)
    return b"".join(parts)


def _zstd(body: bytes, limit: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    parts: list[bytes] = []
    total, at = 0, 0
    stream = decompressor.decompressobj()
    while at < len(body) and total < limit:
        # Four bytes may stand for a block of 128 KiB: small bites bound what one step can give back.
        bite = body[at : at + _ZSTD_BITE]
        part = stream.decompress(bite)
        at += len(bite)
        parts.append(part)
        total += len(part)
        if stream.eof:
            at -= len(stream.unused_data)
            if at >= len(body):
                break
            stream = decompressor.decompressobj()
    if total < limit and not stream.eof:
        raise EOFError("it ends in the middle")
    return b"".join(parts)


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": gunzip,
    "x-gzip": gunzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
