"""Files of test collections: given a path, returns its lines with their numbers, whatever it is packed with.

Plain, gzip or zstd, known by the first bytes. A byte order mark, blanks around a line and line ends of Windows are no
part of a line; lines without anything else are left out. What is cut off or damaged is a DatasetError with file and
line, never just an end. Not for what a line means.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from eval.errors import DatasetError
from indexer.errors import IngestError
from indexer.limits import IngestLimits
from indexer.lines import read_lines

PACKINGS: Final = (".zst", ".gz", "")
LIMITS: Final = IngestLimits(max_bytes=sys.maxsize)
"""A file is read line by line here: only the line has to fit."""
CUT_OFF: Final = "the file may have been cut off: copy it again"


def packed(folder: Path, name: str) -> Path | None:
    """The file of this name in the folder, plain or packed."""
    return next((found for ending in PACKINGS if (found := folder / f"{name}{ending}").is_file()), None)


def byte_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, bytes). OSError when it cannot be opened."""
    last = 0
    with path.open("rb") as stream:
        try:
            for number, line in read_lines(stream, LIMITS):
                last = number
                if line is None:
                    raise DatasetError(f"{path} line {number}: longer than {LIMITS.max_line_bytes:,} bytes")
                yield number, line
        except IngestError as error:
            said = error.message.removesuffix("; nothing was stored")
            raise DatasetError(f"{path} after line {last}: {said}", hint=CUT_OFF) from None


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, text)."""
    for number, line in byte_lines(path):
        try:
            yield number, line.decode()
        except UnicodeDecodeError as error:
            raise DatasetError(f"{path} line {number}: not UTF-8 ({error.reason})", hint="store it as UTF-8") from None


def objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number from 1, object) of a JSON lines file."""
    for number, line in byte_lines(path):
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DatasetError(f"{path} line {number}: not JSON ({error})", hint=CUT_OFF) from None
        if not isinstance(row, dict):
            raise DatasetError(f"{path} line {number}: not an object", hint="every line is one JSON object")
        yield number, row


def first_line(path: Path) -> str:
    """What tells the format of a file; DatasetError for one with nothing in it."""
    for _, line in byte_lines(path):
        return line.decode("utf-8", "replace")
    raise DatasetError(f"{path} is empty", hint=CUT_OFF)


def digest(paths: Iterable[Path]) -> str:
    """Twelve hexadecimal digits of the files' bytes, as they are packed."""
    made = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                made.update(chunk)
    return made.hexdigest()[:12]
