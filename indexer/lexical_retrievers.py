"""Retrievers that read postings: bm25 over the query's terms, over groups of words (prefix, regex, ...), and phrases.

Given a search and a retriever, returns the best k allowed documents by score, ties by id. The filter comes before the
top k. Scores in [0, 1] are on scales that are known before the search; see Evidence.scores. Not for evidence on what
others found (gather.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np

from indexer.gather import Gatherer
from indexer.phrases import phrase_counts
from indexer.postings import Place
from indexer.reader import Holdings
from indexer.retrieval import Retrieved, Search
from indexer.scoring import Wanted, best_rows, bm25
from ranking.retriever_params import RECALL_B, RECALL_K1
from ranking.types import FIELDS, Doubles, Longs, Mask, Phrase, PlannedRetriever, PlannedTerm, WordGroup

_ALL_FIELDS: Final = frozenset(FIELDS)


def wanted_terms(held: Holdings, terms: Sequence[PlannedTerm]) -> list[Wanted]:
    """Where each planned term is found; a term that does not score is looked for nowhere."""
    nowhere: tuple[tuple[Place, ...], ...] = ((),) * len(held.sets)
    wanted = []
    for planned in terms:
        known, places = planned.statistics, nowhere
        if planned.scored and known.df:
            places = held.terms.places(known.token, known.forms, known.exact)
        fields = frozenset(planned.term.fields) if planned.term.fields else _ALL_FIELDS
        wanted.append(Wanted(places, fields, planned.idf * planned.term.boost))
    return wanted


# ---------------------------------------------------------------- terms of the query


def by_terms(search: Search, retriever: PlannedRetriever) -> Retrieved:
    """BM25 over Plan.terms that are kept. The first such retriever gives no scores: term frequencies are evidence."""
    held, parameters = search.held, retriever.parameters
    weights = weights_of(parameters)
    terms = _kept(search)
    k1, b = float(parameters["k1"]), float(parameters["b"])
    signed = _signed(terms, weights)
    first = search.is_first(retriever)
    as_tantivy = (k1, b) == (RECALL_K1, RECALL_B) and not signed
    if as_tantivy and search.filter is None and held.segments and held.rows >= search.tantivy_from:
        proposed = _tantivy(search, weights, retriever.k)
        if proposed is not None:
            sums = Gatherer(held, proposed).bm25(terms, weights, k1, b)
            best = best_rows(sums, retriever.k, held.rank[proposed])
            scores = None if first else share_of_most(sums[best], terms, weights, k1)
            return Retrieved(proposed[best], scores, search.plan.postings)
    sums, postings = bm25(held.sets, terms, weights, held.norms, k1, b, held.rows)
    rows = best_rows(sums, retriever.k, held.rank, search.filter, signed)
    floor = None
    if as_tantivy:
        floor = float(sums[rows[-1]]) if len(rows) == retriever.k else 0.0
    return Retrieved(rows, None if first else share_of_most(sums[rows], terms, weights, k1), postings, floor)


def _kept(search: Search) -> list[Wanted]:
    pairs = zip(search.wanted, search.plan.terms, strict=True)
    return [term for term, planned in pairs if planned.kept and planned.scored]


def weights_of(parameters: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(weight) for name, weight in parameters["fields"].items()}


def _signed(terms: Iterable[Wanted], weights: Mapping[str, float]) -> bool:
    """Whether a sum may be below 0: it has been found then, though nothing speaks for it."""
    return any(weight < 0 for weight in weights.values()) or any(term.weight < 0 for term in terms)


def share_of_most(sums: Doubles, terms: Iterable[Wanted], weights: Mapping[str, float], k1: float) -> Doubles:
    """BM25 sums as shares of the most that they could be, every term at its full weight in every field."""
    most = sum(term.weight for term in terms) * (k1 + 1) * sum(map(abs, weights.values()))
    return np.clip(sums / most, 0.0, 1.0) if most > 0 else np.zeros(len(sums))


def _tantivy(search: Search, weights: dict[str, float], k: int) -> Longs | None:
    """Rows that hold the k best with high probability; None when a term is not one of its stems.

    Overfetched twice, because its lengths are rounded and its df are each segment's own."""
    held = search.held
    clauses = []
    for planned in search.plan.terms:
        if not (planned.kept and planned.scored):
            continue
        if planned.statistics.exact or planned.idf * planned.term.boost <= 0:
            return None
        for name, weight in weights.items():
            if weight and name in held.segments[0].postings.fields and name in (planned.term.fields or FIELDS):
                clauses.append((name, planned.statistics.forms, weight * planned.term.boost))
    found = [segment.lexical.top(clauses, 2 * k) + segment.offset for segment in held.segments]
    rows = np.concatenate(found) if found else np.empty(0, np.int64)
    if weights.get("anchor"):
        anchors = held.sets[-1]
        own = [
            anchors.fields["anchor"].postings(term.places[-1])[0].astype(np.int64)
            for term in search.wanted
            if term.places[-1]
        ]
        rows = np.concatenate([rows, *own])
    unique: Longs = np.unique(rows)
    return unique


