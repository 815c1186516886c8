"""Several opinions as one: given of each retriever a column of scores or of ranks and a weight, returns one column
in [0, 1].

Retrievers are names, of any type. n candidates; a score of NaN says that a retriever has no data on a candidate, a rank
of 0 that it did not find it. Either earns 0 there and takes nothing from what others say: the candidates are a union,
never an intersection. Only ratios of weights count: they need not sum to 1, all of them times a positive number
give the same result, and a retriever of weight 0 is one that was not asked. Weights may be negative; a result below 0
counts as 0. The order of the candidates changes no bit: sums over candidates are exact (math.fsum).

Not for the default ranking: with plain `fuse.method: linear` the `weights` of the request are the fusion already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from ranking.types import Doubles, Ints

RAW: Final = "none"
"""The normaliser whose columns are raw scores, on any scale and also negative; all others take scores in [0, 1]."""

# ---------------------------------------------------------------- methods


def linear(columns: Mapping[str, Doubles], weights: Mapping[str, float], normalize: str, size: int) -> Doubles:
    """sum_r w_r s_r / sum_r |w_r| over normalised scores s: the convex combination of Bruch, Gai, Ingber 2023, and
    Fox and Shaw's CombSUM where all weights are equal."""
    return _settled(_mean(columns, _ratios(columns, weights), normalize, size), normalize)


def reciprocal_rank(ranks: Mapping[str, Ints], weights: Mapping[str, float], k: int, size: int) -> Doubles:
    """Reciprocal rank fusion, sum_r w_r / (k + rank_r) over the retrievers that found it, over what a candidate that
    is first everywhere gets (Cormack, Clarke, Buettcher 2009)."""
    columns = {name: from_rank(column, k) for name, column in ranks.items()}
    return linear(columns, weights, "theoretical", size)


def comb_mnz(
    columns: Mapping[str, Doubles], ranks: Mapping[str, Ints], weights: Mapping[str, float], normalize: str, size: int
) -> Doubles:
    """`linear` x share of the retrievers that found it: CombMNZ (Fox and Shaw 1994), which rewards agreement. Raw
    scores are made x / (1 + x) after that product, so that its order stays. Only retrievers of positive weight are
    counted: being found by one that weighs against is no recommendation. A name that `ranks` lacks found nobody."""
    ratios = _ratios(columns, weights)
    voters = [name for name in columns if weights[name] > 0.0]
    found = np.zeros(size)
    for name in voters:
        if name in ranks:
            found += ranks[name] > 0
    return _settled(_mean(columns, ratios, normalize, size) * (found / max(len(voters), 1)), normalize)


def weighted_max(columns: Mapping[str, Doubles], weights: Mapping[str, float], normalize: str, size: int) -> Doubles:
    """max_r w_r s_r / max_r |w_r|: the most convinced retriever decides (CombMAX: Fox and Shaw 1994)."""
    best = np.zeros(size)
    for name, ratio in _ratios(columns, weights).items():
        best = np.maximum(best, ratio * normalised(columns[name], normalize))
    return _settled(best, normalize)


def from_rank(ranks: Ints, k: float, absent: float = math.nan) -> Doubles:
    """[n] (k + 1) / (k + rank), 1 for the best and `absent` where not found: the score of a list that gives none."""
    return np.where(ranks > 0, (k + 1.0) / (k + np.maximum(ranks, 1)), absent)


def _ratios(columns: Mapping[str, Doubles], weights: Mapping[str, float]) -> dict[str, float]:
    """Weights over the largest |weight|, in [-1, 1] and so never too small to reckon with; those of 0 left out."""
    largest = max((abs(weights[name]) for name in columns), default=0.0)
    return {name: weights[name] / largest for name in columns if weights[name]}


def _mean(columns: Mapping[str, Doubles], ratios: Mapping[str, float], normalize: str, size: int) -> Doubles:
    """[n] sum w s / sum |w|; 0 where nothing weighs."""
    total, mass = np.zeros(size), 0.0
    for name, ratio in ratios.items():
        total += ratio * normalised(columns[name], normalize)
        mass += abs(ratio)
    return total / mass if mass > 0.0 else total


def _settled(values: Doubles, normalize: str) -> Doubles:
    """[n] in [0, 1]: below 0 is 0; raw values x become x / (1 + x), written so that rounding never reverses two."""
    positive = np.maximum(values, 0.0)
    return 1.0 - 1.0 / (1.0 + positive) if normalize == RAW else np.minimum(positive, 1.0)


# ---------------------------------------------------------------- normalisers


def normalised(column: Doubles, normalize: str) -> Doubles:
    """[n] one retriever's scores on a scale that can be added up; KeyError for a name that NORMALISERS lacks.

    Statistics are of the candidates that have data. NaN becomes 0, and a score of 0 stays 0 by every normaliser, though
    it counts in the statistics: no scale makes something of nothing.
    """
    data = ~np.isnan(column)
    result = np.zeros(len(column))
    if data.any():
        result[data] = NORMALISERS[normalize](column[data])
        result[column == 0.0] = 0.0
    return result


def _as_given(scores: Doubles) -> Doubles:
    """Theoretical scales are known before the search, so that scores of two queries can be compared (Bruch, Gai,
    Ingber 2023); raw ones are whatever the retriever says."""
    return scores


def _minmax(scores: Doubles) -> Doubles:
    """(x - min) / (max - min) (Lee 1997); 1 where all are equal. The worst candidate that has data gets 0, no more than
    one without data: OpenSearch users complain of it (neural-search #659), and `rank` does not do it."""
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.ones(len(scores))


def _zscore(scores: Doubles) -> Doubles:
    """Logistic of z = (x - mean) / standard deviation of the population (Montague and Aslam 2001, ZMUV); 1/2 where all
    are equal. Logistic, because the normal CDF is exactly 1 from z = 8.3, which the best of 70 candidates can pass, and
    would make ties of an order. z is that of the scores on [0, 1], where no square underflows."""
    placed = _minmax(scores)
    distance = placed - math.fsum(placed.tolist()) / len(placed)
    deviation = math.sqrt(math.fsum((distance * distance).tolist()) / len(placed))
    z = distance / deviation if deviation > 0.0 else distance
    return np.asarray(1.0 / (1.0 + np.exp(-z)), dtype=np.float64)


def _l2(scores: Doubles) -> Doubles:
    """x / sqrt(sum x^2): a column of length 1, as in OpenSearch. The more candidates share it the less each gets."""
    high = scores.max()
    if not high > 0.0:
        return np.zeros(len(scores))
    shares = scores / high  # no square underflows
    return np.asarray(shares / math.sqrt(math.fsum((shares * shares).tolist())), dtype=np.float64)


def _rank(scores: Doubles) -> Doubles:
    """1 - (place - 1) / m, by score, over the m that have data: 1 for the best down to 1/m (Renda and Straccia 2003).
    Ties share the better place, so that it is the share of candidates that score no higher."""
    return np.searchsorted(np.sort(scores), scores, side="right") / len(scores)


NORMALISERS: Final[Mapping[str, Callable[[Doubles], Doubles]]] = {
    "theoretical": _as_given,
    "minmax": _minmax,
    "zscore": _zscore,
    "l2": _l2,
    "rank": _rank,
    RAW: _as_given,
}
"""By name: [m] scores, all of them known and m at least 1, to [m]."""
