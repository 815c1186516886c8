"""Signals of words: given term frequencies and lengths of every field, returns BM25, coverage, phrases and title.

Scales are known before the search: BM25 is divided by its supremum sum_t idf_t (k1 + 1), so that 1 means that every
term is saturated, and scores of two queries can be compared. Not for words' places (positional.py, pairs.py,
windows.py) nor for single fields (fields.py).
"""

from __future__ import annotations

import numpy as np

from ranking.constants import PHRASE_MIDPOINT, TERM_DENSITY_MIDPOINT
from ranking.signals.input import (
    LARGEST,
    SMALLEST,
    LexicalParameters,
    SignalInput,
    Values,
    add_up,
    nothing,
    saturate,
    within,
    without,
)
from ranking.types import FIELDS, Doubles, Floats, Mask

# ---------------------------------------------------------------- BM25


def bm25(given: SignalInput, k1: float | None = None, b: float | None = None) -> Values:
    """BM25F over the fields of the first bm25 retriever, with its k1 and b unless they are given."""
    return bm25f(given, given.lexical.but(k1, b))


def bm25f(given: SignalInput, lexical: LexicalParameters) -> Values:
    """BM25F with a length normaliser per field (Zaragoza, Craswell, Taylor, Saria, Robertson, TREC 2004; Robertson
    and Zaragoza 2009, 3.6): s = sum_f w_f tf_f / (1 - b + b dl_f/avgdl_f); BM25F = sum_t idf_t s (k1+1) / (s + k1)."""
    weights = given.term_weights
    total = weights.sum()
    if not total > 0:
        return nothing(given.size)
    return within(add_up(shares(given, lexical))), None


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
    return over_length(given, given.tf[field], field, b)


def over_length(given: SignalInput, frequency: Doubles | Floats, field: int, b: float) -> Doubles:
    """[?, n] frequencies in one field over 1 - b + b dl/avgdl."""
    length = np.maximum(1.0 - b + b * given.relative_length[field], SMALLEST)
    relative: Doubles = frequency * (1.0 / length)
    return np.minimum(relative, LARGEST)


def saturation(frequency: Doubles, k1: float) -> Doubles:
    """s / (s + k1), and 0 at 0 also when k1 is 0."""
    return frequency / np.maximum(frequency + k1, SMALLEST)


# ---------------------------------------------------------------- which words are there


def coverage(given: SignalInput) -> Values:
    """Share of the scored terms that the document holds."""
    terms = len(given.scored)
    return (given.present.sum(axis=0) / terms, None) if terms else nothing(given.size)


def coverage_idf(given: SignalInput) -> Values:
    """Share of the scored terms' idf that the document holds."""
    return weighed(given, given.present)


def weighed(given: SignalInput, present: Mask) -> Values:
    """Share of the scored terms' weight that [T, n] says are there."""
    weights = given.term_weights
    total = weights.sum()
    if not total > 0:
        return nothing(given.size)
    return within(add_up(present * (weights / total)[:, None])), None


def all_terms(given: SignalInput) -> Values:
    """1 where no scored term is missing: the Boolean model among LETOR's features (Qin and Liu 2013)."""
    if not len(given.scored):
        return nothing(given.size)
    return np.asarray(given.present.all(axis=0), dtype=np.float64), None


def rarest_term(given: SignalInput) -> Values:
    """Weight of the weightiest term it holds over that of the weightiest term (max idf: He and Ounis 2004)."""
    largest = given.term_weights.max(initial=0.0)
    if not largest > 0:
        return nothing(given.size)
    held = (given.present * (given.term_weights / largest)[:, None]).max(axis=0)
    return np.asarray(held, dtype=np.float64), None


def term_density(given: SignalInput, mid: float = TERM_DENSITY_MIDPOINT) -> Values:
    """x / (x + mid), x = hits of scored terms in the body over its tokens (Qin and Liu 2013: sum of stream length
    normalised term frequency); missing where there is no body."""
    if not len(given.scored):
        return nothing(given.size)
    field = FIELDS.index("body")
    length = given.evidence.dl[field].astype(np.float64)
    hits = given.tf[field].sum(axis=0, dtype=np.float64)  # whole numbers: exact in any order
    return without(saturate(hits / np.maximum(length, 1.0), mid), length <= 0)


# ---------------------------------------------------------------- phrases and title


def phrase(given: SignalInput) -> Values:
    """Share of the query's phrases that occur."""
    phrases = len(given.plan.query.phrases)
    if not phrases:
        return nothing(given.size)
    return (given.evidence.phrases > 0).sum(axis=0) / phrases, None


def phrase_frequency(given: SignalInput, mid: float = PHRASE_MIDPOINT) -> Values:
    """Mean over the query's phrases of x / (x + mid), x = how often it occurs."""
    phrases = len(given.plan.query.phrases)
    if not phrases:
        return nothing(given.size)
    return within(add_up(saturate(given.evidence.phrases.astype(np.float64), mid)) / phrases), None


def exact_title(given: SignalInput) -> Values:
    """1 where the title holds every scored word of the query and no word that is not the query's. Stop words of the
    query may stand in it, as far as the index counts words that do not score."""
    own = given.query_words
    if not own.any():
        return nothing(given.size)
    field = FIELDS.index("title")
    length = given.evidence.dl[field]
    held = (given.evidence.tf[field][own & given.scores] > 0).all(axis=0)
    exact = held & (given.evidence.tf[field][own].sum(axis=0) >= length) & (length > 0)
    return without(exact.astype(np.float64), length <= 0)
