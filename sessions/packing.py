"""Bytes made small: given a body, returns it compressed, and back.

What sessions keep longest is answers, and they are JSON that says the same names ten times. Not for what the bytes mean
(codec.py).
"""

from __future__ import annotations

import threading
from typing import Final

import zstandard

from sessions.errors import LogFormatError

LEVEL: Final = 3
"""Of zstd: 4 times smaller at 0.1 ms for an answer of 20 KB; higher levels gain 5 % and take twice as long."""

_tools = threading.local()  # of zstandard, which are not for several threads at once


def pack(body: bytes) -> bytes:
    if not hasattr(_tools, "compressor"):
        _tools.compressor = zstandard.ZstdCompressor(level=LEVEL)
    packed: bytes = _tools.compressor.compress(body)
    return packed


def unpack(packed: bytes) -> bytes:
    """Raises LogFormatError."""
    if not hasattr(_tools, "decompressor"):
        _tools.decompressor = zstandard.ZstdDecompressor()
    return unpacked(_tools.decompressor, packed)


def unpacked(decompressor: zstandard.ZstdDecompressor, packed: bytes) -> bytes:
    """With a decompressor of the caller's. Raises LogFormatError."""
    try:
        body: bytes = decompressor.decompress(packed)
    except zstandard.ZstdError as error:
        raise LogFormatError(f"a damaged session entry: {error}", hint="delete the session") from error
    return body


def opened(stored: bytes) -> bytes:
    """What was stored, whether it was packed or, by an older version, not. Raises LogFormatError."""
    return unpack(stored) if stored.startswith(zstandard.FRAME_HEADER) else stored
