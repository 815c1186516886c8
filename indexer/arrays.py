"""Named arrays in one file: given a mapping, writes it; given the file, returns read-only views of its memory map.

Layout: arrays aligned to 64 bytes, then a JSON directory, then its length (8 bytes) and a magic word, so that a cut
file is noticed at opening. Pages are read when they are touched. Not for anything that changes.
"""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from indexer.errors import GenerationCorruptError

_MAGIC: Final = b"FORAGE01"
_ALIGNMENT: Final = 64  # a cache line: no vector load straddles two
Array = NDArray[Any]


class ArrayWriter:
    """Fills one file. `add` stores an array; `allocate` returns a writable array of the file itself, for what is
    filled piece by piece. A context manager: without an exception the file is completed and made durable."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("x+b")
        self._end = 0
        self._directory: dict[str, tuple[str, tuple[int, ...], int]] = {}
        self._maps: list[np.memmap[Any, Any]] = []

    def add(self, name: str, values: Array | Sequence[Any], dtype: DTypeLike | None = None) -> None:
        array = np.ascontiguousarray(values, dtype)
        offset = self._place(name, array.dtype, array.shape)
        self._file.seek(offset)
        self._file.write(array.data.cast("B") if array.size else b"")
        self._end = offset + array.nbytes

    def allocate(self, name: str, dtype: DTypeLike, shape: tuple[int, ...]) -> Array:
        kind = np.dtype(dtype)
        offset = self._place(name, kind, shape)
        self._end = offset + int(np.prod(shape)) * kind.itemsize
        if self._end == offset:
            return np.empty(shape, kind)
        self._file.truncate(self._end)
        if hasattr(os, "posix_fallocate"):  # a map of blocks that a full disk cannot give kills the process (SIGBUS)
            os.posix_fallocate(self._file.fileno(), 0, self._end)
        self._file.flush()
        view = np.memmap(self._file, kind, "r+", offset, shape)
        self._maps.append(view)
        return view

    def _place(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
        offset = -(-self._end // _ALIGNMENT) * _ALIGNMENT
        self._directory[name] = (dtype.str, shape, offset)
        return offset

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._complete()
        finally:
            self._maps.clear()
            self._file.close()

    def _complete(self) -> None:
        for view in self._maps:
            view.flush()
        directory = json.dumps(self._directory).encode()
        self._file.seek(self._end)
        self._file.write(directory + len(directory).to_bytes(8, "little") + _MAGIC)
        self._file.flush()
        os.fsync(self._file.fileno())


def read_arrays(path: Path) -> dict[str, Array]:
    """Raises GenerationCorruptError for a file that is missing, cut or not one of ours."""
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if content[-8:] != _MAGIC:
            raise ValueError("its end is missing")
        start = len(content) - 16 - int.from_bytes(content[-16:-8], "little")
        directory = json.loads(content[start:-16])
        arrays = {}
        for name, (dtype, shape, offset) in directory.items():
            count = int(np.prod(shape))
            if offset + count * np.dtype(dtype).itemsize > start:
                raise ValueError(f"array {name} reaches beyond its end")
            arrays[name] = (
                np.frombuffer(content, dtype, count, offset).reshape(shape) if count else np.empty(shape, dtype)
            )
        return arrays
    except (OSError, ValueError, TypeError) as error:
        raise GenerationCorruptError(f"{path.name} in {path.parent.name} cannot be read: {error}") from error


class Strings:
    """A list of texts as two arrays: UTF-8 (lone surrogates pass) and byte offsets."""

    __slots__ = ("_bytes", "_offsets")

    def __init__(self, data: Array, offsets: Array) -> None:
        self._bytes = data.data
        self._offsets = offsets

    @staticmethod
    def encode(texts: Sequence[str]) -> tuple[Array, Array]:
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        offsets = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        return np.frombuffer(b"".join(parts), np.uint8), offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> str:
        return str(self._bytes[self._offsets[index] : self._offsets[index + 1]], "utf-8", "surrogatepass")

    def take(self, indices: Array) -> list[str]:
        starts, ends = self._offsets[indices].tolist(), self._offsets[indices + 1].tolist()
        data = self._bytes
        return [str(data[a:b], "utf-8", "surrogatepass") for a, b in zip(starts, ends, strict=True)]

    def all(self) -> list[str]:
        return self.take(np.arange(len(self)))


def add_strings(writer: ArrayWriter, name: str, texts: Sequence[str]) -> None:
    data, offsets = Strings.encode(texts)
    writer.add(f"{name}.text", data)
    writer.add(f"{name}.at", offsets)


def strings_of(arrays: Mapping[str, Array], name: str) -> Strings:
    return Strings(arrays[f"{name}.text"], arrays[f"{name}.at"])


def ranges(starts: Array, counts: Array) -> NDArray[np.int64]:
    """The concatenation of arange(start, start + count) for each pair."""
    total = int(counts.sum())
    if not total:
        return np.empty(0, np.int64)
    ends = np.cumsum(counts, dtype=np.int64)
    return np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - counts), counts)
