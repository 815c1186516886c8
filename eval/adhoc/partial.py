"""Answers of an interrupted run: given a folder and what is asked, returns what was answered there, and keeps the rest.

OUT/partial.jsonl: the specification on the first line, then one answered topic a line, written as it comes. A line that
a kill cut off is asked again; a file of another specification is refused, because its answers would look like ours.
Removed when the results are written. Not for results.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from eval.adhoc.runs import Ranked
from eval.errors import RunError

NAME: Final = "partial.jsonl"
SPECIFICATION: Final = "specification"


class Partial:
    """A context manager; RunError on entering when the file is of another specification, or damaged."""

    def __init__(self, out: Path, specification: Mapping[str, Any]) -> None:
        self._path = out / NAME
        self._specification = dict(specification)
        self.answered: dict[str, Ranked] = {}

    def __enter__(self) -> Self:
        whole = self._read() if self._path.is_file() else 0
        self._file = self._path.open("r+b" if whole else "wb")
        self._file.seek(whole)
        self._file.truncate()
        if not whole:
            self._file.write(orjson.dumps({SPECIFICATION: self._specification}) + b"\n")
            self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def keep(self, topic: str, ranked: Ranked) -> None:
        """Written before this returns, so far as the operating system knows."""
        row = {"topic": topic, "documents": ranked.documents, "ms": ranked.ms}
        self._file.write(orjson.dumps(row) + b"\n")
        self._file.flush()

    def remove(self) -> None:
        """What was kept is in the results."""
        self._path.unlink(missing_ok=True)

    def _read(self) -> int:
        """Takes up the answers; the number of bytes that are whole lines."""
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        first, *rest = data[:whole].split(b"\n")[:-1] or [b""]
        if not whole:
            return 0  # killed before the first line was whole
        try:
            kept = orjson.loads(first)[SPECIFICATION]
            for line in rest:
                row = orjson.loads(line)
                documents = tuple((str(document), float(score)) for document, score in row["documents"])
                self.answered[str(row["topic"])] = Ranked(documents, float(row["ms"]))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{self._path} cannot be read: {error!r}", hint="remove it; its topics are asked again"
            ) from None
        if kept != self._specification:
            names = {*kept, *self._specification}
            changed = sorted(name for name in names if kept.get(name) != self._specification.get(name))
            raise RunError(
                f"{self._path} is of an interrupted run that differs in {', '.join(changed)}",
                hint="finish that run, give another --out, or remove the file",
            )
        return whole
