"""What a search costs over its floor: one client, a real server, the raw parts alone, in turns.

    python -m bench.search WEB [--queries 200] [--rounds 3] [--write]

For each query in turn: the raw parts (floor.py), then `{query}` over HTTP stateless, in a session, and with
explanations. All see the same noise. Wall time as the client sees it; CPU time of the server process. The query
vectors are computed anew each time: the server keeps none.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson

from api.engine import Engine
from api.settings import Settings
from bench.floor import PARTS, Asked, Floor, write_pages
from bench.measure import cpu_seconds, median, quantile
from bench.prepared import COLLECTION, prepared, queries
from bench.report import Table, figure, options, publish
from bench.server import Client, Serving, serving
from indexer.embed import ensure_built
from indexer.generation import open_current
from indexer.reader import Holdings
from ranking.params import Params
from ranking.plan import plan
from ranking.query import parse

GOAL: Final = 2.0
AIM: Final = 1.5
WARM: Final = 30
MS: Final = 1_000
FIELDS: Final = Params().retrieve[0].fields  # type: ignore[union-attr]

Timings = dict[str, list[float]]


def asked(folder: Path, texts: Sequence[str]) -> list[Asked]:
    """Each query with the stems that our own plan keeps, in the fields that it searches."""
    engine = Engine(Settings(data=folder))
    try:
        with engine.index_of(COLLECTION) as index:
            found = []
            for text in texts:
                planned = plan(parse(text), Params(), index.statistics, index.term_statistics, None)
                stems = [stem for term in planned.terms if term.kept for stem in term.statistics.forms]
                found.append(Asked(text, [(name, stem, weight) for name, weight in FIELDS.items() for stem in stems]))
            return found
    finally:
        engine.close()


def open_floor(folder: Path, scratch: Path) -> tuple[Floor, int]:
    """The raw parts over the collection's own files, and how many passages it has."""
    generation = open_current(folder / COLLECTION).generation
    if generation is None or len(generation.segments) != 1:
        raise ValueError(f"the collection in {folder} must have one segment: delete the folder to build it anew")
    held = Holdings("floor", generation.segments, generation.overlay, None, 0)
    texts = held.segments[0].texts
    stored = ((row, texts.document(row, text=True)) for row in range(held.rows))
    pages = scratch / "pages.sqlite"
    write_pages(pages, [(row, page.url, page.title, page.text) for row, page in stored])
    return Floor(generation.segments[0], ensure_built(), pages), generation.manifest.passages


def requests_of(text: str, session: str) -> dict[str, dict[str, Any]]:
    """The kinds of request that are compared, each searched for: an earlier one's pool answers none of them."""
    return {
        "stateless": {"query": text, "session": {"record": False}},
        "in a session": {"query": text, "session_id": session, "session": {"reuse": "off"}},
        "explained": {"query": text, "session": {"record": False}, "explain": True},
    }


def measure(floor: Floor, server: Serving, work: Sequence[Asked], rounds: int) -> tuple[Timings, Timings, Timings]:
    """(wall ms by kind, CPU ms by kind, ms by stage of the explained answers)."""
    client = server.client()
    wall: Timings = defaultdict(list)
    cpu: Timings = defaultdict(list)
    stages: Timings = defaultdict(list)
    for each in work[:WARM]:
        floor.run(each)
        for request in requests_of(each.text, "warm").values():
            client.search(request)
    for turn in range(rounds):
        for block in range(0, len(work), WARM):
            some = work[block : block + WARM]
            _floor_block(floor, some, wall, cpu)
            for kind in requests_of("", ""):
                _search_block(client, server.pid, kind, some, f"bench-{turn}", wall, cpu, stages)
    client.close()
    return wall, cpu, stages


def _floor_block(floor: Floor, work: Sequence[Asked], wall: Timings, cpu: Timings) -> None:
    begun = time.process_time()
    for each in work:
        parts = floor.run(each)
        wall["floor"].append(sum(parts.values()))
        for name, ms in parts.items():
            wall[f"floor.{name}"].append(ms)
    cpu["floor"].append((time.process_time() - begun) * MS / len(work))


def _search_block(
    client: Client,
    pid: int,
    kind: str,
    work: Sequence[Asked],
    session: str,
    wall: Timings,
    cpu: Timings,
    stages: Timings,
) -> None:
    """`work` with one kind of request. The server's clock has ticks of 10 ms, so CPU time is taken for a block."""
    begun = cpu_seconds(pid)
    for number, each in enumerate(work):
        body = orjson.dumps(requests_of(each.text, f"{session}-{number % 8}")[kind])
        start = time.perf_counter()
        answer = client.post("/v1/search", body)
        wall[kind].append((time.perf_counter() - start) * MS)
        if kind == "explained":
            trace = orjson.loads(answer)["trace"]
            stages["total"].append(trace["total_ms"])
            for stage in trace["stages"]:
                stages[stage["name"]].append(stage["ms"])
    cpu[kind].append((cpu_seconds(pid) - begun) * MS / len(work))


# ---------------------------------------------------------------- tables


def tables(wall: Timings, cpu: Timings, stages: Timings, command: str, passages: int, count: int) -> list[Table]:
    """What is published."""
    kinds = [name for name in wall if not name.startswith("floor")]
    floor_wall, floor_cpu = median(wall["floor"]), _mean(cpu["floor"])
    rows = [["", "p50 ms", "p95 ms", "CPU ms", "p50 over floor", "CPU over floor"]]
    for name in ("floor", *kinds):
        ms, spent = median(wall[name]), _mean(cpu[name])
        rows.append(
            [
                "raw parts alone (the floor)" if name == "floor" else f"`{{query}}` over HTTP, {name}",
                figure(ms), figure(quantile(wall[name], 0.95)), figure(spent),
                figure(ms / floor_wall), figure(spent / floor_cpu),
            ]
        )  # fmt: skip
    parts = [["part of the floor", "p50 ms"]] + [[name, figure(median(wall[f"floor.{name}"]))] for name in PARTS]
    inner = [["stage", "p50 ms", "p95 ms"]]
    inner += [[name, figure(median(found)), figure(quantile(found, 0.95))] for name, found in stages.items()]
    notes = [
        f"{passages:,} passages, {count} queries of 8 to 12 words, one client; goal: stateless at most {GOAL} times "
        f"the floor, aim {AIM}. CPU of the server process, of this process for the floor."
    ]
    return [
        Table("search", command, rows, notes),
        Table("search-floor", command, parts),
        Table("search-stages", command, inner, ["The engine's own trace of the explained answers."]),
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a data folder that is there already; default: one is made")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    folder = chosen.data or prepared(chosen.web, chosen.cache)
    work = asked(folder, queries(folder, chosen.web, chosen.queries))
    with tempfile.TemporaryDirectory() as scratch:
        floor, passages = open_floor(folder, Path(scratch))
        with serving(folder, embedding_cache="0") as server:
            wall, cpu, stages = measure(floor, server, work, chosen.rounds)
    command = f"python -m bench.search WEB --queries {chosen.queries} --rounds {chosen.rounds}"
    publish(tables(wall, cpu, stages, command, passages, len(work)), chosen.cache, chosen.write)


if __name__ == "__main__":
    main()
