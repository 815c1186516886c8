"""Signals of the retrievers: given each one's ranks, returns how many found a candidate, its ranks and the fusion.

Not for the fusing itself: see ranking/fuse.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ranking.constants import RANK_CONSTANT
from ranking.fuse import linear, reciprocal_rank
from ranking.params import Bm25Retriever
from ranking.signals.dense import dense
from ranking.signals.input import LexicalParameters, SignalInput, Values, known, nothing
from ranking.signals.lexical import bm25f


def retrievers(given: SignalInput) -> Values:
    """Share of the retrievers that found it (CombMNZ's count: Fox and Shaw 1994)."""
    ranks = given.evidence.ranks
    if not ranks:
        return nothing(given.size)
    return np.mean([column > 0 for column in ranks.values()], axis=0), None


def rank_of(name: str) -> Callable[[SignalInput], Values]:
    """(k + 1) / (k + rank) in one retriever's list; 0 and missing where it did not find the candidate."""

    def compute(given: SignalInput) -> Values:
        ranks = given.evidence.ranks.get(name)
        if ranks is None:
            return nothing(given.size)
        missing = ranks <= 0
        values = (RANK_CONSTANT + 1.0) / (RANK_CONSTANT + np.maximum(ranks, 1))
        return np.where(missing, 0.0, values), missing if missing.any() else None

    return compute


def fused(given: SignalInput) -> Values:
    """The retrievers' opinions as one, by `fuse.method`."""
    fuse = given.params.fuse
    asked = fuse.weights or {}
    weights = {one.name: asked.get(one.name, 1.0) for one in given.params.retrieve}
    if fuse.method == "rrf":
        ranks = {name: given.evidence.ranks[name] for name in weights if name in given.evidence.ranks}
        return reciprocal_rank(ranks, weights, fuse.k, given.size), None
    columns = {}
    for one in given.params.retrieve:
        if isinstance(one, Bm25Retriever):
            values, _ = bm25f(given, LexicalParameters.of(one))
            scale = given.term_weights.sum() * (one.k1 + 1.0)
        else:
            values, _ = dense(given)
            scale = None
        if fuse.normalize == "none":
            values = values * scale if scale is not None else known(given.evidence.cosine.astype(np.float64))[0]
        columns[one.name] = values
    return linear(columns, weights, fuse.normalize, given.size), None
