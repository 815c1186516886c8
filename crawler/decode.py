"""Undoes Content-Encoding within a bound: given the body as sent, returns the bytes meant, or refuses.

Every decompressor is told how much it may give back, so a bomb costs at most the bound, and is fed in bites, so the
cost grows with the body and not with its square. Pure; a large body takes up to a second, so not on an event loop.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

import brotli  # type: ignore[import-untyped]
import zstandard

from crawler.errors import FetchError

_LAYERS: Final = 3  # gzip in gzip happens by mistake; more is an attack
_GZIP_BITE: Final = 4096  # bytes of input per step: what follows a member is copied, so much at most
_MEMBERS: Final = 20_000  # gzip members or zstd frames: bgzip, which makes the most, writes one per 64 KiB
_STEP: Final = 1 << 20  # bytes per brotli step
_ZSTD_BITE: Final = 256  # bytes of input per step: at most 8 MiB of output
_ZSTD_WINDOW: Final = 8 << 20  # RFC 9659: a browser accepts no larger window

_Decoder = Callable[[bytes, int], tuple[bytes, bool]]
"""Given a body and a limit: about the first `limit` bytes of what it means, and whether that is all of it."""


def decode(body: bytes, content_encoding: str, limit: int) -> bytes:
    """`body` without its encodings. Raises FetchError: too_large beyond `limit` bytes, encoding when it is broken."""
    for name, decoder in _layers(content_encoding):
        if not body:
            break
        body, whole = _undo(name, decoder, body, limit + 1)
        if len(body) > limit:
            raise FetchError(f"more than {limit} bytes after {name}", kind="too_large", retryable=False)
        if not whole:
            raise _broken(name, "it ends in the middle")
    if len(body) > limit:
        raise FetchError(f"more than {limit} bytes", kind="too_large", retryable=False)
    return body


def decode_start(body: bytes, content_encoding: str, limit: int, *, cut: bool) -> tuple[bytes, bool]:
    """The first `limit` bytes at most of what `body` means, and whether there is more. `cut`: `body` itself is only
    the start of what was sent. Raises FetchError (encoding) when it is broken, or so short that nothing can be read.
    """
    for name, decoder in _layers(content_encoding):
        if not body:
            break
        body, whole = _undo(name, decoder, body, limit)
        more = not whole or len(body) > limit
        body = body[:limit]
        if (more and not cut and len(body) < limit) or (not body and (more or cut)):
            raise _broken(name, "it ends in the middle")
        cut = cut or more
    return body[:limit], cut or len(body) > limit


def _layers(content_encoding: str) -> list[tuple[str, _Decoder]]:
    """The decoders to apply, in order. Raises FetchError for too many, and for one that is not known."""
    names = [name.strip().lower() for name in content_encoding.split(",")]
    layers = [name for name in reversed(names) if name and name != "identity"]
    if len(layers) > _LAYERS:
        raise FetchError(f"{len(layers)} content encodings in a row", kind="encoding", retryable=False)
    for name in layers:
        if name not in _DECODERS:
            raise FetchError(f"unknown content encoding {name!r}", kind="encoding", retryable=False)
    return [(name, _DECODERS[name]) for name in layers]


def _undo(name: str, decoder: _Decoder, body: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        return decoder(body, limit)
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise _broken(name, str(error)) from error


def _broken(name: str, why: str) -> FetchError:
    return FetchError(f"broken {name} body: {why}", kind="encoding", retryable=True)


def gunzip(body: bytes, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes of a gzip stream, all members of it, and whether that is all. Raises zlib.error."""
    parts: list[bytes] = []
    left, at = limit, 0
    for _ in range(_MEMBERS):
        stream = zlib.decompressobj(31)
        while left > 0 and at < len(body) and not stream.eof:
            bite = body[at : at + _GZIP_BITE]
            parts.append(stream.decompress(bite, left))
            left -= len(parts[-1])
            at += len(bite)
        if not stream.eof:
            return b"".join(parts), False
        at -= len(stream.unused_data)
        if not body.startswith(b"\x1f\x8b", at):
            return b"".join(parts), True  # what follows the last member is padding
    raise zlib.error(f"more than {_MEMBERS} members")


def _deflate(body: bytes, limit: int) -> tuple[bytes, bool]:
    try:
        stream = zlib.decompressobj()
        plain = stream.decompress(body, limit)
    except zlib.error:
        stream = zlib.decompressobj(-15)  # some servers send it without the zlib wrapper
        plain = stream.decompress(body, limit)
    return plain, stream.eof


def _brotli(body: bytes, limit: int) -> tuple[bytes, bool]:
    stream = brotli.Decompressor()
    parts = [stream.process(body, output_buffer_limit=min(limit, _STEP))]
    total = len(parts[0])
    while total < limit and not stream.is_finished():
        part = stream.process(b"", output_buffer_limit=min(limit - total, _STEP))
        if not part:
            break
        parts.append(part)
        total += len(part)
    return b"".join(parts), stream.is_finished()


def _zstd(body: bytes, limit: int) -> tuple[bytes, bool]:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    parts: list[bytes] = []
    total, at = 0, 0
    for _ in range(_MEMBERS):
        stream = decompressor.decompressobj()
        while total < limit and at < len(body) and not stream.eof:
            # Four bytes may stand for a block of 128 KiB: small bites bound what one step can give back.
            bite = body[at : at + _ZSTD_BITE]
            parts.append(stream.decompress(bite))
            total += len(parts[-1])
            at += len(bite)
        if not stream.eof:
            return b"".join(parts), False
        at -= len(stream.unused_data)
        if at >= len(body):
            return b"".join(parts), True
    raise zstandard.ZstdError(f"more than {_MEMBERS} frames")


_DECODERS: Final[dict[str, _Decoder]] = {
    "gzip": gunzip,
    "x-gzip": gunzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
