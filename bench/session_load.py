"""What prefetch does to others: a real server at 70 % of what it can do, sessions with prefetch and without, in turns.

An open loop: requests come when they are due, whether or not earlier ones were answered, and a wait counts from then.
Not for costs in one process (session_costs.py).
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from bench.server import Client, Serving, serving
from bench.session_costs import MS, SEED, Timings, variants

LOAD: Final = 0.7
CLIENTS: Final = 16
SESSIONS: Final = 8
"""Agents that are at work at once."""


def request(query: str, session: str, prefetch: bool) -> dict[str, Any]:
    return {"query": query, "session_id": session, "session": {"on_repeat": "continue", "prefetch": prefetch}}


def capacity(server: Serving, queries: Sequence[str]) -> float:
    """Searches of sessions a second, without prefetch, four clients in closed loops."""
    parts = [queries[number::4] for number in range(4)]

    def run(number: int) -> None:
        client = server.client()
        for query in parts[number]:
            client.search(request(query, f"capacity-{number}", False))
        client.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(queries) / (time.perf_counter() - begun)


def open_loop(server: Serving, queries: Sequence[str], rate: float, session: str, prefetch: bool) -> list[float]:
    """Milliseconds from when each request was due to its answer, arrivals exponential."""
    chance = random.Random(SEED)
    waiting: SimpleQueue[tuple[float, dict[str, Any]] | None] = SimpleQueue()
    took: list[float] = []

    def work(client: Client) -> None:
        while (item := waiting.get()) is not None:
            client.search(item[1])
            took.append((time.perf_counter() - item[0]) * MS)
        client.close()

    threads = [threading.Thread(target=work, args=(server.client(),)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    due = time.perf_counter()
    for number, query in enumerate(queries):
        due += chance.expovariate(rate)
        time.sleep(max(0.0, due - time.perf_counter()))
        waiting.put((due, request(query, f"{session}-{number % SESSIONS}", prefetch)))
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()
    return took


def prefetch_load(folder: Path, texts: Sequence[str], count: int, rounds: int) -> tuple[Timings, float]:
    """({"off", "on"}: milliseconds, requests a second). Each round has queries of its own, half of them for each."""
    queries = variants(texts, count * (2 * rounds + 1))
    found: Timings = defaultdict(list)
    with serving(folder) as server:
        rate = LOAD * capacity(server, queries[:count])
        left = iter(queries[count:])
        for turn in range(rounds):
            for name in ("off", "on") if turn % 2 else ("on", "off"):
                some = [next(left) for _ in range(count)]
                found[name] += open_loop(server, some, rate, f"load-{turn}-{name}", name == "on")
    return found, rate
