"""What a real agent did: given a run, keeps every call with what it displayed, in the files of simulated sessions.

A row has all that eval/sessions/trajectories.py reads, and what only a real agent does: it opens, cites, writes
nonsense, and ends in its own way. A model is paid for, so every finished question is kept at once, in a journal beside
the file to be; a line that a crash cut off is dropped, and the file takes the journal's place when all are there. Not
for measures (readings.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from eval.errors import RunError
from eval.sessions.calls import Call, Trajectory
from eval.sessions.trajectories import SPECIFICATION, check_same

JOURNAL: Final = ".journal"

Displayed = tuple[tuple[str, int], ...]
"""(document, tokens), in order."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of a tool that costs one, a failed one among them. `query`: as the model wrote it, empty where it asked
    nothing; `ranks`: places that the stubs name; `opened`: the document that was read; `cited`: documents cited after
    this call and before the next; `error`: what the model was told it did wrong."""

    tool: str
    query: str
    shown: Displayed = ()
    stubs: Displayed = ()
    opened: Displayed = ()
    cited: tuple[str, ...] = ()
    ms: float | None = None
    ranks: tuple[int, ...] = ()
    error: str = ""
    reader: None = None
    step: None = None


@dataclass(frozen=True, slots=True)
class Record:
    """All calls on one task. `named`: displayed documents that the end named as evidence; `ending`: finished, calls,
    tokens, requests, silent or context; `faults`: calls and names that were nonsense; `requests`: to the model."""

    task: str
    calls: tuple[Turn, ...]
    named: tuple[str, ...]
    answer: str
    ending: str
    requests: int
    faults: int
    prompt_tokens: int
    completion_tokens: int

    def trajectory(self) -> Trajectory:
        """As the measures of lists read it: an opened document is no list."""
        return Trajectory(
            self.task,
            tuple(Call(turn.query, None, None, turn.shown, turn.stubs, turn.ms, turn.ranks) for turn in self.calls),
        )


class Journal:
    """The records of one cell, as they come; of any number of threads. RunError when what is there was made with
    another specification. `path`: the file to be."""

    def __init__(self, path: Path, specification: Mapping[str, Any]) -> None:
        self._path, self._journal = path, path.with_suffix(JOURNAL)
        self._specification = dict(specification)
        self._lock = threading.Lock()
        self.whole = path.is_file()
        found = _read(path if self.whole else self._journal, self._specification, torn=not self.whole)
        self.records: dict[str, Record] = {record.task: record for record in found}
        if not self.whole:
            _put(self._journal, self._specification, found)

    def add(self, record: Record) -> None:
        """On the disk when this returns."""
        with self._lock, self._journal.open("ab") as out:
            out.write(orjson.dumps(record) + b"\n")
            out.flush()
            os.fsync(out.fileno())
            self.records[record.task] = record

    def close(self, order: Sequence[str]) -> list[Record]:
        """All of them, in this order; the file is whole now."""
        records = [self.records[task] for task in order]
        if not self.whole:
            _put(self._path, self._specification, records)
            self._journal.unlink()
        return records


def _put(path: Path, specification: Mapping[str, Any], records: Iterable[Record]) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as out:
        out.write(orjson.dumps({SPECIFICATION: specification}) + b"\n")
        for record in records:
            out.write(orjson.dumps(record) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


def _read(path: Path, specification: Mapping[str, Any], *, torn: bool) -> list[Record]:
    """`torn`: the last line may have been cut off, and is then dropped."""
    if not path.is_file():
        return []
    rows = path.read_bytes().split(b"\n")
    last = rows.pop()
    if last and not torn:
        rows.append(last)
    try:
        kept = orjson.loads(rows[0])[SPECIFICATION]
        found = [_record(orjson.loads(row)) for row in rows[1:]]
    except (orjson.JSONDecodeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error!r}", hint="remove it; it is made again") from None
    check_same(path, kept, specification)
    return found


def _record(row: Mapping[str, Any]) -> Record:
    calls = tuple(
        Turn(
            **{
                **call,
                "cited": tuple(call["cited"]),
                "ranks": tuple(call["ranks"]),
                **{key: tuple((each[0], each[1]) for each in call[key]) for key in ("shown", "stubs", "opened")},
            }
        )
        for call in row["calls"]
    )
    return Record(**{**row, "calls": calls, "named": tuple(row["named"])})
