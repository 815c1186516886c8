"""Trajectories: given an agent, a system and a task, returns every call with what it displayed.

An agent that does not heed its reader, on a system that is told nothing of what was noticed, asks and gets the same
whoever reads: one trajectory serves every reader of the grid. Kept as JSON lines, one task a line, renamed into place
when whole: a file that is there is complete. Not for measures.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import orjson

from eval.agents.view import Agent, Asked, Page, Sighting, View
from eval.errors import RunError
from eval.sessions.calls import Budget, Call, Trajectory
from eval.sessions.displayed import Answer
from eval.sessions.readers import GRID, Attention, Reader
from eval.sessions.tasks import Task

SPECIFICATION = "specification"
ASKED_FOR = "question or judgement"
"""Of the specification: files that were made before it was kept are taken without."""
FORMAT = 2
"""Of the files, kept with the specification: 2 has the ranks of stubs and the stateless pages."""


class Door(Protocol):
    """What a run needs of a system (desk.Desk)."""

    def search(self, asked: Asked) -> Answer: ...

    def cite(self, documents: list[str], reader: str | None) -> None: ...


def run_task(door: Door, agent: Agent, task: Task, budget: Budget, seed: int, reader: Reader | None) -> Trajectory:
    """With a reader the run ends when that noticed all evidence. Without one nothing in it depends on who reads, so it
    goes on until every reader of the grid did: nothing is measured beyond."""
    attention = Attention(task, reader, seed) if reader else None
    watching = [attention] if attention else [Attention(task, each, seed) for each in GRID]
    pages: list[Page] = []
    made: list[Call] = []
    displayed = 0
    steps = tuple(step.text for step in task.steps) if agent.needs_steps else ()
    while budget.allows(len(made), displayed) and not all(each.complete for each in watching):
        answers = _answers(task, attention) if agent.needs_steps else {}
        asked = agent.ask(View(task.id, task.question, seed, tuple(pages), steps, answers))
        if asked is None:
            break
        answer = door.search(asked)
        call = call_of(asked, answer)
        made.append(call)
        displayed += sum(tokens for _, tokens in (*call.shown, *call.stubs))
        read = [each.take(call) for each in watching]
        noticed = read[0] if attention else []
        door.cite(noticed, asked.reader)
        found = len(noticed) if agent.heeds else 0
        pages.append(Page(asked, _sightings(answer, "shown"), _sightings(answer, "stubs"), found))
    return Trajectory(task.id, tuple(made))


def _answers(task: Task, attention: Attention | None) -> dict[int, str]:
    """step (from 1) -> its answer, where the document that holds it was noticed."""
    if attention is None:
        return {}
    return {
        number: step.answer for number, step in enumerate(task.steps, start=1) if step.document in attention.noticed
    }


def call_of(asked: Asked, answer: Answer) -> Call:
    """What is kept of an answer."""
    shown = tuple((item.document, item.tokens) for item in answer.shown)
    stubs = tuple((item.document, item.tokens) for item in answer.stubs)
    ranks = tuple(item.rank for item in answer.stubs)
    return Call(asked.query, asked.reader, asked.step, shown, stubs, answer.ms, ranks, answer.stateless)


def _sightings(answer: Answer, which: str) -> tuple[Sighting, ...]:
    return tuple(Sighting(item.document, item.title, item.text) for item in getattr(answer, which))


def times(found: Iterable[Trajectory]) -> list[float | None]:
    """Of every call, in milliseconds; None where that was not written down."""
    return [call.ms for each in found for call in each.calls]


def write(path: Path, specification: Mapping[str, Any], trajectories: Iterable[Trajectory]) -> None:
    """The specification on the first line; whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("wb") as out:
        out.write(orjson.dumps({SPECIFICATION: {**specification, "format": FORMAT}}) + b"\n")
        for each in trajectories:
            out.write(orjson.dumps(each) + b"\n")
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


def read(path: Path, specification: Mapping[str, Any]) -> list[Trajectory]:
    """RunError when the file was made with another specification, or is damaged."""
    rows = path.read_bytes().splitlines()
    try:
        kept = orjson.loads(rows[0])[SPECIFICATION]
        found = [_trajectory(orjson.loads(row)) for row in rows[1:]]
    except (orjson.JSONDecodeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error!r}", hint="remove it; it is made again") from None
    wanted = {**specification, "format": FORMAT}
    if ASKED_FOR in wanted:
        kept.setdefault(ASKED_FOR, wanted[ASKED_FOR])
    check_same(path, kept, wanted)
    return found


def check_same(path: Path, kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """RunError for a file that was made with another specification than is wanted, which names what differs."""
    if kept != wanted:
        changed = sorted(key for key in {*kept, *wanted} if kept.get(key) != wanted.get(key))
        raise RunError(
            f"{path} was made with another {', '.join(changed)}", hint="give another --out, or remove this folder"
        )


def _trajectory(row: Mapping[str, Any]) -> Trajectory:
    calls = tuple(
        Call(
            call["query"],
            call["reader"],
            call["step"],
            tuple((document, tokens) for document, tokens in call["shown"]),
            tuple((document, tokens) for document, tokens in call["stubs"]),
            call.get("ms"),
            tuple(call.get("ranks", ())),
            tuple(call.get("stateless", ())),
        )
        for call in row["calls"]
    )
    return Trajectory(row["task"], calls)
