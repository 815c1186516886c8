"""Logs of real sessions: given a set's folder, returns its recorded queries with the judgements that they have.

sessions.jsonl: {session_id, goal?, target_query_id?, gold?, type or source?, turns: [{query, query_id?, action?,
rewrite?}]}. Judgements
are of the whole session (`gold`: an agent's evidence), or of single turns (qrels.tsv). Of an agent's actions only
searches are queries. Not for simulated agents (tasks.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eval.collections import CORPUS_NAMES, TestCollection, read_collection
from eval.errors import DatasetError
from eval.sessions.tasks import SESSIONS, Task, evidence_words
from eval.sets.files import objects, packed
from eval.sets.layouts import JUDGEMENTS, SPLITS_OF

SEARCH: Final = "search"
FINAL: Final = "final"
"""Where turns say whether they are the last, only the last is evaluated: the others were answered by another engine."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One recorded query; `id` where it is judged."""

    query: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """One recorded session. `topic`: what it is about, the unit of tests; `goal`: that in words, where the log has it;
    `gold`: evidence for all of the session; `type`: what kind of session it is, or where it is from."""

    id: str
    topic: str
    turns: tuple[Turn, ...]
    gold: tuple[str, ...] = ()
    goal: str = ""
    type: str = ""


def read_logs(folder: Path) -> tuple[TestCollection, tuple[Log, ...]]:
    """The set (without a corpus or judgements where it has none) and its logs. DatasetError names file and line."""
    path = packed(folder, SESSIONS)
    if path is None:
        raise DatasetError(f"{folder} has no {SESSIONS}", hint="a log is {session_id, turns: [{query}]} a line")
    judged = packed(folder, JUDGEMENTS) or (folder / SPLITS_OF).is_dir()
    corpus = next((folder / name for name in CORPUS_NAMES if (folder / name).is_file()), None)
    test = read_collection(folder) if judged else TestCollection(folder.name, folder, (), {}, False, corpus)
    logs, known = [], set[str]()
    for number, row in objects(path):
        log = _log(row, test.qrels, f"{path} line {number}")
        if log.id in known:
            raise DatasetError(f"{path} line {number}: the session {log.id} is there already")
        known.add(log.id)
        if log.turns:
            logs.append(log)
    if not logs:
        raise DatasetError(f"{path} holds no query")
    return test, tuple(logs)


def tasks_of(test: TestCollection, logs: tuple[Log, ...]) -> dict[str, Task]:
    """session -> the evidence it is after, for logs that have some. DatasetError for evidence that is not there."""
    wanted = {document for log in logs for document in log.gold}
    words = evidence_words(test, wanted) if wanted else {}
    if missing := sorted(wanted - words.keys()):
        raise DatasetError(
            f"{_place(test.folder, missing[0])}: the corpus has no document {missing[0]}, which this session needs",
            hint="the sessions are of another set, or the corpus is cut off",
        )
    return {
        log.id: Task(log.id, log.turns[0].query, {document: words[document] for document in log.gold})
        for log in logs
        if log.gold
    }


def _place(folder: Path, document: str) -> str:
    """File and line of the first session that has this evidence."""
    path = packed(folder, SESSIONS)
    rows = objects(path) if path else ()
    number = next((number for number, row in rows if document in map(str, row.get("gold", ()))), 0)
    return f"{path} line {number}"


def _log(row: Mapping[str, Any], qrels: Mapping[str, Mapping[str, int]], where: str) -> Log:
    try:
        turns = [turn for turn in row["turns"] if turn.get("action", SEARCH) == SEARCH]
        read = tuple(
            Turn(str(turn["query"]), turn.get("query_id") if _judged(turn, qrels) else None)
            for turn in turns
            if str(turn["query"]).strip()
        )
        gold = tuple(str(document) for document in row.get("gold", ()))
        topic = row.get("target_query_id") if gold else row.get("topic")
        goal, kind = (str(row.get(name) or "") for name in ("goal", "type"))
        kind = kind or str(row.get("source") or "")
        return Log(str(row["session_id"]), str(topic or row["session_id"]), read, gold, goal, kind)
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{where}: not a session with turns that have a query ({error!r})") from None


def _judged(turn: Mapping[str, Any], qrels: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether a relevant document is known for it."""
    judgements = qrels.get(str(turn.get("query_id")), {})
    return bool(turn.get(FINAL, True)) and any(grade > 0 for grade in judgements.values())
