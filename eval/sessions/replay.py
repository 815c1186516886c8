"""Replay of real logs: given recorded queries and systems, asks them in their order and measures every system.

What is measured follows what is judged: evidence of a whole session over the grid of readers, nDCG@10 of judged turns,
and always how much of what was displayed had been displayed before. Replay is off-policy: a real agent would have asked
differently. OUT holds the same files as simulated sessions. Not for simulated agents (grid.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from api.engine import Engine
from eval.adhoc.runs import TENANT, Progress, ensure_indexed
from eval.agents.view import Asked
from eval.collections import TestCollection
from eval.errors import DatasetError, RunError
from eval.folders import writable, write_results
from eval.latency import now, of_systems
from eval.measures import MEASURES, measure
from eval.sessions import trajectories
from eval.sessions.call_measures import call_measures
from eval.sessions.calls import Trajectory
from eval.sessions.desk import Desk, request_of
from eval.sessions.distractors import Distractors, ensure_mixed
from eval.sessions.logs import Log, read_logs, tasks_of
from eval.sessions.measures import list_measures, measures, token_measures
from eval.sessions.plan import Plan
from eval.sessions.readers import GRID, first_calls, read
from eval.sessions.report import markdown, summary
from eval.sessions.systems import System
from eval.sessions.tasks import Task
from eval.sessions.trajectories import call_of
from eval.sessions.turn_measures import turn_measures

RECORDED: Final = "recorded"
"""The agent's name in results."""
ANYONE: Final = "-"
"""The reader's name where nothing depends on one."""
TURN_MEASURES: Final = tuple(str(each) for each in MEASURES[:1])
"""Of judged turns: what a page of ten can show."""


@dataclass(frozen=True, slots=True)
class Material:
    """A set of logs, ready to be asked and measured."""

    test: TestCollection
    logs: tuple[Log, ...]
    tasks: Mapping[str, Task]


def run_replay(
    engine: Engine,
    data: Path,
    out: Path,
    plan: Plan,
    *,
    collection: str | None,
    progress: Progress,
    distractors: Distractors | None = None,
) -> dict[str, Any]:
    """measures.json's body. `plan.calls` counts for evidence alone: a log is asked to its end."""
    test, logs = read_logs(data)
    if collection is None:
        test.check_corpus()
    if distractors:
        distractors.check(engine, collection)
    logs = sample(logs, plan)
    material = Material(test, logs, tasks_of(test, logs) if test.corpus else {})
    if any(system.cites for system in plan.systems):
        raise DatasetError("a recorded session cites nothing", hint="leave cite=true out of --systems")
    for system in plan.systems:
        engine.plan(request_of(system, collection or "default", "any"), TENANT)
    folder = writable(out) / "trajectories"
    name = collection or (
        ensure_mixed(engine, test, distractors, progress) if distractors else ensure_indexed(engine, test, progress)
    )
    folder.mkdir(exist_ok=True)
    searched = engine.read_collection(name, TENANT)
    generation = searched["generation"]
    rows: list[dict[str, Any]] = []
    taken: list[tuple[str, list[float | None]]] = []
    for number, system in enumerate(plan.systems):
        path = folder / f"{RECORDED}-{sha256(system.name.encode()).hexdigest()[:16]}.jsonl"
        logged = sha256("\n".join(log.id for log in logs).encode()).hexdigest()
        specification = {"system": system.name, "set": test.name, "generation": generation, "logs": logged}
        if not path.is_file():
            ask = partial(_ask, engine, name, system)
            trajectories.write(
                path, specification, _asked(ask, logs, plan.threads, number, progress, len(plan.systems))
            )
        found = trajectories.read(path, specification)
        check_queries(path, found, logs)
        taken.append((system.name, trajectories.times(found)))
        rows += measured(found, material, system, plan)
    body = summary(test.name, len({log.topic for log in logs}), generation, plan, rows)
    body["latency"] = of_systems(taken, plan.threads)
    body["searched"] = {"collection": name, **{each: searched[each] for each in ("documents", "passages")}}
    body["questions"] = {log.topic: log.goal or log.turns[0].query for log in reversed(logs)}
    body["measured_at"] = now()
    write_results(out, rows, body, markdown(body))
    return body


