"""Several opinions as one: given columns of scores or of ranks and a weight for each, returns one column in [0, 1].

Not for the default ranking: with `fuse.method: linear` the `weights` of the request are the fusion already.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ranking.types import Doubles, Ints


def linear(columns: Mapping[str, Doubles], weights: Mapping[str, float], normalize: str, size: int) -> Doubles:
    """Weighted sum. `theoretical`: columns are in [0, 1] on scales known before the search, and the sum is divided by
    that of |weights| (Bruch, Gai, Ingber 2023). `none`: raw scores, and the sum x becomes x / (1 + x), which keeps
    its order. A sum below 0 counts as 0."""
    total = np.zeros(size)
    for name, column in columns.items():
        total += weights[name] * column
    positive = np.maximum(total, 0.0)
    if normalize == "none":
        return np.asarray(positive / (1.0 + positive))
    mass = sum(abs(weights[name]) for name in columns)
    return np.minimum(positive / mass, 1.0) if mass > 0 else np.zeros(size)


def reciprocal_rank(ranks: Mapping[str, Ints], weights: Mapping[str, float], k: int, size: int) -> Doubles:
    """Reciprocal rank fusion, sum_r w_r / (k + rank_r) over the retrievers that found it, over what a candidate that
    is first everywhere gets (Cormack, Clarke, Buettcher 2009). Rank 0 means not found; below 0 counts as 0."""
    total = np.zeros(size)
    for name, column in ranks.items():
        total += np.where(column > 0, weights[name] * (k + 1.0) / (k + np.maximum(column, 1)), 0.0)
    mass = sum(abs(weights[name]) for name in ranks)
    return np.clip(total / mass, 0.0, 1.0) if mass > 0 else np.zeros(size)
