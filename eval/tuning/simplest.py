"""The simplest of what is as good: given the best params, returns the nearest to the defaults that chance may part.

The rule of one standard error (Breiman et al. 1984): params that lose at most one standard error of the paired
difference, over topics within sets. Fewest changes first: the defaults themselves, then one parameter after the other
back to its default, the least missed first; then all that is left a part of the way back, and rounded. Not for
searching.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from eval.tuning.objective import Objective, Values, means_of
from eval.tuning.space import Params, Space

WAYS_BACK: Final = tuple(share / 10 for share in range(1, 10))
"""Shares of the change that are kept, least first."""
DIGITS: Final = (1, 2, 3, 4)
"""Significant ones of a number, fewest first."""


def simplest(objective: Objective, space: Space, best: Params) -> dict[str, float]:
    """The params that are not defaults; none when the defaults are as good."""
    target = objective.values(best)
    level = objective.of(means_of(target))

    def as_good(params: Params) -> float | None:
        """The objective when it may be chance that it is less."""
        found = objective.values(params)
        value = objective.of(means_of(found))
        return value if level - value <= standard_error(target, found) else None

    if as_good({}) is not None:
        return {}
    kept = space.changed(best)
    while len(kept) > 1:
        without = {name: as_good({other: kept[other] for other in kept if other != name}) for name in kept}
        found = {name: value for name, value in without.items() if value is not None}
        if not found:
            break
        kept.pop(max(found, key=lambda name: found[name]))
    defaults = space.defaults()
    if kept.keys() <= defaults.keys():
        for share in WAYS_BACK:
            nearer = {name: defaults[name] + share * (value - defaults[name]) for name, value in kept.items()}
            if as_good(nearer) is not None:
                kept = nearer
                break
    for digits in DIGITS:
        rounded = {name: significant(value, digits) for name, value in kept.items()}
        if as_good(rounded) is not None:
            return space.changed(rounded)
    return kept


def standard_error(one: Values, other: Values) -> float:
    """Of the macro mean of the paired differences; a set with one topic says nothing of its spread."""
    variances = [float(np.var(one[name] - other[name], ddof=1)) / len(one[name]) for name in one if len(one[name]) > 1]
    return math.sqrt(sum(variances)) / len(one)


def significant(value: float, digits: int) -> float:
    """To so many significant digits."""
    return float(f"{value:.{digits}g}")
