"""The feature dump: given an engine, a test collection and a request, writes query x document x signal with grades.

For learning to rank outside: OUT/features.letor (SVMlight with qid), OUT/features.parquet, and OUT/features.json that
says what they are of. All candidates of every topic, or the best `depth` as the request orders them, with the place and
score that it gives them. Not for trials on weights: candidates.py keeps the same numbers ready to be added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from api.engine import Engine
from api.opened.frozen import FrozenQuery
from eval.adhoc.evaluate import check
from eval.adhoc.runs import TENANT, Progress, ensure_indexed, query_of, searched
from eval.collections import TestCollection, Topic
from eval.frozen.candidates import frozen_topic, signals_of
from eval.frozen.feature_files import FeatureFiles, Features
from ranking.signals.input import rows_by_id

AT_ONCE: Final = 8
"""Topics for each thread that may wait to be written: some 200 KB each."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to dump. `limit`: the first topics only; `depth`: so many candidates of each; `operators`: topics are read
    as queries, not as plain words; `allow_missing`: judgements may name topics and documents that are not there."""

    request: Mapping[str, Any]
    collection: str | None = None
    depth: int | None = None
    limit: int | None = None
    operators: bool = False
    allow_missing: bool = False
    threads: int = 1


def dump(engine: Engine, test: TestCollection, out: Path, wanted: Wanted, progress: Progress) -> dict[str, Any]:
    """features.json's body. Whatever can be refused is refused before anything is indexed: DatasetError, RunError, and
    what a search raises. The three files appear together when all topics are done."""
    check(engine, test, out, wanted.request, wanted.collection, wanted.operators, wanted.allow_missing)
    topics = test.topics[: wanted.limit] if wanted.limit else test.topics
    collection = wanted.collection or ensure_indexed(engine, test, progress)
    asked = searched(wanted.request, collection)
    dry = engine.plan({**asked, "query": "any"}, TENANT)
    asked["generation"] = dry["generation"]  # also when another is published meanwhile
    rows = judged = found = 0
    with FeatureFiles(out) as files:
        for done, (query, made) in enumerate(_all(engine, test, asked, topics, wanted), start=1):
            files.add(done, signals_of(query), made)
            rows += len(made.rows)
            judged += int(made.topic.judged[made.rows].sum())
            found += int((made.topic.grades[made.rows] > 0).sum())
            progress(done, len(topics), test.name)
        body = {
            "set": test.name,
            "collection": collection,
            "generation": dry["generation"],
            "request": dict(wanted.request),
            "resolved": {name: value for name, value in dry["resolved"].items() if name not in ("query", "weights")},
            "depth": wanted.depth,
            "topics": len(topics),
            "rows": rows,
            "judged": judged,
            "relevant": found,
            "relevant_judged": sum(grade > 0 for topic in topics for grade in test.qrels.get(topic.id, {}).values()),
        }
        return files.finish(body)


def features_of(query: FrozenQuery, topic: str, test: TestCollection, depth: int | None) -> Features:
    """In the order of scores that the request gives: rerank stages and rules count, caps and MMR do not."""
    place = np.empty(query.evidence.size, dtype=np.int64)
    place[rows_by_id(query.evidence.ids)] = np.arange(query.evidence.size)
    order = query.ordered.order[:depth]
    return Features(frozen_topic(query, topic, test), place[order], query.ordered.sheet.score[order])


def _all(
    engine: Engine, test: TestCollection, asked: Mapping[str, Any], topics: Sequence[Topic], wanted: Wanted
) -> Iterator[tuple[FrozenQuery, Features]]:
    def one(topic: Topic) -> tuple[FrozenQuery, Features]:
        query = engine.freeze({**asked, "query": query_of(topic, wanted.operators)}, TENANT)
        return query, features_of(query, topic.id, test, wanted.depth)

    size = wanted.threads * AT_ONCE
    with ThreadPoolExecutor(wanted.threads) as pool:
        for first in range(0, len(topics), size):
            yield from pool.map(one, topics[first : first + size])
