"""Signals of the page itself, whatever the query: given attribute columns, returns priors in [0, 1].

A column that is unknown for a candidate (NaN) gives 0 and missing. Not for computing authority or quality: those
are columns of the index.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ranking.constants import INLINKS_MIDPOINT, LENGTH_MIDPOINT, RECENCY_HALF_LIFE_DAYS
from ranking.signals.input import SignalInput, Values, known, saturate, within

SECONDS_PER_DAY: Final = 86_400.0


def recency(given: SignalInput) -> Values:
    """2^(-age / half-life), age from the later of published and modified; a date ahead of now counts as now
    (Li and Croft 2003)."""
    latest = np.fmax(given.attribute("published"), given.attribute("modified"))
    age = np.maximum(given.now - latest, 0.0) / SECONDS_PER_DAY
    return known(np.exp2(-age / RECENCY_HALF_LIFE_DAYS))


def authority(given: SignalInput) -> Values:
    return known(within(given.attribute("authority")))


def inlinks(given: SignalInput) -> Values:
    return known(saturate(given.attribute("inlinks"), INLINKS_MIDPOINT))


def url_depth(given: SignalInput) -> Values:
    """1 / (1 + depth): entry pages first (Kraaij, Westerveld, Hiemstra 2002)."""
    return known(1.0 / (1.0 + np.maximum(given.attribute("url_depth"), 0.0)))


def length(given: SignalInput) -> Values:
    return known(saturate(given.attribute("words"), LENGTH_MIDPOINT))


def quality(given: SignalInput) -> Values:
    return known(within(given.attribute("quality")))
