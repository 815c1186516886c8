"""What a real agent found: given its record and the evidence, returns readings as those of simulated readers.

Twice: evidence counts when it was displayed, whatever the model made of it (the perfect reader), and when the model
said that it was evidence, by citing it or at its end. The first measures the engine under this agent's queries, the
second both. Not for noticing by chance (eval/sessions/readers.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from eval.live.records import Record, Turn
from eval.sessions.readers import CallRead, Reading
from eval.sessions.tasks import Task

DISPLAYED: Final = "displayed"
CITED: Final = "cited"


def displayed(record: Record, task: Task) -> Reading:
    """As eval/sessions/readers.py reads with a reader that misses nothing: results and opened documents are read, stubs
    are not."""

    def found(number: int, so_far: int) -> dict[str, int]:
        places: dict[str, int] = {}
        turn = record.calls[number - 1]
        for kind, items in (("result", turn.shown), ("stub", turn.stubs), ("opened", turn.opened)):
            for document, size in items:
                so_far += size
                if kind != "stub":
                    places.setdefault(document, so_far)
        return places

    return _reading(record, task, found)


def cited(record: Record, task: Task) -> Reading:
    """What is cited after a call counts for that call, what only the end names for the last one; with all tokens that
    were displayed by then."""

    def found(number: int, so_far: int) -> dict[str, int]:
        turn = record.calls[number - 1]
        said_here = turn.cited + (record.named if number == len(record.calls) else ())
        return dict.fromkeys(said_here, so_far + _size(turn))

    return _reading(record, task, found)


def said(record: Record) -> frozenset[str]:
    """All documents that the model called evidence."""
    return frozenset(document for turn in record.calls for document in turn.cited) | frozenset(record.named)


def _size(turn: Turn) -> int:
    return sum(size for _, size in (*turn.shown, *turn.stubs, *turn.opened))


def _reading(record: Record, task: Task, found_in: Callable[[int, int], Mapping[str, int]]) -> Reading:
    """Up to the call in which the last evidence was found. `found_in`: the number of a call and the tokens displayed
    before it -> documents with the tokens displayed when they were found."""
    tokens, seen = 0, set[str]()
    found: dict[str, tuple[int, int]] = {}
    calls: list[CallRead] = []
    for number, turn in enumerate(record.calls, start=1):
        repeated = 0
        for document, _ in turn.shown:
            repeated += document in seen
            seen.add(document)
        places = found_in(number, tokens)
        new = [each for each in places if each in task.evidence and each not in found]
        found |= {document: (number, places[document]) for document in new}
        tokens += _size(turn)
        calls.append(CallRead(len(turn.shown), repeated, tokens, tuple(new)))
        if len(found) == len(task.evidence):
            break
    return Reading(task.id, len(task.evidence), tuple(calls), found)


def habits(record: Record, evidence: Mapping[str, object]) -> dict[str, float]:
    """What the model did, beside what it found. Precision is that of all it called evidence; 0 when it named
    nothing."""
    named = said(record)
    return {
        "calls": float(len(record.calls)),
        "opened": float(sum(turn.tool == "open" and not turn.error for turn in record.calls)),
        "finished": float(record.ending == "finished"),
        "precision of what it cited": len(named & evidence.keys()) / len(named) if named else 0.0,
        "requests": float(record.requests),
        "faults": float(record.faults),
        "prompt tokens": float(record.prompt_tokens),
        "completion tokens": float(record.completion_tokens),
    }
