"""Signals of meaning: given cosines of the query with a document's passages, returns them on the scale [0, 1].

Not for computing cosines: the index does, for every candidate, whichever retriever found it.
"""

from __future__ import annotations

import numpy as np

from ranking.signals.input import SignalInput, Values, known, within
from ranking.types import Doubles, Floats


def from_cosine(cosine: Floats) -> Doubles:
    """(1 + cos) / 2; the fixed scale that makes it add up with bm25 (Bruch, Gai, Ingber 2023)."""
    return within((1.0 + cosine.astype(np.float64)) / 2.0)


def dense(given: SignalInput) -> Values:
    """Of the best passage (MaxP: Dai and Callan 2019)."""
    return known(from_cosine(given.evidence.cosine))


def dense_mean(given: SignalInput) -> Values:
    """Of the mean of the best three passages."""
    return known(from_cosine(given.evidence.cosine_mean))
