"""Signals of the query's word pairs in the body: given their adjacent and near occurrences, returns how well a body
keeps words together and in order (chain.py finds them).

A query of one word has no pairs, and no data here. Not for quoted phrases: the index counts those (lexical.phrase).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ranking.constants import NEAR_TOKENS
from ranking.signals.chain import near_pairs
from ranking.signals.input import SignalInput, Values, add_up, nothing, within, without
from ranking.signals.lexical import over_length, saturation
from ranking.types import FIELDS, Doubles

_BODY: Final = FIELDS.index("body")


def bigram(given: SignalInput) -> Values:
    """BM25 over adjacent pairs, each as a term that weighs the lesser idf of its two words: the ordered features of
    the sequential dependence model (Metzler and Croft 2005) as in BM25 of bigrams."""
    if given.runs is None:
        return nothing(given.size)
    return _scored(given, given.runs.pairs)


def near(given: SignalInput, tokens: float = NEAR_TOKENS) -> Values:
    """The same over pairs that stand less than `tokens` apart in any order: that model's unordered features."""
    if given.hits is None:
        return nothing(given.size)
    return _scored(given, near_pairs(given.hits, given.chain, int(tokens), given.size))


def _scored(given: SignalInput, pairs: Doubles) -> Values:
    """Counts [P, n] as BM25 of the body, over the most it can be."""
    weights = given.chain.pair_weights
    total = weights.sum()
    if not total > 0:
        return nothing(given.size)
    saturated = saturation(over_length(given, pairs, _BODY, given.lexical.b), given.lexical.k1)
    return within(add_up(saturated * (weights / total)[:, None])), None


def coverage_bigram(given: SignalInput) -> Values:
    """Share of the pairs that are adjacent somewhere."""
    if given.runs is None or not given.chain.pairs:
        return nothing(given.size)
    return (given.runs.pairs > 0).sum(axis=0) / given.chain.pairs, None


def longest_run(given: SignalInput) -> Values:
    """Words of the longest run in the order of the query, over all of them (Vespa fieldMatch.longestSequence)."""
    words = len(given.chain.offset)
    if given.runs is None or not words:
        return nothing(given.size)
    return given.runs.longest / words, None


def orderness(given: SignalInput) -> Values:
    """Share of the neighbouring hits of different words that stand in the order of the query (Vespa
    fieldMatch.orderness); missing where a body has no such neighbours."""
    if given.hits is None:
        return nothing(given.size)
    rows, term, _ = given.hits
    place = given.chain.place[term]
    first, second = place[:-1], place[1:]
    at = np.flatnonzero((rows[1:] == rows[:-1]) & (first != second) & (first >= 0) & (second >= 0))
    there = np.bincount(rows[at], minlength=given.size)
    kept = np.bincount(rows[at[first[at] < second[at]]], minlength=given.size)
    return without(kept / np.maximum(there, 1), there == 0)
