"""Signals of the page itself, whatever the query: given attribute columns, returns priors in [0, 1].

A column that is unknown for a candidate (NaN) gives 0 and missing. Not for computing authority or quality, which are
columns of the index, nor for dates: dates.py.
"""

from __future__ import annotations

import numpy as np

from ranking.constants import INLINKS_MIDPOINT, LENGTH_MIDPOINT, PASSAGES_MIDPOINT
from ranking.signals.input import SignalInput, Values, known, saturate, within


def authority(given: SignalInput) -> Values:
    return known(within(given.attribute("authority")))


def inlinks(given: SignalInput, mid: float = INLINKS_MIDPOINT) -> Values:
    return known(saturate(given.attribute("inlinks"), mid))


def url_depth(given: SignalInput) -> Values:
    """1 / (1 + depth): entry pages first (Kraaij, Westerveld, Hiemstra 2002)."""
    return known(1.0 / (1.0 + np.maximum(given.attribute("url_depth"), 0.0)))


def is_homepage(given: SignalInput) -> Values:
    """1 for the root of a site: no path segment."""
    depth = given.attribute("url_depth")
    return known(np.where(np.isnan(depth), np.nan, depth <= 0.0))


def length(given: SignalInput, mid: float = LENGTH_MIDPOINT) -> Values:
    return known(saturate(given.attribute("words"), mid))


def passages(given: SignalInput, mid: float = PASSAGES_MIDPOINT) -> Values:
    """x / (x + mid), x = passages of the page. The best of many cosines is larger by chance: a negative weight takes
    that back, as pivoted length does for words (Singhal, Buckley, Mitra 1996)."""
    return known(saturate(given.attribute("passages"), mid))


def quality(given: SignalInput) -> Values:
    return known(within(given.attribute("quality")))
