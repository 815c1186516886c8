"""Readers: given what was displayed, says which evidence is noticed, and when, in calls and in displayed tokens.

A reader notices evidence for what it is looking for with `target`, other evidence with `other`; of the stubs it is
given it opens a share `follows` and reads those again. It is looking for the evidence that has most of the query's
words, or the step that a query stands for. Luck is a hash of seed, topic, document and call, so all systems have the
same luck, and a document that is shown again in a later call gets a new chance. Readers see gold; agents do not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import product
from typing import Final

from eval.agents.words import folded
from eval.sessions.calls import Call, Trajectory
from eval.sessions.tasks import Task

NOTICING: Final = ((1.0, 1.0), (0.95, 0.8), (0.95, 0.4), (0.7, 0.7))
FOLLOWING: Final = (1.0, 0.5, 0.0)
_WHOLE: Final = 2**64


@dataclass(frozen=True, slots=True)
class Reader:
    """Probabilities, each from 0 to 1."""

    target: float
    other: float
    follows: float

    @property
    def name(self) -> str:
        return f"{self.target:g}/{self.other:g}/stubs {self.follows:g}"


GRID: Final = tuple(Reader(*noticing, follows) for noticing, follows in product(NOTICING, FOLLOWING))


def luck(seed: int, topic: str, document: str, call: int, what: str) -> float:
    """From 0 to 1, the same wherever and whenever it is asked for."""
    text = "\x1f".join((str(seed), topic, document, str(call), what))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / _WHOLE


@dataclass(frozen=True, slots=True)
class CallRead:
    """One call as it was read. `tokens`: displayed so far, with this call; `noticed`: evidence for the first time."""

    shown: int
    repeated: int
    tokens: int
    noticed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """`calls` ends with the call in which the last evidence was noticed. `found`: evidence -> (call from 1, tokens
    displayed when it was noticed)."""

    task: str
    evidence: int
    calls: tuple[CallRead, ...]
    found: dict[str, tuple[int, int]]


def first_calls(reading: Reading, calls: int) -> Reading:
    """What had been read after so many calls."""
    found = {document: place for document, place in reading.found.items() if place[0] <= calls}
    return Reading(reading.task, reading.evidence, reading.calls[:calls], found)


class Attention:
    """One reader over one task: takes its calls in order."""

    def __init__(self, task: Task, reader: Reader, seed: int) -> None:
        self._task, self._reader, self._seed = task, reader, seed
        self._seen: dict[str | None, dict[str, int]] = {}
        self._tokens = 0
        self._calls: list[CallRead] = []
        self._found: dict[str, tuple[int, int]] = {}

    @property
    def noticed(self) -> frozenset[str]:
        return frozenset(self._found)

    @property
    def complete(self) -> bool:
        return len(self._found) == len(self._task.evidence)

    def take(self, call: Call) -> list[str]:
        """The evidence that this call made the reader notice."""
        number = len(self._calls) + 1
        targets, before = self._targets(call), set(self._found)
        seen = self._seen.setdefault(call.reader, {})
        repeated = 0
        for document, tokens in call.shown:
            repeated += document in seen
            seen[document] = tokens
            self._tokens += tokens
            self._look(document, number, targets)
        for document, tokens in call.stubs:
            self._tokens += tokens
            if luck(self._seed, self._task.id, document, number, "stub") < self._reader.follows:
                self._tokens += seen.get(document, 0)
                self._look(document, number, targets)
        noticed = [document for document in self._found if document not in before]
        self._calls.append(CallRead(len(call.shown), repeated, self._tokens, tuple(noticed)))
        return noticed

    def reading(self) -> Reading:
        return Reading(self._task.id, len(self._task.evidence), tuple(self._calls), dict(self._found))

    def _look(self, document: str, number: int, targets: frozenset[str]) -> None:
        if document not in self._task.evidence or document in self._found:
            return
        chance = self._reader.target if document in targets else self._reader.other
        if luck(self._seed, self._task.id, document, number, "notice") < chance:
            self._found[document] = (number, self._tokens)

    def _targets(self, call: Call) -> frozenset[str]:
        """What the call is after: the document of its step, else the evidence with most of the query's words."""
        if call.step is not None:
            return frozenset({self._task.steps[call.step - 1].document})
        words = folded(call.query)
        shared = {document: len(words & held) for document, held in self._task.evidence.items()}
        most = max(shared.values(), default=0)
        return frozenset(document for document, count in shared.items() if count == most)


def read(trajectory: Trajectory, task: Task, reader: Reader, seed: int) -> Reading:
    """Until all evidence is noticed, or the calls end."""
    attention = Attention(task, reader, seed)
    for call in trajectory.calls:
        attention.take(call)
        if attention.complete:
            break
    return attention.reading()
