"""Signals of words: given term frequencies, returns BM25 on fixed scales, coverage and matches of the whole query.

BM25 is divided by sum idf (k1 + 1), the most any document can reach, known before the search: 1 means that every
term is saturated, and scores of two queries can be compared. Not for words' places: see positional.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ranking.signals.input import LARGEST, SMALLEST, LexicalParameters, SignalInput, Values, nothing, within
from ranking.types import FIELDS, Doubles


def bm25(given: SignalInput) -> Values:
    """BM25F over the fields of the first bm25 retriever."""
    return bm25f(given, given.lexical)


def bm25f(given: SignalInput, lexical: LexicalParameters) -> Values:
    """BM25F with a length normaliser per field (Zaragoza, Craswell, Taylor, Saria, Robertson, TREC 2004; Robertson
    and Zaragoza 2009, 3.6): s = sum_f w_f tf_f / (1 - b + b dl_f/avgdl_f); BM25F = sum_t idf_t s (k1+1) / (s + k1)."""
    weights = given.term_weights
    total = weights.sum()
    if not total > 0:
        return nothing(given.size)
    return within(shares(given, lexical).sum(axis=0)), None


def shares(given: SignalInput, lexical: LexicalParameters) -> Doubles:
    """[T, n]: what each term adds to `bm25f`. Sums run over rows, never BLAS: a candidate's sum must not depend
    on its neighbours in the array."""
    saturated = saturation(merged(given, lexical), lexical.k1)
    share: Doubles = given.term_weights / max(given.term_weights.sum(), SMALLEST)
    return saturated * share[:, None]


def merged(given: SignalInput, lexical: LexicalParameters) -> Doubles:
    """[T, n] term frequencies of all fields, each over its length normaliser and times its weight; at least 0."""
    total = np.zeros((len(given.scored), given.size))
    for field, weight in enumerate(lexical.weights):
        if weight:
            total += normalised(given, field, lexical.b) * weight
    return np.maximum(total, 0.0)


def normalised(given: SignalInput, field: int, b: float) -> Doubles:
    """[T, n] tf of one field over 1 - b + b dl/avgdl."""
    length = np.maximum(1.0 - b + b * given.relative_length[field], SMALLEST)
    frequency: Doubles = given.tf[field] * (1.0 / length)
    return np.minimum(frequency, LARGEST)


def saturation(frequency: Doubles, k1: float) -> Doubles:
    """s / (s + k1), and 0 at 0 also when k1 is 0."""
    return frequency / np.maximum(frequency + k1, SMALLEST)


def bm25_of(name: str) -> Callable[[SignalInput], Values]:
    """BM25 of one field alone, with the idf of the whole document so that fields can be compared."""
    field = FIELDS.index(name)

    def compute(given: SignalInput) -> Values:
        weights = given.term_weights
        total = weights.sum()
        if not total > 0:
            return nothing(given.size)
        saturated = saturation(normalised(given, field, given.lexical.b), given.lexical.k1)
        values = within((saturated * (weights / total)[:, None]).sum(axis=0))
        missing = given.evidence.dl[field] <= 0
        return (np.where(missing, 0.0, values), missing) if missing.any() else (values, None)

    return compute


def coverage(given: SignalInput) -> Values:
    """Share of the scored terms that the document holds."""
    terms = len(given.scored)
    return (given.present.sum(axis=0) / terms, None) if terms else nothing(given.size)


def coverage_idf(given: SignalInput) -> Values:
    """Share of the scored terms' idf that the document holds."""
    weights = given.term_weights
    total = weights.sum()
    if not total > 0:
        return nothing(given.size)
    return within((given.present * (weights / total)[:, None]).sum(axis=0)), None


def phrase(given: SignalInput) -> Values:
    """Share of the query's phrases that occur."""
    phrases = len(given.plan.query.phrases)
    if not phrases:
        return nothing(given.size)
    return (given.evidence.phrases > 0).sum(axis=0) / phrases, None


def exact_title(given: SignalInput) -> Values:
    """1 where every word of the title is a word of the query and the other way round, stop words included."""
    if not given.plan.terms:
        return nothing(given.size)
    asked = [planned.term.source == "query" for planned in given.plan.terms]
    field = FIELDS.index("title")
    tf, length = given.evidence.tf[field][asked], given.evidence.dl[field]
    exact = (tf > 0).all(axis=0) & (tf.sum(axis=0) >= length) & (length > 0)
    missing = length <= 0
    return exact.astype(np.float64), missing if missing.any() else None
