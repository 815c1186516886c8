"""Signals of the caller's own numbers: given a metadata field, returns `meta.<field>` of every candidate in [0, 1].

By default a number counts by its place among those of the whole collection, so that no scale need be known and the
other candidates are no matter; `mid` and `half_life` put it on a curve of the caller's. A document without a number
there has no data. Not for which fields a request names: ranking/weights.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ranking.signals.input import SignalInput, Values, known, nothing
from ranking.types import Doubles


def number_of_field(field: str) -> Callable[..., Values]:
    """The percentile of x; with `mid` x^exp / (x^exp + mid^exp), 0 for x below 0; with `half_life`
    2^(-|x - origin| / half_life), the origin being the largest number of the collection unless it is given."""

    def compute(
        given: SignalInput,
        mid: float | None = None,
        exp: float | None = None,
        half_life: float | None = None,
        origin: float | None = None,
    ) -> Values:
        numbers = given.evidence.numbers.get(field)
        if numbers is None:
            return nothing(given.size)
        if mid is not None:
            return known(saturated(numbers, mid, 1.0 if exp is None else exp))
        scale = given.plan.number_scales.get(field)
        if half_life is not None and origin is not None:
            return known(decayed(numbers, half_life, origin))
        if scale is None or not len(scale):
            return nothing(given.size)
        return known(percentile(numbers, scale) if half_life is None else decayed(numbers, half_life, float(scale[-1])))

    return compute


def percentile(numbers: Doubles, scale: Doubles) -> Doubles:
    """Share of the collection's numbers that are at most x, as far as its quantiles tell: linear between those of
    `scale`, ascending and equally far apart in rank; 0 below the least, 1 from the largest on. NaN stays NaN."""
    steps = len(scale) - 1
    if steps < 1:
        return np.where(np.isnan(numbers), np.nan, numbers >= scale[-1])
    below = np.searchsorted(scale, numbers, side="right") - 1  # of equal quantiles the last: they are all at most x
    low = np.clip(below, 0, steps - 1)
    least, most = scale[low] / 2.0, scale[low + 1] / 2.0  # halves: the difference of two doubles may be none
    with np.errstate(all="ignore"):
        part = (np.clip(numbers / 2.0, least, most) - least) / (most - least)
    inside = (low + np.where(most > least, np.clip(part, 0.0, 1.0), 1.0)) / steps
    placed = np.where(below < 0, 0.0, np.where(below >= steps, 1.0, inside))
    return np.where(np.isnan(numbers), np.nan, placed)


def saturated(numbers: Doubles, mid: float, exponent: float) -> Doubles:
    """As 1 / (1 + (mid/x)^e), where no power of a large x overflows. NaN stays NaN."""
    with np.errstate(all="ignore"):
        values = 1.0 / (1.0 + np.power(mid / numbers, exponent))
    return np.where(np.isnan(numbers), np.nan, np.where(numbers > 0, values, 0.0))


def decayed(numbers: Doubles, half_life: float, origin: float) -> Doubles:
    """NaN stays NaN."""
    with np.errstate(under="ignore", over="ignore"):
        return np.asarray(np.exp2(-np.abs(numbers - origin) / half_life), dtype=np.float64)
