"""Trials on disk: given a file and what is tuned, keeps each trial as a line and gives it back to a run that goes on.

The first line says what is tuned; another tuning's file is refused. A last line that was cut off, as a killed process
leaves it, is taken away; any other that cannot be read is an error with its number. A search asks for its trials again
in the same order, so an interrupted run and a whole one end alike.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import orjson

from eval.errors import TuneError
from eval.tuning.objective import macro
from eval.tuning.space import Params

FILE: Final = "trials.jsonl"
_OTHER: Final = "name another folder with --out, or remove this file to begin anew"

Evaluate = Callable[[Params], Mapping[str, float]]
"""Params -> the mean of each set."""
Value = Callable[[Mapping[str, float]], float]
"""The mean of each set -> what is maximised."""


class Record:
    """The trials of all searches of one tuning; a context manager. Thread-safe."""

    def __init__(self, path: Path, tuned: Mapping[str, Any]) -> None:
        """`tuned`: JSON-ready; what must be equal for trials to be of use. TuneError for a file of another tuning."""
        self._path = path
        self._guard = threading.Lock()
        self._known = _read(path, tuned)
        self._file: IO[bytes] = path.open("ab")
        if not path.stat().st_size:
            self._write({"tuning": tuned})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def trials(
        self, search: str, evaluate: Evaluate, value: Value = macro, progress: Callable[[], None] | None = None
    ) -> Trials:
        """The trials of one search, from its first on. `value`: what is maximised, of the means."""
        return Trials(self, search, evaluate, value, progress)

    def find(self, search: str, number: int, params: Params) -> dict[str, float] | None:
        """The means of a trial that is on disk. TuneError when it tried other params."""
        row = self._known.get((search, number))
        if row is None:
            return None
        if row["params"] != dict(params):
            raise TuneError(
                f"{self._path}: trial {number} of {search} tried other params than this version would", hint=_OTHER
            )
        means: dict[str, float] = row["means"]
        return means

    def keep(self, search: str, number: int, params: Params, means: Mapping[str, float], value: float) -> None:
        """Write one trial."""
        row = {"search": search, "trial": number, "objective": value, "params": dict(params), "means": dict(means)}
        self._write(row)
        self._known[search, number] = row

    def tried(self, search: str) -> tuple[tuple[dict[str, float], float], ...]:
        """(params, objective) of each trial of a search, in order."""
        numbers = sorted(number for name, number in self._known if name == search)
        rows = [self._known[search, number] for number in numbers]
        return tuple((row["params"], row["objective"]) for row in rows)

    def _write(self, row: Mapping[str, Any]) -> None:
        with self._guard:
            self._file.write(orjson.dumps(row) + b"\n")
            self._file.flush()


class Trials:
    """One search: params in, objective out, each tried once. `tried` has them in order."""

    def __init__(
        self,
        record: Record,
        search: str,
        evaluate: Evaluate,
        value: Value = macro,
        progress: Callable[[], None] | None = None,
    ) -> None:
        self._record, self.search, self._evaluate, self._progress = record, search, evaluate, progress
        self._value = value
        self.tried: list[tuple[dict[str, float], float]] = []
        self._known: dict[tuple[tuple[str, float], ...], float] = {}

    def objective(self, params: Params) -> float:
        """The value; the same params are not measured twice."""
        key = tuple(sorted(params.items()))
        if key in self._known:
            return self._known[key]
        number, given = len(self.tried), dict(params)
        means = self._record.find(self.search, number, given)
        if means is None:
            means = dict(self._evaluate(given))
            self._record.keep(self.search, number, given, means, self._value(means))
        value = self._value(means)
        self._known[key] = value
        self.tried.append((given, value))
        if self._progress:
            self._progress()
        return value

    def best(self) -> dict[str, float]:
        """The first of the best."""
        return max(self.tried, key=lambda each: each[1])[0]


def _read(path: Path, tuned: Mapping[str, Any]) -> dict[tuple[str, int], dict[str, Any]]:
    if not path.is_file():
        return {}
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with path.open("r+b") as file:
            file.truncate(whole)
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for number, line in enumerate(data[:whole].splitlines(), start=1):
        try:
            row = orjson.loads(line)
            if number > 1:
                rows[row["search"], row["trial"]] = {name: row[name] for name in ("params", "means", "objective")}
            elif row["tuning"] != orjson.loads(orjson.dumps(tuned)):
                changed = sorted(
                    name for name in {*row["tuning"], *tuned} if row["tuning"].get(name) != tuned.get(name)
                )
                raise TuneError(f"{path} holds trials of another tuning ({', '.join(changed)} differ)", hint=_OTHER)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise TuneError(f"{path} line {number} cannot be read: {error}", hint=_OTHER) from None
    return rows
