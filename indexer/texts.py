"""Stored documents: given documents in row order, writes them compressed; given a row, gives one or a part back.

A document is a small JSON frame, a frame of links, and frames of CHUNK characters of text each, so that a passage of
a large page costs one or two frames; how many characters a frame has is stored with them. zstd. Not for searching.
"""

from __future__ import annotations

import json
import mmap
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import orjson
import zstandard

from indexer.arrays import Array, ArrayWriter
from indexer.errors import GenerationCorruptError
from ranking.types import Document, Link

CHUNK: Final = 4_096
"""Characters of text per frame: a passage costs a frame or two, so what is not shown should not be decompressed."""

_OLD_CHUNK: Final = 32_768
"""Of segments that do not say."""

LEVEL: Final = 3
"""zstd: 3.2x on web text at 300 MB/s."""

_FIELDS: Final = (
    "id", "url", "title", "site", "language", "author", "published_at", "modified_at", "fetched_at", "filetype",
    "content_hash",
)  # fmt: skip
_LOCAL: Final = threading.local()


class TextWriter:
    """`add` documents in row order; `write` stores where each frame begins."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("xb")
        self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        self._frames: list[int] = [0]
        self._first: list[int] = [0]

    def add(self, document: Document) -> None:
        head: dict[str, Any] = {name: getattr(document, name) for name in _FIELDS}
        head["metadata"] = dict(document.metadata)
        self._frame(json.dumps(head, separators=(",", ":"), default=str))
        links = [[link.url, link.text, link.nofollow] for link in document.links]
        self._frame(json.dumps(links, separators=(",", ":")))
        for start in range(0, len(document.text), CHUNK):
            self._frame(document.text[start : start + CHUNK])
        self._first.append(len(self._frames) - 1)

    def _frame(self, text: str) -> None:
        data = self._compressor.compress(text.encode("utf-8", "surrogatepass"))
        self._file.write(data)
        self._frames.append(self._frames[-1] + len(data))

    def write(self, writer: ArrayWriter) -> None:
        writer.add("text.frames", np.array(self._frames, np.int64))
        writer.add("text.first", np.array(self._first, np.int64))
        writer.add("text.chunk", np.array([CHUNK], np.int64))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        """Let go of the file, complete or not."""
        self._file.close()


class TextReader:
    """One segment's documents by local row."""

    def __init__(self, path: Path, arrays: Mapping[str, Array]) -> None:
        self._frames, self._first = arrays["text.frames"], arrays["text.first"]
        self._chunk = int(arrays["text.chunk"][0]) if "text.chunk" in arrays else _OLD_CHUNK
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._frames[-1] else b""
        except (OSError, ValueError) as error:
            raise GenerationCorruptError(f"{path.name} in {path.parent.name} cannot be read: {error}") from error
        if len(self._data) != int(self._frames[-1]):
            raise GenerationCorruptError(f"{path.name} in {path.parent.name} is cut: {len(self._data)} bytes")
        self.file = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        """Which file it is: generations that share a segment link the same one."""

    def document(self, row: int, text: bool = False) -> Document:
        """Without `text`, neither the text nor the links are read ("" and ())."""
        first, end = int(self._first[row]), int(self._first[row + 1])
        document = Document(text="", **_read(self._frame(first)))
        if not text:
            return document
        links = tuple(Link(url, name, nofollow) for url, name, nofollow in _read(self._frame(first + 1)))
        return replace(document, text="".join(map(self._frame, range(first + 2, end))), links=links)

    def part(self, row: int, start: int, end: int) -> str:
        """Characters [start, end) of the text."""
        if start >= end:
            return ""
        first = int(self._first[row]) + 2
        chunk = self._chunk
        low, high = start // chunk, (end - 1) // chunk
        joined = "".join([self._text_frame(first + i) for i in range(low, high + 1)])
        return joined[start - low * chunk : end - low * chunk]

    def _text_frame(self, number: int) -> str:
        """The thread's latest frame is kept: a page's passages are asked for one after the other."""
        kept: tuple[Any, int, str] | None = _LOCAL.__dict__.get("frame")
        if kept is None or kept[0] is not self._frames or kept[1] != number:
            kept = _LOCAL.frame = (self._frames, number, self._frame(number))
        return kept[2]

    def _frame(self, number: int) -> str:
        data = self._data[int(self._frames[number]) : int(self._frames[number + 1])]
        decompressor = _LOCAL.__dict__.get("decompressor")
        if decompressor is None:
            decompressor = _LOCAL.decompressor = zstandard.ZstdDecompressor()
        try:
            return str(decompressor.decompress(data), "utf-8", "surrogatepass")
        except zstandard.ZstdError as error:
            raise GenerationCorruptError(f"a stored document is damaged: {error}") from error


def _read(text: str) -> Any:
    """JSON; orjson is five times as fast and refuses the lone surrogates that the writer escapes."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
