"""Signals of the session: given what its readers were shown, returns how seen, read, changed and new each candidate is.

All have weight 0 by default: seen pages are moved down by ranking/seen.py, visibly, not by a weight. What they say
follows who counts as seen there.
"""

from __future__ import annotations

import numpy as np

from ranking.signals.input import SignalInput, Values, nothing, rows_by_id, within, without


def seen(given: SignalInput) -> Values:
    """2^(-calls since / decay_calls) if this reader saw it or a near-duplicate of it, unchanged; else 0."""
    return given.exposure.strength, None


def changed(given: SignalInput) -> Values:
    """1 if this reader saw it and its content is another now (Adar, Teevan, Dumais 2009: people come back for that)."""
    return given.exposure.updated.astype(np.float64), None


def unread(given: SignalInput) -> Values:
    """Share of its passages that this reader was not shown: 1 for a page that is new to it or changed since. Missing
    for a seen page whose passages the index does not count."""
    values, missing = np.ones(given.size), np.zeros(given.size, dtype=np.bool_)
    counts = given.attribute("passages")
    for row, record in given.exposure.records.items():
        if given.exposure.seen[row]:
            missing[row] = not counts[row] > 0
            values[row] = 0.0 if missing[row] else max(0.0, 1.0 - len(record.passages) / counts[row])
    return without(values, missing)


def seen_by_others(given: SignalInput) -> Values:
    """1 if another reader of the session was shown it: work that is done, or a page that others found worth showing
    (Morris and Horvitz 2007)."""
    shown = set(given.session.others)  # a view of the log: asked once, not for every candidate
    if not shown:
        return np.zeros(given.size), None
    return np.array([name in shown for name in given.evidence.ids], dtype=np.float64), None


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
    no_vector = ~np.any(vectors, axis=1) | np.isnan(nearest)
    return without(within(1.0 - np.maximum(nearest, 0.0)), no_vector)
