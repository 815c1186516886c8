"""What sessions cost and save: with SQLite and with Redis, ratios within one run, on 20,000 passages.

    python -m bench.sessions WEB [--queries 200] [--rounds 10] [--write]

In one process: a call in a session of 500 events against `record: false`; follow-ups that were asked, predicted or
resemble one; 16 calls at once; memory; forks. Over HTTP: other requests while follow-ups are prefetched, at 70 % load.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.measure import median, quantile
from bench.prepared import prepared, queries
from bench.redis import installed, redis_server
from bench.report import Table, figure, options, publish
from bench.session_costs import (
    EVENTS,
    FEW,
    PARALLEL,
    SESSION_CALLS,
    Clock,
    Place,
    added,
    follow_ups,
    forks,
    memory,
    parallel,
)
from bench.session_load import LOAD, prefetch_load

PASSAGES: Final = 20_000
TOPICS: Final = 20
GOALS: Final = {"added": 1.1, "repeated": 0.35, "predicted": 0.35, "warm": 0.75, "parallel": 0.9, "prefetch": 1.05}
MEMORY_GOAL: Final = 300
"""KB a session, its store's included."""
NOTES: Final = (
    f"{PASSAGES:,} passages, one process. No query is asked twice where its cost counts: of two kinds of call each "
    "has queries of its own, and in the next engine they change places."
)


@contextmanager
def places(folder: Path) -> Iterator[dict[str, Place]]:
    """By the store's name; Redis where it is installed."""
    with tempfile.TemporaryDirectory() as scratch:
        found = {"SQLite": Place(folder, None)}
        if not installed():
            yield found
            return
        with redis_server(Path(scratch)) as url:
            yield found | {"Redis": Place(folder, url)}


def rows_of(name: str, place: Place, texts: Sequence[str], count: int, rounds: int) -> list[list[str]]:
    """What one store costs."""
    cost = added(place, texts, count)
    rows = [timed(f"stateless, {name}", cost, "stateless")]
    rows.append(timed(f"in a session of {EVENTS} events, {name}", cost, "session", GOALS["added"]))
    rows.append(timed(f"the same with follow-ups offered, {name}", cost, "offering"))
    near, served = follow_ups(place, texts, count // 2)
    told = ", ".join(f"{many} from {where}" for where, many in sorted(served.items())) or "none was offered"
    rows.append(timed(f"the same query again, {name}", near, "repeated", GOALS["repeated"]))
    if near.wall["predicted"]:
        rows.append(timed(f"a follow-up that was offered ({told}), {name}", near, "predicted", GOALS["predicted"]))
    rows.append(timed(f"its words in another order, `reuse: near`, {name}", near, "warm", GOALS["warm"]))
    at_once = parallel(place, texts, rounds)
    alone, inside = median(at_once["stateless"]), median(at_once["session"])
    same, computed = median(at_once["identical"]), max(at_once["computed"])
    throughput = [figure(inside), "", figure(alone / inside), "", "", f"≥ {GOALS['parallel']} of the throughput"]
    rows.append([f"{PARALLEL} at once, stateless, {name}", figure(alone), "", "", "", "", ""])
    rows.append([f"{PARALLEL} at once of one session, {name}", *throughput])
    once = [figure(same), "", "", "", "", f"1 computed: {computed:.0f}"]
    rows.append([f"{PARALLEL} times the same at once, {name}", *once])
    return rows


def timed(what: str, clock: Clock, kind: str, goal: float | None = None) -> list[str]:
    """A row: wall time and CPU time of a kind of call, each over the stateless one."""
    wall, cpu = median(clock.wall[kind]), median(clock.cpu[kind])
    ratios = [figure(wall / median(clock.wall["stateless"])), figure(cpu), figure(cpu / median(clock.cpu["stateless"]))]
    return [what, figure(wall), figure(quantile(clock.wall[kind], 0.95)), *ratios, f"≤ {goal}" if goal else ""]


def state_rows(name: str, place: Place, texts: Sequence[str], sessions: int) -> list[str]:
    """Memory and forks of one store."""
    process, stored = memory(place, texts, sessions)
    took = forks(place, texts)
    small, large = took[FEW], took[EVENTS]
    sizes = [figure(process), figure(stored), f"≤ {MEMORY_GOAL} together"]
    return [name, *sizes, figure(small), figure(large), figure(large / small)]


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a data folder that is there already; default: one is made")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--sessions", type=int, default=40, help="alive at once, for memory")
    chosen = parser.parse_args()
    folder = chosen.data or prepared(chosen.web, chosen.cache, PASSAGES)
    texts = queries(folder, chosen.web, TOPICS)
    rows = [["", "p50 ms", "p95 ms", "over stateless", "CPU ms", "over stateless", "goal"]]
    state = [["", "KB a session, process", "KB, store", "goal", f"fork at {FEW} events ms", f"at {EVENTS}", "ratio"]]
    with places(folder) as found:
        for name, place in found.items():
            rows += rows_of(name, place, texts, chosen.queries, chosen.rounds)
            state.append(state_rows(name, place, texts, chosen.sessions))
    load, rate = prefetch_load(folder, texts, chosen.queries, chosen.rounds)
    off, on = quantile(load["off"], 0.95), quantile(load["on"], 0.95)
    beside = [
        ["", "p50 ms", "p95 ms", "p95 over off", "goal"],
        ["prefetch off", figure(median(load["off"])), figure(off), "", ""],
        ["prefetch on", figure(median(load["on"])), figure(on), figure(on / off), f"≤ {GOALS['prefetch']}"],
    ]
    command = f"python -m bench.sessions WEB --queries {chosen.queries} --rounds {chosen.rounds}"
    told = f"A server at {LOAD:.0%} of its capacity: {rate:.0f} requests a second, due at random times."
    tables = [
        Table("sessions", command, rows, [NOTES]),
        Table("sessions-state", command, state, [f"Sessions of {SESSION_CALLS} calls, all alive."]),
        Table("sessions-load", command, beside, [told]),
    ]
    publish(tables, chosen.cache, chosen.write)


if __name__ == "__main__":
    main()
