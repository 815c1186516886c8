"""Signals of where words stand in the body: given hit positions, returns closeness, smallest window and first hit.

One pass over all hits of all candidates, no loop over candidates. Not for phrases: the index counts those.
"""

from __future__ import annotations

import numpy as np

from ranking.constants import FIRST_POSITION_MIDPOINT, WINDOW_TERMS
from ranking.signals.input import SignalInput, Values, nothing, saturate
from ranking.types import Doubles, Ints, Longs, Mask


def proximity(given: SignalInput) -> Values:
    """Sum over neighbouring hits of different terms of min(w_i, w_j) / distance^2, w = idf x boost (after Rasolofo
    and Savoy 2003), saturated at what one run of all the terms reaches: sum w - max w."""
    weights = given.term_weights
    midpoint = float(weights.sum() - weights.max()) if len(weights) else 0.0
    if given.hits is None or midpoint <= 0:
        return nothing(given.size)
    rows, term, position = given.hits
    pair = (rows[1:] == rows[:-1]) & (term[1:] != term[:-1])
    first, second = np.minimum(term[:-1][pair], term[1:][pair]), np.maximum(term[:-1][pair], term[1:][pair])
    distance = np.maximum(position[1:][pair] - position[:-1][pair], 1)
    closeness = np.minimum(weights[first], weights[second]) / (distance * distance)
    together = np.bincount(rows[:-1][pair], closeness, minlength=given.size).astype(np.float64)
    return saturate(together, midpoint), None


def min_window(given: SignalInput) -> Values:
    """m^2 / (T x tokens of the smallest window that holds all m of the T terms that the body has): 1 when every term
    stands in one run. Only the WINDOW_TERMS weightiest terms are looked at (Tao and Zhai 2007, MinCover)."""
    if given.hits is None or not len(given.scored):
        return nothing(given.size)
    rows, term, position = given.hits
    chosen = np.argsort(-given.term_weights, kind="stable")[:WINDOW_TERMS]
    matched = np.zeros((len(chosen), given.size), dtype=np.bool_)
    for index, one in enumerate(chosen):
        matched[index, rows[term == one]] = True
    count = matched.sum(axis=0)
    window = np.maximum(_smallest_window(rows, term, position, chosen, matched), count)  # one token may be two terms
    return np.where(count > 0, count * count / (len(chosen) * window), 0.0), None


def _smallest_window(rows: Longs, term: Ints, position: Longs, chosen: Longs, matched: Mask) -> Doubles:
    """[n] tokens; 1 where nothing matched. A window ends at a hit and begins at the oldest latest hit of a term."""
    window = np.ones(matched.shape[1])
    if not len(rows):
        return window
    stride = int(position.max()) + 1
    key = rows * stride + position  # grows along the hits, and tells the row
    oldest = key.copy()
    for index, one in enumerate(chosen):
        latest = np.maximum.accumulate(np.where(term == one, key, -1))
        oldest = np.where(matched[index, rows], np.minimum(oldest, latest), oldest)
    complete = oldest >= rows * stride  # else a term's latest hit belongs to an earlier candidate
    span = np.where(complete, (key - oldest + 1).astype(np.float64), np.inf)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    best = np.minimum.reduceat(span, starts)
    window[rows[starts]] = np.where(np.isfinite(best), best, 1.0)
    return window


def first_position(given: SignalInput) -> Values:
    """1 / (1 + first hit / FIRST_POSITION_MIDPOINT); missing where the body has no hit."""
    if given.hits is None:
        return nothing(given.size)
    rows, _, position = given.hits
    first = np.full(given.size, np.nan)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    first[rows[starts]] = position[starts]
    missing = np.isnan(first)
    values = 1.0 / (1.0 + np.where(missing, 0.0, first) / FIRST_POSITION_MIDPOINT)
    return np.where(missing, 0.0, values), missing if missing.any() else None