def check_queries(path: Path, found: Sequence[Trajectory], logs: Sequence[Log]) -> None:
    """What was kept are answers to these logs: the file names the sessions, and its calls their queries. RunError."""
    kept = {each.task: [call.query for call in each.calls] for each in found}
    for log in logs:
        if kept.get(log.id) != [turn.query for turn in log.turns]:
            raise RunError(
                f"{path} was made with other queries of the session {log.id}",
                hint="give another --out, or remove this folder",
            )


def sample(logs: tuple[Log, ...], plan: Plan) -> tuple[Log, ...]:
    """The logs of a seeded sample of `plan.topics` topics."""
    topics = sorted({log.topic for log in logs})
    if plan.topics is None or plan.topics >= len(topics):
        return logs
    chosen = set(np.random.default_rng(plan.seed).choice(topics, plan.topics, replace=False).tolist())
    return tuple(log for log in logs if log.topic in chosen)


def _ask(engine: Engine, collection: str, system: System, log: Log) -> Trajectory:
    desk = Desk(engine, system, collection, log.goal)
    try:
        asked = [Asked(turn.query) for turn in log.turns]
        return Trajectory(log.id, tuple(call_of(each, desk.search(each)) for each in asked))
    finally:
        desk.close()


def _asked(
    ask: Any, logs: Sequence[Log], threads: int, number: int, progress: Progress, systems: int
) -> Iterator[Trajectory]:
    with ThreadPoolExecutor(threads) as pool:
        for done, each in enumerate(pool.map(ask, logs), start=1):
            progress(number * len(logs) + done, systems * len(logs), RECORDED)
            yield each


def measured(found: Sequence[Trajectory], material: Material, system: System, plan: Plan) -> Iterator[dict[str, Any]]:
    """One row for each log and reader."""
    turns = turn_values(found, material)
    for log, each in zip(material.logs, found, strict=True):
        row = {"agent": RECORDED, "system": system.name, "topic": log.topic, "session": log.id, "type": log.type}
        task = material.tasks.get(log.id)
        if task is None:
            values = repeats(each)
            if log.id in turns:
                judged = {place: material.test.qrels[turn.id] for place, turn in enumerate(log.turns) if turn.id}
                values |= turns[log.id] | turn_measures(each.calls, judged, system.k)
            yield {**row, "reader": ANYONE, "measures": values}
            continue
        gold = dict.fromkeys(task.evidence, 1)
        for reader in GRID:
            whole = read(each, task, reader, plan.seed)
            reading = first_calls(whole, plan.calls)
            yield {
                **row,
                "reader": reader.name,
                "hops": len(task.evidence),
                "measures": repeats(each)
                | list_measures(each, gold, plan.calls, system.k)
                | measures(reading, plan.calls)
                | call_measures(each.calls, reading, gold)
                | token_measures(whole),
            }


def turn_values(found: Sequence[Trajectory], material: Material) -> dict[str, dict[str, float]]:
    """session -> means over its judged turns."""
    places = {turn.id: (log.id, place) for log in material.logs for place, turn in enumerate(log.turns) if turn.id}
    if not places or material.tasks:
        return {}
    by_id = {each.task: each for each in found}
    run = {
        query: [(document, 0.0) for document, _ in by_id[session].calls[place].shown]
        for query, (session, place) in places.items()
    }
    per_topic = measure(run, material.test.qrels, list(places)).per_topic
    gathered: dict[str, dict[str, list[float]]] = {}
    for name in TURN_MEASURES:
        for query, (session, _) in places.items():
            gathered.setdefault(session, {}).setdefault(name, []).append(per_topic[name][query])
    return {
        session: {name: float(np.mean(values)) for name, values in own.items()} for session, own in gathered.items()
    }


def repeats(trajectory: Trajectory) -> dict[str, float]:
    """Of all that was displayed, the share displayed before; of each page, the share on the page before; queries asked
    before, letter case aside."""
    seen, before, again, total = set[str](), set[str](), 0, 0
    overlaps: list[float] = []
    for number, call in enumerate(trajectory.calls):
        page = [document for document, _ in call.shown]
        again += sum(document in seen for document in page)
        total += len(page)
        seen.update(page)
        if number and page:
            overlaps.append(len(before.intersection(page)) / len(page))
        before = set(page)
    queries = [call.query.lower() for call in trajectory.calls]
    values = {"redundancy": again / total if total else 0.0, "repeated queries": 1 - len(set(queries)) / len(queries)}
    return values | ({"overlap": float(np.mean(overlaps))} if overlaps else {})
