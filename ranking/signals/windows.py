"""Signals of the best passage by words: given hit positions, returns what the best window of a body holds.

Windows of a fixed number of tokens, each overlapping the next by half (Callan 1994), so that words which belong
together are rarely cut apart, whatever the page around them is about. No loop over candidates or windows. Not for the
index's own passages, which end at headings and paragraphs (Evidence has no words of theirs), nor for the smallest
window with all words (positional.min_window).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranking.constants import PASSAGE_WINDOW_TOKENS
from ranking.signals.input import SignalInput, Values, nothing, within
from ranking.signals.lexical import saturation
from ranking.types import Doubles, Longs


@dataclass(frozen=True, slots=True)
class _Cells:
    """What stands in the windows: one entry for each term of each window that holds any, window by window."""

    row: Longs  # [w] candidate of each window, ascending
    window: Longs  # [m] index of each cell's window
    term: Longs  # [m] index into the scored terms
    count: Longs  # [m] hits


def coverage_passage(given: SignalInput, tokens: float = PASSAGE_WINDOW_TOKENS) -> Values:
    """The largest share of the scored terms' idf that one window holds."""
    return _best(given, int(tokens), None)


def bm25_passage(given: SignalInput, tokens: float = PASSAGE_WINDOW_TOKENS) -> Values:
    """The largest BM25 of one window, as if it were a document of average length."""
    return _best(given, int(tokens), given.lexical.k1)


def _best(given: SignalInput, tokens: int, k1: float | None) -> Values:
    """The largest sum over a window's terms of their share of all weight, times how saturated they are; with k1 None a
    term that is there counts whole. bincount adds in the order of the cells, so neighbours change no bit."""
    total = given.term_weights.sum()
    if given.hits is None or not total > 0:
        return nothing(given.size)
    best: Doubles = np.zeros(given.size)
    cells = given.kept(("cells", tokens), lambda: _cells(given, tokens))
    if cells is not None:
        worth = (given.term_weights / total)[cells.term]
        if k1 is not None:
            worth = worth * saturation(cells.count.astype(np.float64), k1)
        sums = np.bincount(cells.window, worth, minlength=len(cells.row))
        first = np.flatnonzero(np.diff(cells.row, prepend=-1))
        best[cells.row[first]] = np.maximum.reduceat(sums, first)
    return within(best), None


def _cells(given: SignalInput, tokens: int) -> _Cells | None:
    """A window begins at every half of `tokens`, rounded up; a hit stands in that of its own half and mostly in the one
    before."""
    assert given.hits is not None
    rows, term, position = given.hits
    if not len(rows):
        return None
    step, terms = (tokens + 1) // 2, len(given.scored)
    half = position // step
    before = (half > 0) & (position - (half - 1) * step < tokens)
    windows = int(half.max()) + 1
    own = (rows * windows + half) * terms + term
    key = np.sort(np.concatenate((own, own[before] - terms)))
    first = np.flatnonzero(np.diff(key, prepend=-1))
    cell = key[first]
    window = cell // terms
    begins = np.diff(window, prepend=-1) != 0
    return _Cells(
        row=window[begins] // windows,
        window=np.cumsum(begins) - 1,
        term=cell - window * terms,
        count=np.diff(first, append=len(key)),
    )
