"""Runs: given an engine, a collection in it and topics, returns the ranked documents of each topic.

Every topic is a stateless search. Not for measuring (eval/measures.py).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson

from api.engine import Engine
from eval.collections import TestCollection, Topic
from eval.latency import timed
from ranking.profiles import merge

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
    name = f"eval-{safe_name(test.name, MAX_NAME)}-{test.fingerprint()}"
    index_once(engine, name, test.documents, progress)
    return name


def safe_name(name: str, characters: int) -> str:
    """As part of a collection's name."""
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:characters].strip("-")


def index_once(
    engine: Engine, name: str, documents: Callable[[], Iterable[Mapping[str, Any]]], progress: Progress
) -> None:
    """Make the collection, unless it holds documents: an ingest is whole or not there."""
    known = {entry["name"]: entry["documents"] for entry in engine.list_collections(TENANT)["collections"]}
    if known.get(name):
        return
    progress(0, 0, f"indexing {name}")
    lines = io.BytesIO(b"\n".join(orjson.dumps(document) for document in documents()))
    if name not in known:  # after the documents were read: a file that is cut off leaves no empty collection behind
        engine.create_collection({"name": name}, TENANT)
    engine.ingest_stream(name, lines, TENANT, partial(_relay, progress))


def _relay(progress: Progress, done: int, total: int | None, note: str = "") -> None:
    progress(done, total or 0, note)


def searched(request: Mapping[str, Any], collection: str) -> dict[str, Any]:
    """The request as it is sent for each topic, but for the query: as deep as there is, uncapped unless it caps, and in
    no session."""
    return {
        **merge({"max_results": DEPTH, "diversify": {"max_per_site": None}}, request),
        "collection": collection,
        "session": {"record": False},
        "content": {"passages": 0},
    }


def run_topics(
    engine: Engine,
    collection: str,
    test: TestCollection,
    request: Mapping[str, Any],
    threads: int,
    progress: Progress,
    operators: bool = False,
    *,
    answered: Mapping[str, Ranked] | None = None,
    keep: Callable[[str, Ranked], None] | None = None,
) -> dict[str, Ranked]:
    """topic -> its answer. `operators`: read topics as queries, not as plain words; `answered`: not asked again; `keep`
    is called with each new answer, in the order of the topics."""
    key = "url" if test.by_url else "id"
    known = dict(answered or {})
    asked = searched(request, collection)

    def search(topic: Topic) -> Ranked:
        payload = {**asked, "query": query_of(topic, operators)}
        reply, ms = timed(partial(engine.search, payload, TENANT))
        return Ranked(tuple((hit[key] or hit["id"], hit["score"]) for hit in orjson.loads(reply.body)["results"]), ms)

    wanted = [topic for topic in test.topics if topic.id not in known]
    pool = ThreadPoolExecutor(threads)
    try:
        for topic, ranked in zip(wanted, pool.map(search, wanted), strict=True):
            known[topic.id] = ranked
            if keep:
                keep(topic.id, ranked)
            progress(len(known), len(test.topics), test.name)
    finally:
        pool.shutdown(cancel_futures=True)  # who interrupts a run does not wait for all that was not begun
    return {topic.id: known[topic.id] for topic in test.topics}
