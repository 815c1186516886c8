"""Signals of single fields: given term frequencies and lengths by field, returns what title, headings, body, URL and
inbound link texts say on their own. A document without the field has no data. Not for fields together: lexical.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ranking.constants import ANCHOR_TEXT_MIDPOINT, TITLE_LENGTH_MIDPOINT, URL_LENGTH_MIDPOINT
from ranking.signals.input import SignalInput, Values, add_up, nothing, saturate, within, without
from ranking.signals.lexical import normalised, saturation
from ranking.types import FIELDS, Doubles


def bm25_of(name: str) -> Callable[..., Values]:
    """BM25 of one field alone, with the idf of the whole document so that fields can be compared."""
    field = FIELDS.index(name)

    def compute(given: SignalInput, k1: float | None = None, b: float | None = None) -> Values:
        if not given.term_weights.sum() > 0:
            return nothing(given.size)
        return without(_bm25(given, field, k1, b), given.evidence.dl[field] <= 0)

    return compute


def best_field(given: SignalInput, k1: float | None = None, b: float | None = None) -> Values:
    """The best of the fields' own BM25: a match that is whole in one field over one that is scattered (dis-max)."""
    if not given.term_weights.sum() > 0:
        return nothing(given.size)
    best = np.zeros(given.size)
    for field in np.flatnonzero(given.tf.any(axis=(1, 2))).tolist():
        best = np.maximum(best, _bm25(given, field, k1, b))
    return best, None


def _bm25(given: SignalInput, field: int, k1: float | None, b: float | None) -> Doubles:
    lexical, weights = given.lexical.but(k1, b), given.term_weights
    saturated = saturation(normalised(given, field, lexical.b), lexical.k1)
    return within(add_up(saturated * (weights / weights.sum())[:, None]))


def coverage_of(name: str) -> Callable[[SignalInput], Values]:
    """Share of the scored terms that may stand in this field that do (Vespa fieldMatch.queryCompleteness)."""
    field = FIELDS.index(name)

    def compute(given: SignalInput) -> Values:
        terms = int(given.asked[field].sum())
        if not terms:
            return nothing(given.size)
        return without((given.tf[field] > 0).sum(axis=0) / terms, given.evidence.dl[field] <= 0)

    return compute


def completeness_of(name: str) -> Callable[[SignalInput], Values]:
    """Share of the field's tokens that are scored terms (Vespa fieldMatch.fieldCompleteness); at most 1, also where two
    terms, a quoted word and its stem, match one token."""
    field = FIELDS.index(name)

    def compute(given: SignalInput) -> Values:
        if not given.asked[field].any():
            return nothing(given.size)
        length = given.evidence.dl[field].astype(np.float64)
        matched = given.tf[field].sum(axis=0, dtype=np.float64)  # whole numbers: exact in any order
        return without(within(matched / np.maximum(length, 1.0)), length <= 0)

    return compute


def fields_matched(given: SignalInput) -> Values:
    """Share of the five fields that hold a scored term: witnesses that agree."""
    if not len(given.scored):
        return nothing(given.size)
    return (given.tf > 0).any(axis=1).sum(axis=0) / len(FIELDS), None


def title_length(given: SignalInput, mid: float = TITLE_LENGTH_MIDPOINT) -> Values:
    """x / (x + mid), x = words of the title, 0 without one (Bendersky, Croft, Diao 2011)."""
    return saturate(_length(given, "title"), mid), None


def anchor_text(given: SignalInput, mid: float = ANCHOR_TEXT_MIDPOINT) -> Values:
    """x / (x + mid), x = words of the links to it, 0 without any (Craswell, Hawking, Robertson 2001)."""
    return saturate(_length(given, "anchor"), mid), None


def url_length(given: SignalInput, mid: float = URL_LENGTH_MIDPOINT) -> Values:
    """1 / (1 + x / mid), x = tokens of host, path and query (Qin and Liu 2013: length of URL)."""
    length = _length(given, "url")
    return without(1.0 - saturate(length, mid), length <= 0)


def _length(given: SignalInput, name: str) -> Doubles:
    length: Doubles = given.evidence.dl[FIELDS.index(name)].astype(np.float64)
    return length
