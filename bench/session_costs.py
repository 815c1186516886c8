"""What a session costs in one process: the parts of bench/sessions.py that need no server.

Every figure is a ratio of medians taken in turns. A query is never asked twice where its cost is measured: of two kinds
of call the one that came second would find what the first left in the pools, so each kind has queries of its own, and
in a second engine they change places. Not for load (session_load.py).
"""

from __future__ import annotations

import os
import random
import secrets
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import orjson

from api.engine import Engine
from api.settings import Settings
from bench.measure import median, private_mb
from bench.redis import used_bytes

TENANT: Final = "default"
EVENTS: Final = 500
BLOCK: Final = 10
PARALLEL: Final = 16
MS: Final = 1_000
KIB: Final = 1_024
SESSION_CALLS: Final = 50
FORKS: Final = 30
"""Of a session: it may have 32 branches."""
FEW: Final = 10
"""Events of a young session, to fork it."""
WARM_SESSIONS: Final = 3
"""Before memory is looked at: they fill the pools."""
SIZES: Final = ("page_count", "freelist_count", "page_size")
IDLE_S: Final = 0.4
"""Pause in which follow-ups can be warmed: an agent thinks longer."""
SEED: Final = 20_26
ALONE: Final[dict[str, Any]] = {"on_repeat": "continue", "prefetch": False, "follow_ups": False}
"""Of a call that is timed: what it does for itself, none of what it does for later calls."""
NEAR: Final[dict[str, Any]] = {"reuse": "near"}
"""Asks for candidates of a near query's pool."""

Timings = dict[str, list[float]]


class Clock:
    """Milliseconds of wall time by kind of call, and of CPU of this process, which a busy machine does not lengthen."""

    def __init__(self) -> None:
        self.wall: Timings = defaultdict(list)
        self.cpu: Timings = defaultdict(list)

    def search(self, kind: str, engine: Engine, query: str, session: str | None, **more: Any) -> dict[str, Any]:
        begun = time.process_time()
        took, answer = search(engine, query, session, **more)
        self.cpu[kind].append((time.process_time() - begun) * MS)
        self.wall[kind].append(took)
        return answer


@dataclass(frozen=True)
class Place:
    """Where engines are opened. `redis`: URL, None: SQLite."""

    folder: Path
    redis: str | None

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = Engine(Settings(data=self.folder, redis_url=self.redis))
        try:
            engine.warm_up()
            yield engine
        finally:
            engine.close()

    def stored_bytes(self) -> int:
        """Of all sessions."""
        if self.redis is not None:
            return used_bytes(self.redis)
        with closing(sqlite3.connect(self.folder / "sessions.sqlite")) as file:
            pages, free, size = (file.execute(f"PRAGMA {name}").fetchone()[0] for name in SIZES)
        return int((pages - free) * size)


def variants(texts: Sequence[str], count: int) -> list[str]:
    """Queries on the same topics as `texts`, none twice: some words left out, others moved."""
    chance, made = random.Random(SEED), dict[str, None]()
    while len(made) < count:
        words = chance.choice(texts).split()
        kept = chance.sample(words, len(words) - chance.randint(1, 3))
        made[" ".join(kept)] = None
    return list(made)


def search(engine: Engine, query: str, session: str | None, **more: Any) -> tuple[float, dict[str, Any]]:
    """(milliseconds of wall time, the answer). Without a session: stateless."""
    request: dict[str, Any] = {"query": query, "session": {"record": False}}
    if session is not None:
        request = {"query": query, "session_id": session, "session": {**ALONE, **more}}
    begun = time.perf_counter()
    body = engine.search(request, TENANT).body
    return (time.perf_counter() - begun) * MS, orjson.loads(body)


@contextmanager
def session_of(engine: Engine, queries: Sequence[str] = ()) -> Iterator[str]:
    """A session in which these queries were asked."""
    name = f"bench-{secrets.token_hex(6)}"
    for query in queries:
        search(engine, query, name)
    try:
        yield name
    finally:
        engine.sessions.delete(name, TENANT)


def added(place: Place, texts: Sequence[str], count: int) -> Clock:
    """{"stateless", "session", "offering"}: `count` calls each, in a session that has EVENTS events already; `offering`
    with follow-ups. Prefetch is measured under load."""
    queries = variants(texts, EVENTS + 3 * count)
    filling, left = queries[:EVENTS], queries[EVENTS:]
    parts = [left[number::3] for number in range(3)]
    clock = Clock()
    for turn in range(len(parts)):
        with place.engine() as engine, session_of(engine, filling) as session:
            for block in range(0, count, BLOCK):
                alone, inside, offering = (part[block : block + BLOCK] for part in parts[turn:] + parts[:turn])
                for query in alone:
                    clock.search("stateless", engine, query, None)
                for query in inside:
                    clock.search("session", engine, query, session)
                for query in offering:
                    clock.search("offering", engine, query, session, follow_ups=True)
    return clock


