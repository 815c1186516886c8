"""Signals of the retrievers: given each one's ranks and scores, returns how many found a candidate, its ranks and the
fusion. Not for the fusing itself: see ranking/fuse.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ranking.constants import RANK_CONSTANT
from ranking.fuse import RAW, comb_mnz, from_rank, linear, reciprocal_rank, weighted_max
from ranking.params import Bm25Retriever, DenseRetriever, Retriever
from ranking.signals.dense import from_cosine
from ranking.signals.input import LexicalParameters, SignalInput, Values, add_up, nothing, within, without
from ranking.signals.lexical import bm25f
from ranking.types import Doubles


def retrievers(given: SignalInput) -> Values:
    """Share of the retrievers that found it (CombMNZ's count: Fox and Shaw 1994)."""
    ranks = given.evidence.ranks
    if not ranks:
        return nothing(given.size)
    return np.mean([column > 0 for column in ranks.values()], axis=0), None


def rank_of(name: str) -> Callable[..., Values]:
    """(k + 1) / (k + rank) in one retriever's list; 0 and missing where it did not find the candidate."""

    def compute(given: SignalInput, k: float = RANK_CONSTANT) -> Values:
        ranks = given.evidence.ranks.get(name)
        if ranks is None:
            return nothing(given.size)
        return without(from_rank(ranks, k, absent=0.0), ranks <= 0)

    return compute


def best_rank(given: SignalInput, k: float = RANK_CONSTANT) -> Values:
    """The same of the retriever that ranks it best (CombMAX: Fox and Shaw 1994); missing where none found it."""
    best = np.zeros(given.size)
    for ranks in given.evidence.ranks.values():
        best = np.maximum(best, from_rank(ranks, k, absent=0.0))
    return without(best, best <= 0.0)


def rrf(given: SignalInput, k: float = RANK_CONSTANT) -> Values:
    """Mean of the same over the retrievers, 0 for one that did not find it: reciprocal rank fusion over what the first
    of all lists gets, whatever `fuse` says (Cormack, Clarke, Buettcher 2009)."""
    lists = given.evidence.ranks
    if not lists:
        return nothing(given.size)
    return within(add_up(np.array([from_rank(ranks, k, absent=0.0) for ranks in lists.values()])) / len(lists)), None


def fused(given: SignalInput) -> Values:
    """The retrievers' opinions as one, by `fuse.method`. `fuse.weights` weighs each retriever, 1 unless named."""
    fuse, ranks, size = given.params.fuse, given.evidence.ranks, given.size
    asked = fuse.weights or {}
    weights = {one.name: asked.get(one.name, 1.0) for one in given.params.retrieve}
    if fuse.method == "rrf":
        return reciprocal_rank({name: ranks[name] for name in weights if name in ranks}, weights, fuse.k, size), None
    columns = {one.name: opinion(given, one) for one in given.params.retrieve if weights[one.name]}
    if fuse.method == "combmnz":
        return comb_mnz(columns, ranks, weights, fuse.normalize, size), None
    combine = weighted_max if fuse.method == "max" else linear
    return combine(columns, weights, fuse.normalize, size), None


def opinion(given: SignalInput, retriever: Retriever) -> Doubles:
    """[n] what one retriever says of every candidate, whoever found it; NaN where it has no data.

    In [0, 1], on a scale known before the search: of bm25 its BM25F over the most it can be, of dense (1 + cos)/2, of
    any other type its column of Evidence.scores, else (k + 1) / (k + rank) of its list, k from `fuse.k`. With
    `fuse.normalize: none` BM25F and cosine are raw; the others have no other scale.
    """
    raw = given.params.fuse.normalize == RAW
    if isinstance(retriever, Bm25Retriever):
        values, missing = bm25f(given, LexicalParameters.of(retriever))
        scale = given.term_weights.sum() * (retriever.k1 + 1.0) if raw else 1.0
        return values * scale if missing is None else np.where(missing, np.nan, values * scale)
    if isinstance(retriever, DenseRetriever):
        cosine = given.evidence.cosine
        return cosine.astype(np.float64) if raw else from_cosine(cosine)
    return of_list(given, retriever.name)


def of_list(given: SignalInput, name: str) -> Doubles:
    """[n] the opinion of a retriever that is neither bm25 nor dense: its scores, or else its ranks."""
    scores = given.evidence.scores.get(name)
    if scores is not None:
        return np.asarray(scores, dtype=np.float64)
    ranks = given.evidence.ranks.get(name)
    return np.full(given.size, np.nan) if ranks is None else from_rank(ranks, given.params.fuse.k)
