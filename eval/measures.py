"""Measures: given a run and judgements, returns each measure per topic and its mean.

ir_measures computes them (trec_eval's definitions; nDCG with linear gains). Not for tests (compare.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import ir_measures
import numpy as np
from ir_measures import AP, RR, P, R, nDCG

MEASURES: Final = (nDCG @ 10, R @ 100, RR @ 10, P @ 5, AP @ 100)
"""The first decides; the others explain."""
BOOTSTRAP_SAMPLES: Final = 2_000
CONFIDENCE: Final = 0.95
SEED: Final = 20_261_123
"""Of the bootstrap: the same run gives the same interval."""

Run = Mapping[str, Sequence[tuple[str, float]]]
"""topic id -> (document, score), best first."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`per_topic[measure][topic]`; a judged topic that the run does not answer counts 0."""

    per_topic: dict[str, dict[str, float]]

    def mean(self, measure: str) -> float:
        values = list(self.per_topic[measure].values())
        return float(np.mean(values)) if values else 0.0

    def interval(self, measure: str) -> tuple[float, float]:
        """Of the mean."""
        return bootstrap_interval(list(self.per_topic[measure].values()))


def bootstrap_interval(given: Sequence[float]) -> tuple[float, float]:
    """Bootstrap percentile interval of the mean of one value a topic (Efron 1979)."""
    values = np.array(given)
    if not len(values):
        return (0.0, 0.0)
    draws = np.random.default_rng(SEED).integers(0, len(values), (BOOTSTRAP_SAMPLES, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def measure(run: Run, qrels: Mapping[str, Mapping[str, int]], topics: Sequence[str]) -> Measured:
    """Every measure of MEASURES over `topics`."""
    judged = [ir_measures.Qrel(topic, document, grade) for topic in topics for document, grade in qrels[topic].items()]
    # Rank order is the answer's own: scores are only carried along, and ties must not be reshuffled.
    ranked = [
        ir_measures.ScoredDoc(topic, document, float(-rank))
        for topic in topics
        for rank, (document, _) in enumerate(run.get(topic, ()))
    ]
    per_topic: dict[str, dict[str, float]] = {str(each): dict.fromkeys(topics, 0.0) for each in MEASURES}
    for metric in ir_measures.iter_calc(MEASURES, judged, ranked):
        per_topic[str(metric.measure)][metric.query_id] = float(metric.value)
    return Measured(per_topic)
