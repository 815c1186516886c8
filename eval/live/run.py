"""A real agent, start to end: given a set, a model and systems, asks every question on every system and measures what
was found.

OUT/trajectories/*.jsonl (a file a system, as of simulated sessions), OUT/transcripts/*.jsonl (all that was said), then
per_topic.jsonl (of what was displayed), cited_per_topic.jsonl, measures.json and report.md. Goes on with the next
question where it was interrupted. A model is no function: the same command asks other things another time, whatever its
temperature. Not for simulated agents (eval/sessions/grid.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import orjson

from api.engine import Engine
from eval.adhoc.runs import TENANT, Progress, ensure_indexed
from eval.collections import TestCollection
from eval.errors import DatasetError, RunError, SessionRunError
from eval.folders import writable, write_whole
from eval.live.backends import Backend, InProcess
from eval.live.chat import Message, Sampling
from eval.live.desk import AgentDesk
from eval.live.loop import Bounds, Conversation, Model
from eval.live.readings import CITED, DISPLAYED, cited, displayed, habits
from eval.live.records import Journal, Record
from eval.live.report import body_of, markdown
from eval.live.tools import prompt, schemas
from eval.sessions.desk import request_of
from eval.sessions.measures import list_measures, measures, token_measures
from eval.sessions.plan import Plan
from eval.sessions.systems import System
from eval.sessions.tasks import Task, read_tasks
from eval.sessions.trajectories import FORMAT

KINDS: Final = ("stateless", "dedupe", "session")
"""Of systems."""
CHECKED: Final = 100
"""Documents that are asked for at once, to see that a collection has them."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is measured. `name`: of the model; `endpoint`: where it is, without what may be secret."""

    name: str
    endpoint: str
    sampling: Sampling
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Cell:
    """One file: all tasks on one system."""

    subject: Subject
    system: System

    @property
    def name(self) -> str:
        return f"{self.subject.name} {self.system.name}"

    def path(self, folder: Path) -> Path:
        return folder / f"agent-{sha256(self.name.encode()).hexdigest()[:16]}.jsonl"


def run_agent(
    engine: Engine | None,
    backend: Backend | None,
    model: Model,
    subject: Subject,
    data: Path,
    out: Path,
    plan: Plan,
    *,
    collection: str | None,
    progress: Progress,
) -> dict[str, Any]:
    """measures.json's body. `backend`: a server to ask instead of `engine`; it needs a `collection`. Whatever can be
    refused is refused before anything is indexed or the model is asked."""
    for system in plan.systems:
        if system.kind not in KINDS:
            raise SessionRunError(
                f"the system {system.name!r} is none for a real agent, which writes its queries itself",
                hint=f"one of {', '.join(KINDS)}",
            )
    test, tasks = read_tasks(data, plan.topics, plan.seed)
    if backend is None:
        assert engine is not None
        for system in plan.systems:
            engine.plan(request_of(system, collection or "default", "any"), TENANT)
        backend = InProcess(engine)
        if collection is not None:
            check_evidence(backend, collection, tasks)
        folder = writable(out)
        name = collection or ensure_indexed(engine, test, progress)
    else:
        if collection is None:
            raise DatasetError(
                "a server holds many collections", hint="name the one with the documents of the set with --collection"
            )
        check_evidence(backend, collection, tasks)
        folder, name = writable(out), collection
    generation = backend.generation(name)
    made: list[tuple[Cell, list[Record]]] = []
    for number, system in enumerate(plan.systems):
        cell = Cell(subject, system)
        journal = Journal(cell.path(_folder(folder, "trajectories")), specify(cell, plan, test, tasks, generation))
        relay = Relay(progress, number * len(tasks), len(plan.systems) * len(tasks), cell.name)
        if not journal.whole:
            transcript = cell.path(_folder(folder, "transcripts"))
            Questions(backend, model, cell, name, journal, transcript).ask(tasks, plan.threads, relay)
            if backend.generation(name) != generation:
                raise RunError(
                    f"the collection {name} has changed since the run began", hint="begin anew in another --out"
                )
        made.append((cell, journal.close([task.id for task in tasks])))
    rows = list(measured(made, tasks, plan))
    body = body_of(test.name, len(tasks), generation, plan, rows, {cell.system.name: found for cell, found in made})
    body["model"] = {"name": subject.name, "endpoint": subject.endpoint, **subject.sampling.fields()}
    write_whole(out, files(rows, body))
    return body


def files(rows: Sequence[Mapping[str, Any]], body: Mapping[str, Any]) -> dict[str, bytes]:
    """What was cited has a file of its own: rows of per_topic.jsonl are averaged by those that read them."""
    lines = {
        kind: b"".join(orjson.dumps(row) + b"\n" for row in rows if row["reader"] == kind)
        for kind in (DISPLAYED, CITED)
    }
    return {
        "per_topic.jsonl": lines[DISPLAYED],
        "cited_per_topic.jsonl": lines[CITED],
        "report.md": markdown(body).encode(),
        "measures.json": orjson.dumps(body, option=orjson.OPT_INDENT_2),
    }


