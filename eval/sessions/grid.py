"""Simulated sessions, start to end: given a set, agents and systems, runs the grid and measures every cell.

OUT/trajectories/*.jsonl (what was asked and displayed; whole files only, so an interrupted run goes on), then
per_topic.jsonl, measures.json and report.md. Not for real logs (replay.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from api.engine import Engine
from eval.adhoc.runs import TENANT, Progress, ensure_indexed
from eval.agents.catalogue import agent_of
from eval.agents.view import Agent
from eval.collections import TestCollection
from eval.errors import SessionRunError
from eval.folders import writable, write_results
from eval.latency import now, of_systems
from eval.sessions import trajectories
from eval.sessions.call_measures import call_measures
from eval.sessions.calls import Trajectory
from eval.sessions.desk import Desk, request_of
from eval.sessions.distractors import Distractors, ensure_mixed
from eval.sessions.measures import list_measures, measures, token_measures
from eval.sessions.plan import Plan
from eval.sessions.readers import GRID, Reader, first_calls, read
from eval.sessions.report import markdown, summary
from eval.sessions.systems import System
from eval.sessions.tasks import Task, read_tasks
from eval.sessions.trajectories import run_task, times

NAME_HASH: Final = 8
"""Hexadecimal digits that keep files of different cells apart."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One trajectory file: all tasks with one agent on one system, for one reader where it matters."""

    agent: Agent
    system: System
    reader: Reader | None

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.agent.name, self.system.name, self.reader.name if self.reader else None)))

    def path(self, folder: Path) -> Path:
        safe = "".join(letter if letter.isalnum() or letter in ".=-" else "_" for letter in self.name)[:120]
        return folder / f"{safe}-{sha256(self.name.encode()).hexdigest()[:NAME_HASH]}.jsonl"


def run_sessions(
    engine: Engine,
    data: Path,
    out: Path,
    plan: Plan,
    *,
    collection: str | None,
    progress: Progress,
    distractors: Distractors | None = None,
) -> dict[str, Any]:
    """measures.json's body. Whatever can be refused is refused before anything is indexed."""
    test, tasks = read_tasks(data, plan.topics, plan.seed)
    if distractors:
        distractors.check(engine, collection)
    chosen = cells(plan, tasks)
    for system in plan.systems:
        engine.plan(request_of(system, collection or "default", "any"), TENANT)
    folder = writable(out) / "trajectories"
    name = collection or (
        ensure_mixed(engine, test, distractors, progress) if distractors else ensure_indexed(engine, test, progress)
    )
    folder.mkdir(exist_ok=True)
    searched = engine.read_collection(name, TENANT)
    generation = searched["generation"]
    made: list[tuple[Cell, list[Trajectory]]] = []
    for number, cell in enumerate(chosen):
        progress(number * len(tasks), len(chosen) * len(tasks), cell.name)
        path = cell.path(folder)
        specification = specify(cell, plan, test, tasks, generation)
        if not path.is_file():
            found = _run(engine, name, cell, tasks, plan, progress, (number, len(chosen)))
            trajectories.write(path, specification, found)
        made.append((cell, trajectories.read(path, specification)))
    progress(len(chosen) * len(tasks), len(chosen) * len(tasks), "measuring")
    rows = list(measured(made, tasks, plan))
    body = summary(test.name, len(tasks), generation, plan, rows)
    body["latency"] = of_systems(((cell.system.name, times(found)) for cell, found in made), plan.threads)
    body["searched"] = {"collection": name, **{each: searched[each] for each in ("documents", "passages")}}
    body["questions"] = {task.id: task.question for task in tasks}
    body["measured_at"] = now()
    write_results(out, rows, body, markdown(body))
    return body


def cells(plan: Plan, tasks: Sequence[Task]) -> list[Cell]:
    """In the order in which they are run: what agents ask again is embedded once while it is remembered."""
    agents = [agent_of(name) for name in dict.fromkeys(plan.agents)]
    for agent in agents:
        if agent.needs_steps and not any(task.steps for task in tasks):
            raise SessionRunError(
                f"the agent {agent.name} needs sub-questions, and this set has none", hint="leave it out of --agents"
            )
    return [
        Cell(agent, system, reader)
        for agent, system in itertools.product(agents, plan.systems)
        for reader in (GRID if agent.heeds or system.cites else (None,))
    ]


def specify(cell: Cell, plan: Plan, test: TestCollection, tasks: Sequence[Task], generation: str) -> dict[str, Any]:
    """What a trajectory file must have been made with to be taken for this cell."""
    more = {"tokens": plan.tokens} if plan.tokens else {}
    return more | {
        "cell": cell.name,
        "calls": plan.calls,
        "seed": plan.seed,
        "set": test.name,
        "corpus": test.fingerprint(),
        "generation": generation,
        "tasks": sha256("\n".join(task.id for task in tasks).encode()).hexdigest(),
        trajectories.ASKED_FOR: sha256(repr([_asked_for(task) for task in tasks]).encode()).hexdigest(),
    }


def _asked_for(task: Task) -> tuple[str, list[str], list[tuple[str, str, str]]]:
    """What of a task decides what is asked and when that ends."""
    return task.question, sorted(task.evidence), [(step.text, step.answer, step.document) for step in task.steps]


def _run(
    engine: Engine,
    collection: str,
    cell: Cell,
    tasks: Sequence[Task],
    plan: Plan,
    progress: Progress,
    place: tuple[int, int],
) -> list[Trajectory]:
    def one(task: Task) -> Trajectory:
        desk = Desk(engine, cell.system, collection, task.question)
        try:
            return run_task(desk, cell.agent, task, plan.budget, plan.seed, cell.reader)
        finally:
            desk.close()

    wanted = [task for task in tasks if task.steps or not cell.agent.needs_steps]
    found: list[Trajectory] = []
    number, count = place
    with ThreadPoolExecutor(plan.threads) as pool:
        for each in pool.map(one, wanted):
            found.append(each)
            progress(number * len(tasks) + len(found), count * len(tasks), cell.name)
    return found


def measured(
    made: Sequence[tuple[Cell, Sequence[Trajectory]]], tasks: Sequence[Task], plan: Plan
) -> Iterator[dict[str, Any]]:
    """One row for each agent, system, reader and topic."""
    by_id = {task.id: task for task in tasks}
    for cell, found in made:
        for reader in (cell.reader,) if cell.reader else GRID:
            for each in found:
                task = by_id[each.task]
                gold = dict.fromkeys(task.evidence, 1)
                whole = read(each, task, reader, plan.seed)
                reading, calls = first_calls(whole, plan.calls), each.calls[: plan.calls]
                values = measures(reading, plan.calls) | call_measures(calls, reading, gold)
                if cell.reader is None:
                    values |= list_measures(Trajectory(each.task, calls), gold, plan.calls, cell.system.k)
                yield {
                    "agent": cell.agent.name,
                    "system": cell.system.name,
                    "reader": reader.name,
                    "topic": each.task,
                    "type": task.type,
                    "hops": len(task.evidence),
                    "measures": values | token_measures(whole, plan.call_tokens),
                }
