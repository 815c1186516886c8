"""Signals of the session: given what this reader was shown, returns how seen and how new each candidate is.

Both have weight 0 by default: seen pages are moved down by ranking/seen.py, visibly, not by a weight.
"""

from __future__ import annotations

import numpy as np

from ranking.signals.input import SignalInput, Values, nothing, rows_by_id, within


def seen(given: SignalInput) -> Values:
    """2^(-calls since / decay_calls) if this reader saw it or a near-duplicate of it, unchanged; else 0."""
    return given.exposure.strength, None


def novelty(given: SignalInput) -> Values:
    """1 - largest cosine to what was shown, negative cosines as 0 (after Carbonell and Goldstein 1998)."""
    vectors, shown = given.evidence.vectors, given.session.vectors
    if vectors is None or shown is None or not len(shown):
        return nothing(given.size)
    if not given.size:
        return np.zeros(0), None
    order = rows_by_id(given.evidence.ids)  # the last bits of a matrix product depend on the places of its rows
    nearest = np.empty(given.size)
    nearest[order] = (vectors[order] @ shown.T).max(axis=1)
    without = ~np.any(vectors, axis=1) | np.isnan(nearest)
    values = np.where(without, 0.0, within(1.0 - np.maximum(nearest, 0.0)))
    return values, without if without.any() else None
