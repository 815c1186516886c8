"""Runs as TREC files: given a run, returns its lines; given a file that anyone made, returns the run in it.

`topic Q0 document rank score tag`, blanks between. Readers, trec_eval first of all, order a topic by score and forget
the rank; of equal scores the document whose name is later comes first. Not for measuring.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from eval.errors import DatasetError, RunError
from eval.sets.files import lines

COLUMNS: Final = 6
FORMAT: Final = "a line of a run is: topic Q0 document rank score tag"


@dataclass(frozen=True, slots=True)
class RunLine:
    """One line."""

    number: int
    topic: str
    document: str
    score: float


def trec_run(run: Mapping[str, Sequence[tuple[str, float]]], tag: str) -> bytes:
    """The lines of a run; DatasetError for a document whose name the format cannot hold.

    The scores written decrease strictly: each is the answer's own, or the next number below the one before where that
    was a tie or a move of diversification. Numbers are single precision, because trec_eval reads them so.
    """
    made: list[str] = []
    for topic, ranked in run.items():
        lowest = np.float32(np.inf)
        for rank, (document, score) in enumerate(ranked, start=1):
            if any(letter.isspace() for letter in document):
                raise DatasetError(f"document id {document!r} has spaces, which a TREC run cannot hold")
            lowest = min(np.float32(score), np.nextafter(lowest, np.float32(-np.inf)))
            made.append(f"{topic} Q0 {document} {rank} {lowest!s} {tag}\n")
    return "".join(made).encode()


def run_lines(path: Path) -> Iterator[RunLine]:
    """In the order of the file. DatasetError for a file that is cut off, RunError for a line that is none."""
    for number, line in lines(path):
        columns = line.split()
        if len(columns) != COLUMNS:
            raise RunError(f"{path} line {number}: {len(columns)} columns, not {COLUMNS}: {line!r}", hint=FORMAT)
        try:
            score = float(columns[4])
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise RunError(f"{path} line {number}: the score {columns[4]!r} is not a finite number", hint=FORMAT)
        yield RunLine(number, columns[0], columns[2], score)


def read_run(path: Path) -> dict[str, list[tuple[str, float]]]:
    """topic -> (document, score), in trec_eval's order. RunError also for a document that a topic has twice, and for a
    file without any line."""
    found: dict[str, dict[str, tuple[int, float]]] = {}
    for each in run_lines(path):
        ranked = found.setdefault(each.topic, {})
        if earlier := ranked.get(each.document):
            raise RunError(
                f"{path} line {each.number}: topic {each.topic} has document {each.document} already, "
                f"in line {earlier[0]}",
                hint="a run names a document once for each topic",
            )
        ranked[each.document] = (each.number, each.score)
    if not found:
        raise RunError(f"{path} holds no line", hint=FORMAT)
    return {
        topic: sorted(
            ((document, score) for document, (_, score) in ranked.items()),
            key=lambda each: (np.float32(each[1]), each[0].encode()),
            reverse=True,
        )
        for topic, ranked in found.items()
    }
