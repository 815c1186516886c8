"""Throughput beside LanceDB and Chroma: given the documentation web, the same passages, vectors and queries for all.

    python -m bench.peers WEB [--clients 16] [--seconds 10] [--rounds 3] [--write]

In turns: LanceDB's hybrid (FTS and IVF_PQ, RRF) and Chroma's vectors, in their own processes by their Python API;
ours by its Python API, as they, and over HTTP. Query vectors are given to all; the last rows of ours show the price
of what the peers do not do. Recall is of the dense retrievers alone, ten best passages against exact search.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import orjson

from api.engine import Engine
from api.settings import Settings
from bench.measure import quantile
from bench.peer_venv import peer_python
from bench.prepared import COLLECTION, prepared, queries
from bench.report import Table, figure, options, publish
from bench.server import serving
from indexer.generation import open_current
from indexer.reader import Holdings
from ranking.types import Floats

PEERS: Final = ("lancedb", "chroma")
NAMES: Final = {"lancedb": "LanceDB hybrid, RRF", "chroma": "Chroma, vectors alone"}
GOALS: Final = {"RRF, signals off": 4.0, "full default": 2.0}
RECALL_GOAL: Final = 0.98
TOP: Final = 10
WARM_S: Final = 2.0


@dataclass(frozen=True)
class Rate:
    """Some seconds of many clients."""

    queries: int
    seconds: float
    p50_ms: float
    p95_ms: float


class Peer:
    """A peer in a process of its own, tables built."""

    def __init__(self, name: str, python: Path, passages: Path, state: Path) -> None:
        script = Path(__file__).resolve().with_name("peer_engines.py")
        command = [str(python), str(script), name, str(passages), str(state)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(f"{name}: {self._answer()}", file=sys.stderr, flush=True)

    def run(self, clients: int, seconds: float) -> Rate:
        return Rate(**self._ask(f"run {clients} {seconds}"))

    def recall(self) -> float:
        return float(self._ask("recall")["recall"])

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a peer ended with status {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found


# ---------------------------------------------------------------- ours


def export(folder: Path, texts: Sequence[str], vectors: Floats, target: Path) -> Holdings:
    """Write passages and queries for the peers; returns the generation, opened."""
    generation = open_current(folder / COLLECTION).generation
    assert generation is not None
    manifest = generation.manifest
    held = Holdings(manifest.id, generation.segments, generation.overlay, manifest.embedder, manifest.dimension)
    with (target / "texts.jsonl").open("wb") as file:
        for segment in held.segments:
            for row in range(segment.documents):
                text = segment.texts.document(row, text=True).text
                for at in range(int(segment.first[row]), int(segment.first[row + 1])):
                    start, end = (int(segment.arrays[f"passage.{name}"][at]) for name in ("start", "end"))
                    file.write(orjson.dumps(text[start:end]) + b"\n")
    stored = [segment.vectors.vectors for segment in held.segments if segment.vectors is not None]
    np.save(target / "vectors.npy", np.concatenate(stored))
    (target / "queries.jsonl").write_bytes(b"\n".join(map(orjson.dumps, texts)))
    np.save(target / "query_vectors.npy", vectors)
    return held


def request(text: str, vector: Floats | None, signals: bool) -> dict[str, Any]:
    """A stateless search; with `signals` the full default."""
    body: dict[str, Any] = {"query": text, "session": {"record": False}}
    if vector is not None:
        dense = {"name": "sem", "type": "dense", "vector": vector.tolist()}
        body["retrieve"] = [{"name": "lex", "type": "bm25"}, dense]
    if not signals:
        body |= {"fuse": {"method": "rrf"}, "weights": {"*": 0, "fused": 1}}
    return body


def drive(ask: Callable[[int], Callable[[int], object]], many: int, clients: int, seconds: float) -> Rate:
    """`ask(client)` gives each client its own way to ask query number i; all ask for `seconds`."""
    times: list[list[float]] = [[] for _ in range(clients)]
    until = time.perf_counter() + seconds

    def one(number: int) -> None:
        search, at = ask(number), number * many // clients
        while (begun := time.perf_counter()) < until:
            search(at)
            times[number].append((time.perf_counter() - begun) * 1_000)
            at = (at + 1) % many

    threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [value for some in times for value in some]
    return Rate(len(every), time.perf_counter() - begun, quantile(every, 0.5), quantile(every, 0.95))


def our_recall(held: Holdings, vectors: Floats) -> float:
    """Of the approximate search for ten passages against the exact one, in every segment."""
    hits = wanted = 0
    for segment in held.segments:
        reader = segment.vectors
        if reader is None:
            continue
        for vector in vectors:
            exact = reader.search(vector, TOP, None, True).passages
            found = reader.search(vector, TOP, None, False).passages
            hits += len(set(exact.tolist()) & set(found.tolist()))
            wanted += len(exact)
    return hits / wanted


# ---------------------------------------------------------------- tables


def tables(rates: dict[str, list[Rate]], recalls: dict[str, float], command: str, note: str) -> list[Table]:
    """What is published."""
    base = _mean(rates[NAMES["lancedb"]])
    rows = [["", "queries/s", "p50 ms", "p95 ms", "over LanceDB's hybrid", "goal"]]
    for name, some in rates.items():
        goal = next((f"≥ {value:g}" for part, value in GOALS.items() if part in name and "HTTP" not in name), "")
        cells = [figure(_mean(some)), figure(min(r.p50_ms for r in some)), figure(min(r.p95_ms for r in some))]
        rows.append([name, *cells, figure(_mean(some) / base), goal])
    dense = [["", "recall@10"], *([name, f"{value:.3f}"] for name, value in recalls.items())]
    return [
        Table("peers", command, rows, [note]),
        Table(
            "peers-recall", command, dense, [f"Ten best passages against exact search; goal for ours ≥ {RECALL_GOAL}."]
        ),
    ]


def _mean(some: Sequence[Rate]) -> float:
    return sum(rate.queries for rate in some) / sum(rate.seconds for rate in some)


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a data folder that is there already; default: one is made")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    python = peer_python(chosen.cache)
    folder = chosen.data or prepared(chosen.web, chosen.cache)
    texts = queries(folder, chosen.web, chosen.queries)
    engine = Engine(Settings(data=folder, embedding_cache=0))
    vectors = np.stack([engine.encode(text) for text in texts])
    kinds = {
        "RRF, signals off, vectors given": [
            request(text, row, False) for text, row in zip(texts, vectors, strict=True)
        ],
        "full default, vectors given": [request(text, row, True) for text, row in zip(texts, vectors, strict=True)],
        "full default, `{query}` alone": [request(text, None, True) for text in texts],
    }
    rates: dict[str, list[Rate]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch, serving(folder, embedding_cache="0") as server:
        held = export(folder, texts, vectors, Path(scratch))
        state = chosen.cache / "peer-tables" / held.statistics.generation
        state.mkdir(parents=True, exist_ok=True)
        peers = {name: Peer(name, python, Path(scratch), state / name) for name in PEERS}
        recalls = {"Forage": our_recall(held, vectors), **{NAMES[name]: peer.recall() for name, peer in peers.items()}}
        for turn in range(chosen.rounds + 1):  # the first one warms
            seconds = chosen.seconds if turn else WARM_S
            found: dict[str, Rate] = {NAMES[name]: peer.run(chosen.clients, seconds) for name, peer in peers.items()}
            for name, bodies in kinds.items():

                def inside(client: int, bodies: list[dict[str, Any]] = bodies) -> Callable[[int], object]:
                    return lambda at: engine.search(bodies[at], "default").body

                def outside(client: int, bodies: list[dict[str, Any]] = bodies) -> Callable[[int], object]:
                    connection, sent = server.client(), [orjson.dumps(body) for body in bodies]
                    return lambda at: connection.post("/v1/search", sent[at])

                found[f"Forage, {name}"] = drive(inside, len(texts), chosen.clients, seconds)
                found[f"Forage over HTTP, {name}"] = drive(outside, len(texts), chosen.clients, seconds)
            for name, rate in found.items():
                print(f"round {turn}: {name}: {rate.queries / rate.seconds:.0f}/s", file=sys.stderr, flush=True)
                if turn:
                    rates[name].append(rate)
        for peer in peers.values():
            peer.close()
    engine.close()
    command = (
        f"python -m bench.peers WEB --clients {chosen.clients} --seconds {chosen.seconds:g} --rounds {chosen.rounds}"
    )
    note = f"{held.statistics.passages:,} passages, {len(texts)} queries of 8 to 12 words, {chosen.clients} clients."
    publish(tables(rates, recalls, command, note), chosen.cache, chosen.write)


if __name__ == "__main__":
    main()
