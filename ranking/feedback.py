"""Pseudo-relevance feedback: given the best documents' texts and scores, returns words to add; given their vectors,
returns a query vector that moved towards them.

Words: the relevance model RM1, p(w|R) = sum over documents of p(w|d) x p(d|q), mixed with the query as RM3 does
(Lavrenko and Croft 2001; Abdul-Jaleel et al. 2004). Vectors: Rocchio 1971 without negative examples. The documents are
presumed relevant, not known to be: a query whose best documents are wrong gets worse. Not for feedback that was given.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from ranking.constants import FEEDBACK_CONSIDERED, FEEDBACK_MAX_DF, FEEDBACK_MIN_CHARACTERS, MAX_FEEDBACK_BOOST
from ranking.stopwords import stop_words
from ranking.text import tokenize
from ranking.types import CollectionStatistics, Floats, TermStatistics


def feedback_words(
    texts: Sequence[str],
    scores: Sequence[float],
    own: Sequence[str],
    statistics: CollectionStatistics,
    lookup: Callable[..., tuple[TermStatistics, ...]],
    terms: int,
    weight: float,
) -> tuple[tuple[str, float], ...]:
    """The `terms` words of the greatest p(w|R) that the query does not have, with boosts that add up to the share
    `weight` of all boosts, the query's `own` words having 1 each. Stop words, words of fewer than
    FEEDBACK_MIN_CHARACTERS, words without a letter and words in more than FEEDBACK_MAX_DF of the documents are no help.
    p(d|q) is proportional to the scores, which are at least 0."""
    total = math.fsum(max(score, 0.0) for score in scores)
    if not total > 0 or not terms or not weight:
        return ()
    common = stop_words(statistics.languages)
    model: dict[str, float] = defaultdict(float)
    for text, score in zip(texts, scores, strict=True):
        counts = Counter(tokenize(text))
        length = sum(counts.values())
        for token, count in counts.items():
            if len(token) >= FEEDBACK_MIN_CHARACTERS and token not in common and any(map(str.isalpha, token)):
                model[token] += count / length * max(score, 0.0) / total
    for token in own:
        model.pop(token, None)
    ranked = sorted(model, key=lambda token: (-model[token], token))[: FEEDBACK_CONSIDERED * terms]
    known = lookup(tuple((token, False) for token in ranked), stem=True)
    most = max(FEEDBACK_MAX_DF * statistics.documents, 1.0)
    rare = [token for token, one in zip(ranked, known, strict=True) if 0 < one.df <= most]
    chosen = rare[:terms]
    mass = math.fsum(model[token] for token in chosen)
    if not mass > 0:
        return ()
    share = weight / (1.0 - weight) * max(len(own), 1) if weight < 1.0 else math.inf
    return tuple((token, min(share * model[token] / mass, MAX_FEEDBACK_BOOST)) for token in chosen)


def moved_vector(query: Floats, vectors: Floats, weight: float) -> Floats:
    """query + weight x mean of `vectors` [m, d], at unit length; the query itself where that is no direction."""
    if not len(vectors) or not weight:
        return query
    moved = query.astype(np.float64) + weight * vectors.astype(np.float64).mean(axis=0)
    length = math.sqrt(math.fsum((moved * moved).tolist()))
    return np.asarray(moved / length, dtype=np.float32) if length > 0 else query