def follow_ups(place: Place, texts: Sequence[str], count: int) -> tuple[Clock, dict[str, int]]:
    """A fresh stateless call, an exact repeat in a session, a predicted follow-up, and another query over warm pools;
    and how often a predicted one was answered from where."""
    fresh = variants(texts, 2 * count)
    clock, served = Clock(), defaultdict[str, int](int)
    with place.engine() as engine:
        for alone, asked in zip(fresh[:count], fresh[count:], strict=True):
            with session_of(engine) as session:
                clock.search("stateless", engine, alone, None)
                answer = search(engine, asked, session, prefetch=True, follow_ups=True)[1]
                time.sleep(IDLE_S)
                search(engine, alone, None)  # the first call after a pause pays for the pause
                clock.search("repeated", engine, asked, session)
                ready = [each["query"] for each in answer.get("follow_ups") or () if each.get("prefetched")]
                offered = ready or [each["query"] for each in answer.get("follow_ups") or ()]
                if offered:
                    predicted = clock.search("predicted", engine, offered[0], session)
                    served[predicted["session"]["served_from"]] += 1
                words = asked.split()
                clock.search("warm", engine, " ".join([*words[1:], words[0]]), session, **NEAR)
    return clock, dict(served)


def parallel(place: Place, texts: Sequence[str], rounds: int) -> Timings:
    """Milliseconds of 16 searches at once: stateless, of one session, and 16 identical ones of one session; and of the
    latter how many were computed."""
    queries = iter(variants(texts, rounds * (2 * PARALLEL + 1)))
    found: Timings = defaultdict(list)
    with place.engine() as engine, ThreadPoolExecutor(PARALLEL) as pool:
        for _ in range(rounds):
            some = [[next(queries) for _ in range(PARALLEL)] for _ in range(2)]
            found["stateless"].append(_at_once(pool, engine, some[0], None)[0])
            with session_of(engine) as session:
                found["session"].append(_at_once(pool, engine, some[1], session)[0])
            with session_of(engine) as session:
                took, answers = _at_once(pool, engine, [next(queries)] * PARALLEL, session)
            found["identical"].append(took)
            found["computed"].append(sum(each["session"]["served_from"] == "index" for _, each in answers))
    return found


def _at_once(
    pool: ThreadPoolExecutor, engine: Engine, queries: Sequence[str], session: str | None
) -> tuple[float, list[tuple[float, dict[str, Any]]]]:
    begun = time.perf_counter()
    answers = list(pool.map(lambda query: search(engine, query, session), queries))
    return (time.perf_counter() - begun) * MS, answers


def memory(place: Place, texts: Sequence[str], sessions: int) -> tuple[float, float]:
    """(KB of the process, KB of the store) for each session of 50 calls that is alive. All ask the same queries, so
    pools do not grow with them; in a process of its own, so nothing is there that could be used again."""
    with get_context("spawn").Pool(1) as alone:
        return alone.apply(_memory, (place, texts, sessions))


def _memory(place: Place, texts: Sequence[str], sessions: int) -> tuple[float, float]:
    queries = variants(texts, SESSION_CALLS)
    with place.engine() as engine:
        names = [f"bench-memory-{number}-{secrets.token_hex(4)}" for number in range(sessions + WARM_SESSIONS)]
        held = stored = 0.0
        for number, name in enumerate(names):
            if number == WARM_SESSIONS:
                held, stored = private_mb(os.getpid()), place.stored_bytes()
            for query in queries:
                search(engine, query, name)
        grown = (private_mb(os.getpid()) - held) * KIB, (place.stored_bytes() - stored) / KIB
        for name in names:
            engine.sessions.delete(name, TENANT)
    return grown[0] / sessions, grown[1] / sessions


def forks(place: Place, texts: Sequence[str]) -> dict[int, float]:
    """events -> median milliseconds of a fork there, the two sessions in turns."""
    queries = variants(texts, EVENTS)
    times: dict[int, list[float]] = {FEW: [], EVENTS: []}
    with place.engine() as engine, session_of(engine, queries[:FEW]) as short, session_of(engine, queries) as long:
        for _ in range(FORKS):
            for events, session in ((FEW, short), (EVENTS, long)):
                begun = time.perf_counter()
                engine.sessions.fork(session, {"from": "main"}, TENANT)
                times[events].append((time.perf_counter() - begun) * MS)
    return {events: median(took) for events, took in times.items()}
