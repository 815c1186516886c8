"""What openness costs: the engine in one process against its raw parts, on 100,000 passages.

    python -m bench.opened WEB [--queries 150] [--rounds 3] [--long 40] [--searches 10000] [--write]

Query vectors are computed once, for the engine and for faiss alike, so that the model weighs on nobody. In turns, block
by block: the raw parts (tantivy's best 300, faiss' best 200, 10 stored pages), a search, the same explained, its plan;
then queries of 200 words against tantivy's best 10; then two threads against one; then memory over many searches.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import orjson

from api.engine import Engine
from api.preparing import Stopwatch, prepare
from api.requests import SearchRequest
from api.settings import Settings
from bench.floor import FETCHED, Asked, Floor
from bench.measure import median, quantile
from bench.prepared import COLLECTION, prepared, queries
from bench.report import Table, figure, options, publish
from bench.resident import resident
from bench.search import asked, open_floor
from indexer.collection import Collection
from indexer.generation import open_current
from ranking.params import FIELD_WEIGHTS
from ranking.pipeline import rank
from ranking.ports import SearchIndex
from ranking.types import Floats, SessionState

PASSAGES: Final = 100_000
BLOCK: Final = 25
LONG_WORDS: Final = 200
MS: Final = 1_000
STATELESS: Final = {"session": {"record": False}}
"""Searched each time: a call that is not recorded takes nothing from pools, and leaves nothing there."""
GOALS: Final = {"search": 2.5, "tail": 2.0, "explained": 2.0, "plan": 0.03, "long": 1.3, "threads": 1.5, "memory": 1.6}

Timings = dict[str, list[float]]


def timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * MS


def raw(floor: Floor, each: Asked, vector: Floats) -> None:
    """The parts but for the model."""
    rows = floor.lexical(each.terms)
    floor.dense(vector)
    floor.fetch(rows[:FETCHED])


def turns(engine: Engine, floor: Floor, work: Sequence[Asked], rounds: int) -> Timings:
    """Milliseconds by kind."""
    vectors = {each.text: engine.encode(each.text) for each in work}  # the engine remembers them, too
    kinds: dict[str, Callable[[Asked], Any]] = {
        "raw": lambda each: raw(floor, each, vectors[each.text]),
        "search": lambda each: engine.search({"query": each.text, **STATELESS}, "default"),
        "explained": lambda each: engine.search({"query": each.text, "explain": True, **STATELESS}, "default"),
        "plan": lambda each: engine.plan({"query": each.text, **STATELESS}, "default"),
    }
    found: Timings = defaultdict(list)
    for each in work:
        for run in kinds.values():
            run(each)
    for _ in range(rounds):
        for block in range(0, len(work), BLOCK):
            for name, run in kinds.items():
                found[name] += [timed(lambda: run(each)) for each in work[block : block + BLOCK]]  # noqa: B023
    return found


def long_queries(folder: Path, count: int) -> list[str]:
    """Consecutive words from the middle of the longest pages, one query a page."""
    with Collection(folder / COLLECTION).documents() as store:
        texts = sorted((document.text for document in store.documents()), key=len, reverse=True)
    found = []
    for text in texts:
        words = [word for word in text.split() if word.isalpha()]
        middle = len(words) // 2
        if len(words) >= 2 * LONG_WORDS:
            found.append(" ".join(words[middle : middle + LONG_WORDS]))
        if len(found) == count:
            break
    return found


LEXICAL: Final[dict[str, Any]] = {"retrieve": [{"type": "bm25"}], "weights": {"*": 0, "bm25": 1}, **STATELESS}


def long_turns(engine: Engine, floor: Floor, texts: Sequence[str], rounds: int) -> tuple[Timings, list[float]]:
    """(milliseconds of plan, recall and ranking, and of tantivy's ten best; the share of the exhaustive ten found)."""
    times: Timings = defaultdict(list)
    overlap: list[float] = []
    exhaustive = {"retrieve": [{"type": "bm25", "k": 10_000, "terms": {"max_df": 1.0}}]}
    with engine.index_of(COLLECTION) as index:
        clauses = [clauses_of(floor, text, index) for text in texts]
        for text in texts:
            quick, full = (_ids(engine, {"query": text, **LEXICAL, **more}) for more in ({}, exhaustive))
            overlap.append(len(quick & full) / max(len(full), 1))
        for _ in range(rounds):
            times["tantivy"] += [timed(lambda: floor.lexical(each, 10)) for each in clauses]  # noqa: B023
            times["engine"] += [timed(lambda: lexical(text, index)) for text in texts]  # noqa: B023
    return times, overlap


def clauses_of(floor: Floor, text: str, index: SearchIndex) -> Sequence[tuple[str, str, float]]:
    """Every scored stem of a query in the fields that the engine searches: what tantivy alone would be asked."""
    plan = prepare(SearchRequest.model_validate({"query": text, **STATELESS}), index, None, Stopwatch()).plan
    stems = [stem for term in plan.terms if term.scored for stem in term.statistics.forms]
    return [(name, stem, weight) for name, weight in FIELD_WEIGHTS.items() for stem in stems]


def lexical(text: str, index: SearchIndex) -> None:
    """Plan, recall and ranking by words alone; what tantivy's search stands against."""
    request = SearchRequest.model_validate({"query": text, **LEXICAL})
    plan = prepare(request, index, None, Stopwatch()).plan
    rank(plan, index.recall(plan), request, SessionState(), 0.0)


def _ids(engine: Engine, request: dict[str, Any]) -> set[str]:
    return {hit["id"] for hit in orjson.loads(engine.search(request, "default").body)["results"]}


def throughput(engine: Engine, texts: Sequence[str], threads: int) -> float:
    """Searches a second."""

    def run(part: Sequence[str]) -> None:
        for text in part:
            engine.search({"query": text, **STATELESS}, "default")

    workers = [threading.Thread(target=run, args=(texts[number::threads],)) for number in range(threads)]
    begun = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(texts) / (time.perf_counter() - begun)


def memory(texts: Sequence[str], searches: int, folder: Path) -> list[str]:
    """Resident MB after a tenth of the searches and after all of them, private MB, and the first over the generation's
    size."""
    generation = open_current(folder / COLLECTION).generation
    assert generation is not None
    size = sum(path.stat().st_size for path in generation.folder.rglob("*") if path.is_file()) / 2**20
    early, late = resident(folder, texts, searches)
    held = (early["resident"], late["resident"], late["private"], size, late["resident"] / size)
    return [figure(each) for each in held]


def tables(
    found: Timings, long: Timings, overlap: Sequence[float], rates: Sequence[float], held: Sequence[str], command: str
) -> list[Table]:
    """What is published."""
    p50 = {name: median(times) for name, times in (*found.items(), *long.items())}
    p95 = {name: quantile(times, 0.95) for name, times in (*found.items(), *long.items())}
    equal = float(np.mean(np.array(overlap) == 1.0))
    same = f"{equal:.2f} of queries, {np.mean(overlap):.3f} of hits"
    gained = f"{rates[1] / rates[0]:.2f} ({rates[1]:.0f} searches/s)"

    def row(what: str, name: str, base: str = "", goal: str = "") -> list[str]:
        ratio = f"{p50[name] / p50[base]:.3f} {base}" if base else ""
        return [what, figure(p50[name]), figure(p95[name]), ratio, f"≤ {GOALS[goal]}" if goal else ""]

    rows = [
        ["", "p50 ms", "p95 ms", "against", "goal"],
        row("raw parts", "raw"),
        row("search", "search", "raw", "search"),
        ["its p95 over its p50", "", "", f"{p95['search'] / p50['search']:.2f}", f"≤ {GOALS['tail']}"],
        row("explained, every signal", "explained", "search", "explained"),
        row("plan", "plan", "search", "plan"),
        row(f"{LONG_WORDS} words: tantivy's ten best", "tantivy"),
        row(f"{LONG_WORDS} words: plan, recall and ranking", "engine", "tantivy", "long"),
        ["same ten as the exhaustive search", "", "", same, "≥ 0.95"],
        ["two threads over one", "", "", gained, f"≥ {GOALS['threads']}"],
    ]
    notes = [f"{PASSAGES:,} passages, one process, vectors of the queries given to all."]
    memory_rows = [
        ["resident MB at a tenth", "at the end", "of it private", "generation MB", "ratio", "goal"],
        [*held, f"≤ {GOALS['memory']}"],
    ]
    return [Table("opened", command, rows, notes), Table("opened-memory", command, memory_rows)]


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a data folder that is there already; default: one is made")
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", type=int, default=40)
    parser.add_argument("--searches", type=int, default=10_000)
    chosen = parser.parse_args()
    folder = chosen.data or prepared(chosen.web, chosen.cache, PASSAGES)
    texts = queries(folder, chosen.web, chosen.queries)
    work = asked(folder, texts)
    engine = Engine(Settings(data=folder))
    try:
        with tempfile.TemporaryDirectory() as scratch:
            floor, _ = open_floor(folder, Path(scratch))
            found = turns(engine, floor, work, chosen.rounds)
            long, overlap = long_turns(engine, floor, long_queries(folder, chosen.long), chosen.rounds)
            del floor
        throughput(engine, texts, 1)
        rates = [max(throughput(engine, texts * 2, threads) for _ in range(3)) for threads in (1, 2)]
    finally:
        engine.close()
    held = memory(texts, chosen.searches, folder)
    command = (
        f"python -m bench.opened WEB --queries {chosen.queries} --rounds {chosen.rounds} --searches {chosen.searches}"
    )
    publish(tables(found, long, overlap, rates, held, command), chosen.cache, chosen.write)


if __name__ == "__main__":
    main()
