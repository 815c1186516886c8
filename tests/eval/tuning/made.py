"""Frozen sets made up so that the best weights are known: what is relevant is what those weights rank first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from eval.frozen.candidates import FrozenSet, FrozenTopic
from ranking.types import Doubles

SIGNALS = ("bm25", "bm25.title", "coverage_idf", "bm25.bigram", "dense", "rrf")
"""In the order of the catalogue, as a frozen set has them."""
NO_WORDS: tuple[float, ...] = ()
"""Of a topic without idfs: there the rule gives dense a weight of 2."""


def topic(
    name: str,
    values: Doubles,
    grades: Sequence[int],
    *,
    missing: Sequence[int] = (),
    idfs: tuple[float, ...] = NO_WORDS,
    documents: int = 1_000,
) -> FrozenTopic:
    """`missing`: grades of documents that were not recalled."""
    given = np.array(grades, np.int64)
    gains = tuple(sorted((grade for grade in [*grades, *missing] if grade > 0), reverse=True))
    ids = tuple(f"d{number:04d}" for number in range(len(grades)))
    return FrozenTopic(name, ids, values, given, given > 0, gains, idfs, documents)


def frozen(name: str, topics: Sequence[FrozenTopic], signals: Sequence[str] = SIGNALS) -> FrozenSet:
    return FrozenSet(name, tuple(signals), tuple(topics), {}, "g1")


def planted(
    name: str, weights: Mapping[str, float], *, topics: int = 40, size: int = 60, relevant: int = 5, seed: int = 0
) -> FrozenSet:
    """A set of which `weights` (others 0) rank all that is relevant first."""
    chance = np.random.default_rng(seed)
    wanted = np.array([weights.get(signal, 0.0) for signal in SIGNALS])
    made = []
    for number in range(topics):
        values = chance.random((size, len(SIGNALS)))
        best = np.argsort(-(values @ wanted), kind="stable")[:relevant]
        grades = np.zeros(size, np.int64)
        grades[best] = 1
        made.append(topic(f"{name}{number}", values, grades.tolist()))
    return frozen(name, made)