def _folder(out: Path, name: str) -> Path:
    made = out / name
    made.mkdir(exist_ok=True)
    return made


def check_evidence(backend: Backend, collection: str, tasks: Sequence[Task]) -> None:
    """DatasetError when the collection lacks a document that a task needs: it was then filled from another corpus."""
    backend.generation(collection)
    wanted = list(dict.fromkeys(document for task in tasks for document in task.evidence))
    for start in range(0, len(wanted), CHECKED):
        some = wanted[start : start + CHECKED]
        request = {"ids": some, "collection": collection, "passages": 0, "text": False, "links": False}
        there = {each["id"] for each in _contents(backend, request)}
        missing = [document for document in some if document not in there]
        if missing:
            raise DatasetError(
                f"the collection {collection} has no document {missing[0]}, which the set needs",
                hint="name a collection that was filled with the corpus of the set, ids and all",
            )


def _contents(backend: Backend, request: dict[str, Any]) -> list[dict[str, Any]]:
    from eval.live.backends import Refused

    try:
        documents: list[dict[str, Any]] = backend.contents(request)["documents"]
        return documents
    except Refused:  # of no document at all
        return []


def specify(cell: Cell, plan: Plan, test: TestCollection, tasks: Sequence[Task], generation: str) -> dict[str, Any]:
    """What a file must have been made with to be taken for this cell: the model, what it was told, and what it
    searched."""
    told = orjson.dumps([prompt(plan.calls), schemas(cell.system)])
    return {
        "cell": cell.name,
        "format": FORMAT,
        "endpoint": cell.subject.endpoint,
        "sampling": cell.subject.sampling.fields(),
        "bounds": asdict(cell.subject.bounds),
        "prompt": sha256(told).hexdigest()[:16],
        "set": test.name,
        "corpus": test.fingerprint(),
        "generation": generation,
        "tasks": sha256("\n".join(task.id for task in tasks).encode()).hexdigest(),
    }


@dataclass(frozen=True, slots=True)
class Relay:
    """Progress of one cell among all."""

    progress: Progress
    before: int
    total: int
    note: str

    def __call__(self, done: int) -> None:
        self.progress(self.before + done, self.total, self.note)


class Questions:
    """One cell, asked."""

    def __init__(
        self, backend: Backend, model: Model, cell: Cell, collection: str, journal: Journal, transcript: Path
    ) -> None:
        self._backend, self._model, self._cell, self._collection = backend, model, cell, collection
        self._journal, self._transcript = journal, transcript
        self._lock = threading.Lock()

    def ask(self, tasks: Sequence[Task], threads: int, relay: Relay) -> None:
        """Those that the journal lacks, several at once. The first failure ends it: what is done is kept, what was not
        begun is left."""
        left = [task for task in tasks if task.id not in self._journal.records]
        relay(len(tasks) - len(left))
        with ThreadPoolExecutor(threads) as pool:
            waiting = [pool.submit(self._one, task) for task in left]
            try:
                for done, each in enumerate(as_completed(waiting), start=len(tasks) - len(left) + 1):
                    each.result()
                    relay(done)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, task: Task) -> None:
        desk = AgentDesk(self._backend, self._cell.system, self._collection, task.question)
        talk = Conversation(self._model, desk, schemas(self._cell.system), task, self._cell.subject.bounds)
        try:
            record = talk.run()
        finally:
            desk.close()
        self._keep(task, talk.messages)
        self._journal.add(record)

    def _keep(self, task: Task, messages: Sequence[Message]) -> None:
        """The transcript of a question that was asked twice is there twice; the last one counts."""
        with self._lock, self._transcript.open("ab") as out:
            out.write(orjson.dumps({"task": task.id, "messages": messages}) + b"\n")


def measured(
    made: Sequence[tuple[Cell, Sequence[Record]]], tasks: Sequence[Task], plan: Plan
) -> Iterator[dict[str, Any]]:
    """Two rows for each system and topic: of what was displayed, and of what was cited."""
    by_id = {task.id: task for task in tasks}
    for cell, found in made:
        for record in found:
            task = by_id[record.task]
            gold = dict.fromkeys(task.evidence, 1)
            lists = list_measures(record.trajectory(), gold, plan.calls, cell.system.k)
            row = {"agent": cell.subject.name, "system": cell.system.name, "topic": task.id}
            for name, reading in ((DISPLAYED, displayed(record, task)), (CITED, cited(record, task))):
                values: Mapping[str, float] = {**measures(reading, plan.calls), **token_measures(reading)}
                more = {**lists, **habits(record, task.evidence)} if name == DISPLAYED else {}
                yield {**row, "reader": name, "measures": {**values, **more}}
