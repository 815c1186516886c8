"""Signals of where words stand in the body: given hit positions, returns closeness, smallest window, first hit, what
the beginning holds and how far the words spread.

One pass over all hits of all candidates, no loop over candidates. Not for phrases, which the index counts, nor for
neighbouring words of the query (pairs.py).
"""

from __future__ import annotations

import numpy as np

from ranking.constants import FIRST_POSITION_MIDPOINT, LEAD_TOKENS, SPREAD_PARTS, WINDOW_TERMS
from ranking.signals.input import SignalInput, Values, nothing, saturate, without
from ranking.signals.lexical import weighed
from ranking.types import FIELDS, Doubles, Longs, Mask


def proximity(given: SignalInput) -> Values:
    """Sum over neighbouring hits of different terms of min(w_i, w_j) / distance^2, w = idf x boost (after Rasolofo
    and Savoy 2003), saturated at what one run of all the terms reaches: sum w - max w."""
    weights = given.term_weights
    midpoint = float(weights.sum() - weights.max()) if len(weights) else 0.0
    if given.hits is None or midpoint <= 0:
        return nothing(given.size)
    rows, term, position = given.hits
    at = np.flatnonzero((rows[1:] == rows[:-1]) & (term[1:] != term[:-1]))
    distance = np.maximum(position[at + 1] - position[at], 1)
    closeness = np.minimum(weights[term[at]], weights[term[at + 1]]) / (distance * distance)
    together = np.bincount(rows[at], closeness, minlength=given.size).astype(np.float64)
    return saturate(together, midpoint), None


def min_window(given: SignalInput) -> Values:
    """m^2 / (T x tokens of the smallest window that holds all m of the T terms that the body has): 1 when every term
    stands in one run. Only the WINDOW_TERMS weightiest terms are looked at (Tao and Zhai 2007, MinCover)."""
    if given.hits is None or not len(given.scored):
        return nothing(given.size)
    rows, term, position = given.hits
    chosen = np.argsort(-given.term_weights, kind="stable")[:WINDOW_TERMS]
    place = np.full(len(given.scored), -1)
    place[chosen] = np.arange(len(chosen))
    matched = np.zeros((len(chosen) + 1, given.size), dtype=np.bool_)  # the last row for terms that are not chosen
    matched[place[term], rows] = True
    matched = matched[:-1]
    count = matched.sum(axis=0)
    window = np.maximum(_smallest_window(given, position, chosen, matched), count)  # one token may be two terms
    return np.where(count > 0, count * count / (len(chosen) * window), 0.0), None


def _smallest_window(given: SignalInput, position: Longs, chosen: Longs, matched: Mask) -> Doubles:
    """[n] tokens; 1 where nothing matched. A window ends at a hit and begins at the oldest latest hit of a term."""
    window = np.ones(matched.shape[1])
    if given.hits is None or not len(position):
        return window
    rows, term, _ = given.hits
    stride = int(position.max()) + 1
    key = rows * stride + position  # grows along the hits, and tells the row
    oldest = key.copy()
    for index, one in enumerate(chosen):
        latest = np.maximum.accumulate(np.where(term == one, key, -1))
        np.minimum(oldest, latest, out=oldest, where=matched[index].take(rows))
    complete = oldest >= rows * stride  # else a term's latest hit belongs to an earlier candidate
    span = np.where(complete, (key - oldest + 1).astype(np.float64), np.inf)
    starts = given.first_hits
    best = np.minimum.reduceat(span, starts)
    window[rows[starts]] = np.where(np.isfinite(best), best, 1.0)
    return window


def first_position(given: SignalInput, mid: float = FIRST_POSITION_MIDPOINT) -> Values:
    """1 / (1 + first hit / mid); missing where the body has no hit."""
    if given.hits is None:
        return nothing(given.size)
    rows, _, position = given.hits
    first = np.full(given.size, np.nan)
    first[rows[given.first_hits]] = position[given.first_hits]
    missing = np.isnan(first)
    return without(1.0 / (1.0 + np.where(missing, 0.0, first) / mid), missing)


def coverage_lead(given: SignalInput, tokens: float = LEAD_TOKENS) -> Values:
    """Share of the scored terms' idf that the first `tokens` of the body hold (after Troy and Zhang 2007, whose
    chronological term rank looks at where each term is met first)."""
    if given.hits is None:
        return nothing(given.size)
    rows, term, position = given.hits
    early = position < tokens
    present = np.zeros((len(given.scored), given.size), dtype=np.bool_)
    present[term[early], rows[early]] = True
    return weighed(given, present)


def spread(given: SignalInput) -> Values:
    """Share of SPREAD_PARTS equal parts of the body, of its tokens if it has fewer, that hold a hit (the tiles of
    TileBars, Hearst 1995); missing without a body."""
    if given.hits is None:
        return nothing(given.size)
    rows, _, position = given.hits
    length = given.evidence.dl[FIELDS.index("body")].astype(np.int64)
    part = np.minimum(position * SPREAD_PARTS // np.maximum(length, 1)[rows], SPREAD_PARTS - 1)
    held = np.zeros((SPREAD_PARTS, given.size), dtype=np.bool_)
    held[part, rows] = True
    return without(np.minimum(held.sum(axis=0) / np.clip(length, 1, SPREAD_PARTS), 1.0), length <= 0)
