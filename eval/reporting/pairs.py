"""Pairs: given two systems' values on the same topics, returns all that a report says of the one against the other.

Intervals and tests are those of eval/measures.py and eval/compare.py. Not for wording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from eval.compare import SIGNIFICANCE, holm, randomisation_p
from eval.measures import bootstrap_interval

POWER: Final = 1.959964 + 0.841621
"""Normal quantiles of a two-sided test at 0.05 and of 80 % power: the difference of means that such a test finds four
times in five is so many of its standard errors (Bloom 1995)."""
EXTREMES: Final = 10
"""Of the largest wins, and of the largest losses."""


@dataclass(frozen=True, slots=True)
class Pair:
    """`name` against `baseline`. `differences[topic]`, in the topics' order; `detectable`: the smallest true difference
    that a test on these topics finds four times in five, None with fewer than two topics."""

    set: str
    name: str
    baseline: str
    measure: str
    mean_a: float
    mean_b: float
    differences: Mapping[str, float]
    low: float
    high: float
    p: float
    detectable: float | None
    p_holm: float = 1.0

    @property
    def topics(self) -> int:
        return len(self.differences)

    @property
    def difference(self) -> float:
        return self.mean_b - self.mean_a

    @property
    def wins(self) -> int:
        return sum(value > 0 for value in self.differences.values())

    @property
    def losses(self) -> int:
        return sum(value < 0 for value in self.differences.values())

    @property
    def significant(self) -> bool:
        return self.p_holm < SIGNIFICANCE

    @property
    def verdict(self) -> str:
        if not self.significant:
            return "not told from chance"
        return "better" if self.difference > 0 else "worse"


def pair(set_: str, name: str, baseline: str, measure: str, a: Mapping[str, float], b: Mapping[str, float]) -> Pair:
    """`b`, of `name`, against `a`, of `baseline`, on the topics that both have."""
    topics = [topic for topic in a if topic in b]
    left, right = np.array([a[topic] for topic in topics]), np.array([b[topic] for topic in topics])
    differences = right - left
    low, high = bootstrap_interval(differences.tolist())
    count = len(topics)
    detectable = POWER * float(differences.std(ddof=1)) / count**0.5 if count > 1 else None
    return Pair(
        set_,
        name,
        baseline,
        measure,
        float(left.mean()),
        float(right.mean()),
        dict(zip(topics, differences.tolist(), strict=True)),
        low,
        high,
        randomisation_p(left, right),
        detectable,
    )


def corrected(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """With Holm's correction over all of these."""
    return tuple(replace(each, p_holm=p) for each, p in zip(pairs, holm([each.p for each in pairs]), strict=True))


def sorted_differences(pair_: Pair) -> tuple[float, ...]:
    """Largest win first."""
    return tuple(sorted(pair_.differences.values(), reverse=True))


def extremes(pair_: Pair) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """(topic, difference) of the largest wins and of the largest losses, the largest first; ties by topic."""
    wins = sorted((-value, topic) for topic, value in pair_.differences.items() if value > 0)
    losses = sorted((value, topic) for topic, value in pair_.differences.items() if value < 0)
    return (
        [(topic, -value) for value, topic in wins[:EXTREMES]],
        [(topic, value) for value, topic in losses[:EXTREMES]],
    )