# ---------------------------------------------------------------- groups of words


def by_groups(search: Search, retriever: PlannedRetriever) -> Retrieved:
    """BM25 over groups of words, the words of a group counting as one."""
    return best_of_groups(search, retriever.parameters, retriever.k, search.filter)


def best_of_groups(search: Search, parameters: Mapping[str, Any], k: int, mask: Mask | None) -> Retrieved:
    """The k best of the rows of `mask` (None: all)."""
    held, weights = search.held, weights_of(parameters)
    terms = [_wanted_group(held, group) for group in parameters["groups"]]
    k1, b = float(parameters["k1"]), float(parameters["b"])
    sums, postings = bm25(held.sets, terms, weights, held.norms, k1, b, held.rows)
    rows = best_rows(sums, k, held.rank, mask, _signed(terms, weights))
    return Retrieved(rows, share_of_most(sums[rows], terms, weights, k1), postings)


def _wanted_group(held: Holdings, group: WordGroup) -> Wanted:
    """The places of all its words; one that two words name is counted once."""
    found = [held.terms.places(word.token, word.forms, word.exact) for word in group.words if word.df]
    places = (_distinct(chain.from_iterable(one[number] for one in found)) for number in range(len(held.sets)))
    return Wanted(tuple(places), _ALL_FIELDS, group.idf * group.boost)


def _distinct(places: Iterable[Place]) -> tuple[Place, ...]:
    """Sorted, without the surfaces of a stem that is there as a whole."""
    every = set(places)
    return tuple(sorted(place for place in every if place[1] < 0 or (place[0], -1) not in every))


# ---------------------------------------------------------------- phrases


def by_phrase(search: Search, retriever: PlannedRetriever) -> Retrieved:
    """The documents that hold the phrase most often: x = sum of field weight x count, scored x / (1 + x)."""
    held, phrase = search.held, retriever.parameters["phrase"]
    counts = np.zeros(held.rows)
    for name, weight in weights_of(retriever.parameters).items():
        if weight:
            for rows, many in _occurrences(search, phrase, name):
                counts[rows] += weight * many
    rows = best_rows(counts, retriever.k, held.rank)
    return Retrieved(rows, counts[rows] / (1.0 + counts[rows]))


def _occurrences(search: Search, phrase: Phrase, field: str) -> Iterable[tuple[Longs, Longs]]:
    """(allowed rows, how often each holds the phrase in this field), set by set."""
    mask = search.filter
    for number, held in enumerate(search.held.sets):
        if field not in held.fields or not (places := search.conditions.phrase_places(number, phrase.tokens)):
            continue
        among = None if mask is None else np.flatnonzero(mask[held.offset : held.offset + held.documents])
        documents, many = phrase_counts(held.fields[field], places, phrase.slop, phrase.ordered, among)
        yield documents + held.offset, many
