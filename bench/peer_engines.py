"""LanceDB and Chroma on our passages: given an engine's name and a folder of passages, answers commands on stdin.

    python bench/peer_engines.py lancedb|chroma PASSAGES STATE

PASSAGES holds texts.jsonl, vectors.npy, queries.jsonl, query_vectors.npy. Builds its tables below STATE once, says
"ready", then for each line `run CLIENTS SECONDS` prints {"queries", "seconds", "p50_ms", "p95_ms"}, and for `recall`
{"recall": of the vectors alone at 10}. Runs in the peers' own environment and imports nothing of the project.
"""

import json
import os
import sys
import threading
import time

import numpy as np

TOP = 10
BATCH = 5_000


class LanceDb:
    """FTS and IVF_PQ, fused by RRF: its own hybrid query, with the settings that fit 50,000 vectors."""

    partitions, probes, refine = 224, 20, 10

    def __init__(self, passages, state):
        import lancedb
        import pyarrow as pa
        from lancedb.index import FTS, IvfPq
        from lancedb.rerankers import RRFReranker

        self.rrf = RRFReranker()
        database = lancedb.connect(state)
        if "passages" not in database.list_tables().tables:
            vectors = passages.vectors
            kind = pa.list_(pa.float32(), vectors.shape[1])
            table = pa.table(
                {
                    "id": pa.array(range(len(vectors))),
                    "text": pa.array(passages.texts),
                    "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), type=kind),
                }
            )
            made = database.create_table("passages", table)
            made.create_index("text", config=FTS(stem=True, remove_stop_words=True, language="English"))
            subvectors = vectors.shape[1] // 4
            made.create_index(
                "vector", config=IvfPq("cosine", num_partitions=self.partitions, num_sub_vectors=subvectors)
            )
        self.table = database.open_table("passages")

    def search(self, text, vector):
        found = (
            self.table.search(query_type="hybrid")
            .vector(vector)
            .text(text)
            .nprobes(self.probes)
            .refine_factor(self.refine)
            .rerank(self.rrf)
            .limit(TOP)
            .select(["id", "text"])
        )
        return [row["id"] for row in found.to_list()]

    def nearest(self, vector):
        found = self.table.search(vector).metric("cosine").nprobes(self.probes).refine_factor(self.refine)
        return [row["id"] for row in found.limit(TOP).select(["id"]).to_list()]


class Chroma:
    """Vectors alone: it has no BM25."""

    def __init__(self, passages, state):
        import chromadb

        client = chromadb.PersistentClient(state, chromadb.config.Settings(anonymized_telemetry=False))
        self.table = client.get_or_create_collection("passages", metadata={"hnsw:space": "cosine"})
        for low in range(self.table.count(), len(passages.texts), BATCH):
            some = range(low, min(low + BATCH, len(passages.texts)))
            self.table.add(
                ids=[str(i) for i in some],
                documents=[passages.texts[i] for i in some],
                embeddings=passages.vectors[some.start : some.stop],
            )

    def search(self, text, vector):
        found = self.table.query(query_embeddings=[vector], n_results=TOP, include=["documents"])
        return [int(i) for i in found["ids"][0]]

    def nearest(self, vector):
        return self.search("", vector)


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Passages:
    def __init__(self, folder):
        self.texts = lines(os.path.join(folder, "texts.jsonl"))
        self.vectors = np.load(os.path.join(folder, "vectors.npy"))
        self.queries = lines(os.path.join(folder, "queries.jsonl"))
        self.query_vectors = np.load(os.path.join(folder, "query_vectors.npy"))


def run(engine, passages, clients, seconds):
    """Each client asks the queries from a place of its own, over and over."""
    times = [[] for _ in range(clients)]
    until = time.perf_counter() + seconds

    def ask(number):
        at = number * len(passages.queries) // clients
        while (begun := time.perf_counter()) < until:
            engine.search(passages.queries[at], passages.query_vectors[at])
            times[number].append(time.perf_counter() - begun)
            at = (at + 1) % len(passages.queries)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    every = sorted(value * 1_000 for some in times for value in some)
    middle, high = every[len(every) // 2], every[int(len(every) * 0.95)]
    return {"queries": len(every), "seconds": took, "p50_ms": middle, "p95_ms": high}


def recall(engine, passages):
    """Share of the exact best ten that are found, over all queries."""
    hits = 0
    for vector in passages.query_vectors:
        exact = np.argsort(-(passages.vectors @ vector))[:TOP]
        hits += len(set(exact.tolist()) & set(engine.nearest(vector)))
    return {"recall": hits / TOP / len(passages.query_vectors)}


def main():
    name, folder, state = sys.argv[1:]
    passages = Passages(folder)
    begun = time.perf_counter()
    engine = {"lancedb": LanceDb, "chroma": Chroma}[name](passages, state)
    print(json.dumps({"ready": name, "seconds": time.perf_counter() - begun}), flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        done = (
            recall(engine, passages)
            if command == "recall"
            else run(engine, passages, int(arguments[0]), float(arguments[1]))
        )
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()
