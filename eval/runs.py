"""Runs: given an engine, a collection in it and topics, returns the ranked documents of each topic.

Every topic is a stateless search. Not for measuring (measures.py).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from api.engine import Engine
from eval.collections import TestCollection, Topic
from eval.errors import DatasetError
from eval.latency import timed

DEPTH: Final = 100
"""Documents per topic: the most a search returns, and what Recall@100 looks at."""
TENANT: Final = "default"
MAX_NAME: Final = 40

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Ranked:
    """The answer to one topic: (document id or URL, score), best first; `ms`: how long the search took."""

    documents: tuple[tuple[str, float], ...]
    ms: float


_SIGNS: Final = re.compile(r"""["“”()*^~:]|(?<!\S)[-+]+""")
_WORDS: Final = re.compile(r"\b(?:AND|OR|NOT|AROUND)\b")


def plain(text: str) -> str:
    """The topic as words alone: a test collection's quotes and brackets are prose, not operators, and a quoted title
    that no document holds would otherwise answer with nothing."""
    return _WORDS.sub(lambda found: found[0].lower(), _SIGNS.sub(" ", text))


def query_of(topic: Topic, operators: bool) -> str:
    """What is searched for. `operators`: read the topic as a query, not as plain words."""
    return topic.text if operators else plain(topic.text)


def ensure_indexed(engine: Engine, test: TestCollection, progress: Progress) -> str:
    """The name of the collection that holds the corpus; built on first use, found again by the corpus' hash."""
    safe = "".join(letter if letter.isalnum() else "-" for letter in test.name.lower())[:MAX_NAME].strip("-")
    name = f"eval-{safe}-{test.fingerprint()}"
    if name not in {entry["name"] for entry in engine.list_collections(TENANT)["collections"] if entry["documents"]}:
        progress(0, 0, f"indexing {test.name}")
        if name not in {entry["name"] for entry in engine.list_collections(TENANT)["collections"]}:
            engine.create_collection({"name": name}, TENANT)
        lines = io.BytesIO(b"\n".join(orjson.dumps(document) for document in test.documents()))
        engine.ingest_stream(name, lines, TENANT, partial(_relay, progress))
    return name


def _relay(progress: Progress, done: int, total: int | None, note: str = "") -> None:
    progress(done, total or 0, note)


def run_topics(
    engine: Engine,
    collection: str,
    test: TestCollection,
    request: Mapping[str, Any],
    threads: int,
    progress: Progress,
    operators: bool = False,
) -> dict[str, Ranked]:
    """topic -> its answer. `operators`: read topics as queries, not as plain words."""
    key = "url" if test.by_url else "id"

    def search(topic: Topic) -> Ranked:
        payload = {
            "max_results": DEPTH,
            "diversify": {"max_per_site": None},
            **request,
            "query": query_of(topic, operators),
            "collection": collection,
            "session": {"record": False},
            "content": {"passages": 0},
        }
        reply, ms = timed(partial(engine.search, payload, TENANT))
        return Ranked(tuple((hit[key], hit["score"]) for hit in orjson.loads(reply.body)["results"]), ms)

    run: dict[str, Ranked] = {}
    with ThreadPoolExecutor(threads) as pool:
        for done, (topic, ranked) in enumerate(zip(test.topics, pool.map(search, test.topics), strict=True), start=1):
            run[topic.id] = ranked
            progress(done, len(test.topics), test.name)
    return run


def write_trec(path: Path, run: Mapping[str, Sequence[tuple[str, float]]], tag: str) -> None:
    """TREC run format: topic Q0 document rank score tag.

    Readers order a topic by score and forget the rank, so the scores written decrease strictly: each is the answer's
    own, or the next number below the one before where that was a tie or a move of diversification. Numbers are single
    precision, because trec_eval reads them so.
    """
    with path.open("w", encoding="utf-8") as out:
        for topic, ranked in run.items():
            lowest = np.float32(np.inf)
            for rank, (document, score) in enumerate(ranked, start=1):
                if any(letter.isspace() for letter in document):
                    raise DatasetError(f"document id {document!r} has spaces, which a TREC run cannot hold")
                lowest = min(np.float32(score), np.nextafter(lowest, np.float32(-np.inf)))
                out.write(f"{topic} Q0 {document} {rank} {lowest!s} {tag}\n")
