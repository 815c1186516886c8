"""What would have to change: given every candidate's signals and scores, returns for each weight the least change of it
alone that brings one candidate to a wanted rank.

With score = sum of weight x signal, candidate d passes candidate c when the weight of s moves by more than
(score_c - score_d) / (s_d - s_c), so each weight has finitely many values at which the rank of d changes, and a sweep
over them in both directions finds the nearest that will do. Only right for sums: whoever calls this checks the answer
by ranking again. Not for terms or filters (api/opened/explaining.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ranking.constants import COUNTERFACTUAL_MARGIN, COUNTERFACTUAL_WINDOW
from ranking.knobs import MAX_WEIGHT
from ranking.signals.catalogue import Signals
from ranking.types import Doubles, Longs


@dataclass(frozen=True, slots=True)
class WeightChange:
    """`weight` in place of `before` brings the candidate to `rank` or better, by the sum of weight x signal."""

    signal: str
    before: float
    weight: float
    rank: int

    @property
    def size(self) -> float:
        return abs(self.weight - self.before)


def weight_changes(
    signals: Signals, weights: Mapping[str, float], scores: Doubles, row: int, target: int, ids: Sequence[str]
) -> tuple[WeightChange, ...]:
    """The least change of each weight, in [-MAX_WEIGHT, MAX_WEIGHT], smallest first; signals that cannot do it are
    left out. Equal scores go by id."""
    first = np.array([ids[row] <= other for other in ids])  # who would stand behind `row` at equal scores, itself among
    found = []
    for name, values in zip(signals.names, signals.values, strict=True):
        for direction in (1.0, -1.0):
            step = _least_step(direction * (values[row] - values), scores - scores[row], first, target)
            if step is None:
                continue
            before = weights.get(name, 0.0)
            weight = before + direction * step
            if abs(weight) <= MAX_WEIGHT:
                changed = scores + (weight - before) * values
                rank = 1 + int(((changed > changed[row]) | ((changed == changed[row]) & ~first)).sum())
                if rank <= target:
                    found.append(WeightChange(name, before, weight, rank))
    best: dict[str, WeightChange] = {}
    for change in sorted(found, key=lambda one: (one.size, one.signal)):
        best.setdefault(change.signal, change)
    return tuple(best.values())


def _least_step(gain: Doubles, behind: Doubles, first: Doubles | Longs, target: int) -> float | None:
    """The least t >= 0 with fewer than `target` candidates whose `behind` > t x gain (or equal, and not after in id):
    `gain` is what one unit of the weight wins over each, `behind` by how much each is ahead now."""
    ahead = (behind > 0) | ((behind == 0) & ~np.asarray(first, dtype=bool))
    count = int(ahead.sum())
    if count < target:
        return 0.0
    passing = ahead & (gain > 0)
    losing = ~ahead & (gain < 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = behind / gain
    events = [(float(time), -1) for time in times[passing]] + [(float(time), 1) for time in times[losing]]
    events.sort()
    for place, (time, change) in enumerate(events):
        count += change
        if count < target:
            after = events[place + 1][0] if place + 1 < len(events) else math.inf
            size = max(abs(time), 1.0)
            if after - time <= size * COUNTERFACTUAL_WINDOW:
                continue
            beyond = time + min(size * COUNTERFACTUAL_MARGIN, (after - time) / 2)
            return beyond if beyond > time else None
    return None
