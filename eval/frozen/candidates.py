"""Frozen candidates: given an engine, a test collection and a request, keeps every signal of every candidate of every
topic, with grades; given weights, returns the order that the engine would give.

One search a topic, then any number of trials by adding up columns. The order is that of scores alone: no cap, no MMR.
What the sum of weight x signal does not say - score expressions, rerank stages, rules - is refused; other k1, b, fields
or fusions change the signals themselves: api/opened/frozen.py ranks again under those. On disk: files.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from api.engine import Engine
from api.opened.frozen import FrozenQuery
from eval.adhoc.runs import TENANT, Progress, query_of, searched
from eval.collections import TestCollection, Topic
from eval.errors import FrozenError
from ranking.balance import said_by
from ranking.signals.input import rows_by_id
from ranking.types import Doubles, Longs, Mask
from ranking.weights import catalogue_of

NOT_SUMS: Final[Mapping[str, Any]] = {"score": None, "rerank": [], "rules": []}
"""Fields of a request whose work is no weight x signal, with the values that do nothing."""


@dataclass(frozen=True, slots=True)
class FrozenTopic:
    """n candidates, ascending by document id; `ids` name them as the judgements do (document id or URL)."""

    topic: str
    ids: tuple[str, ...]
    values: Doubles = field(repr=False)  # [n, s] each in [0, 1]
    grades: Longs = field(repr=False)  # [n] 0 where unjudged too
    judged: Mask = field(repr=False)  # [n]
    gains: tuple[int, ...]  # all positive grades of the topic, descending, recalled or not: the ideal
    idfs: tuple[float, ...]  # nats, of each distinct scored word of the query: what ranking/balance.py reads
    documents: int  # N of the collection


@dataclass(frozen=True, slots=True)
class FrozenSet:
    """`name` of the test collection; `signals` [s] name the columns; `request` is what was searched with."""

    name: str
    signals: tuple[str, ...]
    topics: tuple[FrozenTopic, ...]
    request: Mapping[str, Any]
    generation: str


def freeze(
    engine: Engine,
    test: TestCollection,
    request: Mapping[str, Any],
    *,
    collection: str,
    threads: int,
    progress: Progress,
    topics: Sequence[Topic] | None = None,
    operators: bool = False,
) -> FrozenSet:
    """Candidates of all topics, or of these. `collection` holds the corpus (runs.ensure_indexed).

    Raises FrozenError for a request that more than weights order, and what a search raises.
    """
    asked = searched(request, collection)
    generation = check_sums(engine, asked)["generation"]
    wanted = test.topics if topics is None else tuple(topics)

    def one(topic: Topic) -> tuple[tuple[str, ...], FrozenTopic]:
        text = query_of(topic, operators)
        query = engine.freeze({**asked, "query": text, "generation": generation}, TENANT)
        return signals_of(query), frozen_topic(query, topic.id, test)

    made: list[tuple[tuple[str, ...], FrozenTopic]] = []
    pool = ThreadPoolExecutor(threads)
    try:
        for done, found in enumerate(pool.map(one, wanted), start=1):
            made.append(found)
            progress(done, len(wanted), test.name)
    finally:
        pool.shutdown(cancel_futures=True)  # as in eval/adhoc/runs.py
    signals = made[0][0] if made else ()
    return FrozenSet(test.name, signals, tuple(topic for _, topic in made), dict(request), generation)


def check_sums(engine: Engine, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a dry run tells. FrozenError for a request, its profile included, that orders by more than weights."""
    dry = engine.plan({**asked, "query": "any"}, TENANT)
    for name, idle in NOT_SUMS.items():
        if dry["resolved"][name] != idle:
            raise FrozenError(
                f"candidates cannot be frozen with {name}: their order would not be a sum of weight x signal",
                path=f"$.{name}",
                hint=f"leave out {name}, also in the profile",
            )
    return dry


def signals_of(query: FrozenQuery) -> tuple[str, ...]:
    """The names of its columns, in the order in which the engine adds them up."""
    return tuple(catalogue_of(query.request))


def frozen_topic(query: FrozenQuery, topic: str, test: TestCollection) -> FrozenTopic:
    """The candidates of one query with their grades."""
    judgements = test.qrels.get(topic, {})
    rows = rows_by_id(query.evidence.ids)
    known = zip(query.urls, query.evidence.ids, strict=True)
    names = [url or name for url, name in known] if test.by_url else query.evidence.ids
    ids = tuple(names[row] for row in rows.tolist())
    grades = np.array([max(judgements.get(name, 0), 0) for name in ids], dtype=np.int64)
    judged = np.array([name in judgements for name in ids], dtype=np.bool_)
    gains = tuple(sorted((grade for grade in judgements.values() if grade > 0), reverse=True))
    values = np.ascontiguousarray(query.ordered.signals.values.T[rows])
    documents = query.plan.statistics.documents
    return FrozenTopic(topic, ids, values, grades, judged, gains, said_by(query.plan), documents)


def rank(topic: FrozenTopic, weights: Doubles) -> Longs:
    """[n] rows by (-score, id). `weights` [s]; the score is added up column after column, as the engine does, so that
    ties are ties here too."""
    score = np.zeros(len(topic.ids))
    for column, weight in enumerate(weights.tolist()):
        if weight:
            score = score + topic.values[:, column] * weight
    ordered: Longs = np.argsort(-score, kind="stable")
    return ordered
