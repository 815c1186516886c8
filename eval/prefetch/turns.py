"""Prefetch, measured: given recorded sessions, asks each with prefetch and without, in turns, and writes what was warm,
what it cost and what it saved.

Between two calls the agent thinks: guesses are waited for. A session finds no vector and no pool of another, so that it
costs what it would alone. Only queries that people or real agents asked say anything here: simulated agents resemble
the predictor. Not for whether a session finds more (eval/sessions/replay.py).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from api.engine import Engine
from eval.adhoc.runs import TENANT, Progress, ensure_indexed, plain
from eval.errors import DatasetError, SessionRunError
from eval.folders import writable, write_results
from eval.prefetch.asked import TOP, Asked, PrefetchPlan, Session
from eval.prefetch.report import USED, markdown, rows_of, summary, taken_rows
from eval.prefetch.warm_pools import GOAL, WarmPool
from eval.sessions.displayed import answer_of
from eval.sessions.distractors import Distractors, ensure_mixed
from eval.sessions.logs import Log, Turn, read_logs

THINKING_S: Final = 60.0
"""Guesses are waited for no longer than this."""
PAUSE_S: Final = 0.06
"""Before every call: a processor that was at work a moment ago is faster, with prefetch or without."""
MS: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class _Run:
    """Of one log on one engine, as in Session."""

    calls: tuple[Asked, ...]
    account: dict[str, Any]
    guessed: tuple[str, ...]


def run_prefetch(
    open_engine: Callable[[], Engine],
    data: Path,
    out: Path,
    plan: PrefetchPlan,
    *,
    collection: str | None,
    progress: Progress,
    distractors: Distractors | None = None,
) -> dict[str, Any]:
    """measures.json's body. `open_engine` opens the same data each time: what one engine learned of its predictors, the
    other shall not know."""
    test, logs = read_logs(data)
    if collection is None:
        test.check_corpus()
    logs = chosen(logs, plan)
    writable(out)
    with _open(open_engine) as on, _open(open_engine) as off:
        if distractors:
            distractors.check(on, collection)
        name = collection or (
            ensure_mixed(on, test, distractors, progress) if distractors else ensure_indexed(on, test, progress)
        )
        on.plan(_request(name, "any", plan, None), TENANT)
        found: list[Session] = []
        for number, log in enumerate(logs):
            progress(number, len(logs), log.id)
            guessing, plainly = _pair(on, off, name, log, plan, first_on=bool(number % 2))
            pages = _pages(off, name, log, plan)
            found.append(Session(log, guessing.calls, plainly.calls, guessing.account, pages, guessing.guessed))
        found = list(_timed(on, off, name, found, plan, progress))
        holds = on.read_collection(name, TENANT)
    rows = [row for session in found for row in rows_of(session)]
    body = summary(test.name, plan, holds, found, rows)
    write_results(out, [*rows, *taken_rows(found)], body, markdown(body))
    return body


def chosen(logs: tuple[Log, ...], plan: PrefetchPlan) -> tuple[Log, ...]:
    """Logs of a seeded sample of topics. DatasetError when no session asks twice."""
    kept = tuple(log for log in logs if len(log.turns) > 1)
    if not kept:
        raise DatasetError("no session asks twice", hint="prefetch needs logs with two queries and more")
    topics = sorted({log.topic for log in kept})
    if plan.topics is None or plan.topics >= len(topics):
        return logs
    some = set(np.random.default_rng(plan.seed).choice(topics, plan.topics, replace=False).tolist())
    return tuple(log for log in logs if log.topic in some)


@contextmanager
def _open(open_engine: Callable[[], Engine]) -> Iterator[Engine]:
    engine = open_engine()
    try:
        yield engine
    finally:
        engine.close()


def _timed(
    on: Engine, off: Engine, name: str, found: Sequence[Session], plan: PrefetchPlan, progress: Progress
) -> Iterator[Session]:
    """With the repeats, once every session was asked: predictors learn, and from what is asked again they shall not."""
    left = plan.taken
    for number, session in enumerate(found):
        again, taken = [], []
        if any(call.served_from == USED for call in session.on):
            progress(number, len(found), f"times of {session.log.id}")
            for turn in range(plan.repeats - 1):
                one, other = _pair(on, off, name, session.log, plan, first_on=bool(turn % 2))
                again.append((one.calls, other.calls))
        if left and session.guessed:
            progress(number, len(found), f"times of {session.log.id}")
            longer = replace(session.log, turns=(*session.log.turns, Turn(session.guessed[0])))
            for turn in range(plan.repeats):
                one, other = _pair(on, off, name, longer, plan, first_on=bool(turn % 2))
                if one.calls[-1].served_from == USED:
                    taken.append((one.calls[-1], other.calls[-1]))
            left -= bool(taken)
        yield replace(session, again=tuple(again), taken=tuple(taken))


def _pair(on: Engine, off: Engine, name: str, log: Log, plan: PrefetchPlan, first_on: bool) -> tuple[_Run, _Run]:
    """The session with prefetch and without it; one of them comes first."""
    if first_on:
        guessing = _ask(on, name, log, plan, prefetch=True)
        return guessing, _ask(off, name, log, plan, prefetch=False)
    without = _ask(off, name, log, plan, prefetch=False)
    return _ask(on, name, log, plan, prefetch=True), without


def _request(name: str, query: str, plan: PrefetchPlan, session: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "query": plain(query).strip() or query,
        "collection": name,
        "max_results": plan.k,
        "diversify": {"max_per_site": None},
        **(session or {"session": {"record": False}}),
    }


def _ask(engine: Engine, name: str, log: Log, plan: PrefetchPlan, *, prefetch: bool) -> _Run:
    """Every call of one session, and the account of its guesses. Nothing of it is left behind."""
    engine.forget_vectors()
    session_id = f"eval-{secrets.token_hex(8)}"
    session: dict[str, Any] = {"session_id": session_id, "session": {"prefetch": prefetch}}
    if plan.objective and log.goal:
        session["objective"] = log.goal
    asked: list[Asked] = []
    for turn in log.turns:
        warm = _warm(engine, session_id, log.goal) if asked and prefetch else ()
        time.sleep(PAUSE_S)
        asked.append(_call(engine, _request(name, turn.query, plan, session), warm))
    account = engine.sessions.read(session_id, TENANT)["prefetch"]
    kept = engine.calls.kept(TENANT, session_id)
    engine.sessions.delete(session_id, TENANT)
    searched = tuple(each.pool.text for each in kept if each.origin == "guess" and each.pool.vector is not None)
    return _Run(tuple(asked), account, searched)


def _call(engine: Engine, request: dict[str, Any], warm: tuple[WarmPool, ...]) -> Asked:
    began, worked = time.perf_counter(), time.thread_time()
    reply = engine.search(request, TENANT)
    ms, cpu_ms = (time.perf_counter() - began) * MS, (time.thread_time() - worked) * MS
    worked = time.process_time()
    if not engine.calls.settle(THINKING_S):
        raise SessionRunError("guesses did not end", hint="is the machine busy? run it again when it is not")
    guess_ms = (time.process_time() - worked) * MS
    body = orjson.loads(reply.body)
    if body["trace"]["degraded"]:
        raise SessionRunError(f"the engine answered without {', '.join(body['trace']['degraded'])}")
    displayed = "\n".join(f"{item.title}\n{item.text}" for item in answer_of(body).shown)
    offered = tuple(each["query"] for each in body["follow_ups"])
    served = body["session"]["served_from"]
    results = orjson.dumps(body["results"])
    return Asked(request["query"], results, served, ms, cpu_ms, guess_ms, offered, displayed, warm)


def _warm(engine: Engine, session_id: str, goal: str) -> tuple[WarmPool, ...]:
    """What is warm before a call."""
    return tuple(
        WarmPool(
            GOAL if kept.origin != "guess" and kept.pool.text == goal else kept.origin,
            kept.pool.text,
            tuple(kept.pool.best()),
        )
        for kept in engine.calls.kept(TENANT, session_id)
    )


def _pages(engine: Engine, name: str, log: Log, plan: PrefetchPlan) -> tuple[tuple[str, ...], ...]:
    """The stateless top of each query: what a session that warms nothing would have to find."""
    answers: Sequence[Any] = [
        orjson.loads(engine.search({**_request(name, turn.query, plan, None), "max_results": TOP}, TENANT).body)
        for turn in log.turns
    ]
    return tuple(tuple(hit["id"] for hit in body["results"]) for body in answers)
