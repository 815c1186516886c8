"""Features on disk: given topics one after the other, writes LETOR and Parquet side by side, and says what they hold.

LETOR is SVMlight with qid: `grade qid:1 1:0.5 3:0.25 # topic<TAB>document`. Features of 0 are left out but for the
last, from which readers know how many there are; numbers read back to the bit. Lines that begin with # name features.
Whole files only: until finish they are .part files, and features.json comes last. Not for what is in them:
features.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from api.errors import NotInstalledError
from eval.errors import FrozenError
from eval.frozen.candidates import FrozenTopic
from ranking.signals.catalogue import SIGNALS
from ranking.types import Doubles, Longs

LETOR: Final = "features.letor"
PARQUET: Final = "features.parquet"
HEADER: Final = "features.json"
COLUMNS: Final = ("topic", "document", "grade", "judged", "rank", "score")
"""Before the signals; no signal has such a name."""
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Features:
    """One topic: `rows` [m] of its candidates, best first, and their `scores` [m]."""

    topic: FrozenTopic
    rows: Longs = field(repr=False)
    scores: Doubles = field(repr=False)


class FeatureFiles:
    """A context manager over a folder that is there; without finish nothing new stays."""

    def __init__(self, out: Path) -> None:
        try:
            import pyarrow as arrow
        except ImportError:
            raise NotInstalledError(
                "writing Parquet needs pyarrow, which is not installed", hint="make install (or: pip install pyarrow)"
            ) from None
        self._arrow = arrow
        self._out = out
        self._parts = {name: out / f"{name}.part" for name in (LETOR, PARQUET, HEADER)}
        self._signals: tuple[str, ...] = ()
        self._letor: IO[str] | None = None
        self._table: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for part in self._parts.values():
            part.unlink(missing_ok=True)

    def add(self, number: int, signals: tuple[str, ...], features: Features) -> None:
        """One topic; `number` is its qid. FrozenError for other signals than those of the first, and for a name that no
        line can hold."""
        if self._letor is None:
            self._open(signals)
        if signals != self._signals:
            raise FrozenError("topics have different signals", hint="give all of them the same params")
        assert self._letor is not None
        self._letor.writelines(lines(number, features))
        topic, rows = features.topic, features.rows
        columns = {
            "topic": [topic.topic] * len(rows),
            "document": [topic.ids[row] for row in rows.tolist()],
            "grade": topic.grades[rows],
            "judged": topic.judged[rows],
            "rank": range(1, len(rows) + 1),
            "score": features.scores,
            **dict(zip(signals, topic.values[rows].T, strict=True)),
        }
        schema = self._table.schema
        arrays = [self._arrow.array(columns[field.name], type=field.type) for field in schema]
        self._table.write_table(self._arrow.Table.from_arrays(arrays, schema=schema))

    def finish(self, body: dict[str, Any]) -> dict[str, Any]:
        """Puts all three in place and returns what features.json says: `body` and the signals by their number."""
        if self._letor is None:
            raise FrozenError("there is no topic to write", hint="give a set with topics")
        self._close()
        known = [SIGNALS.get(name) for name in self._signals]
        named = [
            {"feature": number, "name": name, **({} if spec is None else {"formula": spec.formula})}
            for number, (name, spec) in enumerate(zip(self._signals, known, strict=True), start=1)
        ]
        told = {**body, "files": [LETOR, PARQUET], "columns": list(COLUMNS), "signals": named}
        self._parts[HEADER].write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        (self._out / HEADER).unlink(missing_ok=True)  # it vouches for the two others, so it goes first and comes last
        for name, part in self._parts.items():
            part.replace(self._out / name)
        return told

    def _open(self, signals: tuple[str, ...]) -> None:
        from pyarrow.parquet import ParquetWriter

        arrow = self._arrow
        kinds = (arrow.string(), arrow.string(), arrow.int64(), arrow.bool_(), arrow.int64(), arrow.float64())
        schema = arrow.schema(
            [*zip(COLUMNS, kinds, strict=True), *((name, arrow.float64()) for name in signals)],
        )
        self._signals = signals
        self._letor = self._parts[LETOR].open("w", encoding="utf-8", newline="\n")
        self._letor.writelines(f"# {number} {name}\n" for number, name in enumerate(signals, start=1))
        self._table = ParquetWriter(self._parts[PARQUET], schema, compression="zstd")

    def _close(self) -> None:
        if self._letor is not None:
            self._letor.close()
        if self._table is not None:
            self._table.close()


def lines(number: int, features: Features) -> Iterator[str]:
    """The LETOR lines of one topic, best first."""
    topic = features.topic
    for row in features.rows.tolist():
        values = topic.values[row].tolist()
        last = len(values)
        told = " ".join(f"{place}:{value!r}" for place, value in enumerate(values, start=1) if value or place == last)
        names = f"{topic.topic}\t{topic.ids[row]}"
        if _BREAKS.search(topic.topic) or _BREAKS.search(topic.ids[row]):
            raise FrozenError(
                f"{names!r} has control characters, which a line cannot hold", hint="rename it in the set"
            )
        yield f"{topic.grades[row]} qid:{number} {told} # {names}\n"
