"""Candidates of one recall: given rows, gathers what the index knows of each of them, column by column.

Rows are global and ascending; what is handed out is in the order of ids. No Python loop over candidates or postings.
Not for which rows are candidates: recall.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from indexer.arrays import Array, ranges
from indexer.reader import Holdings
from indexer.scoring import Wanted, add_frequencies, find_hits, frequencies, occurrence_keys, positions_of
from ranking.types import FIELDS, Doubles, Floats, Ints, Longs, Plan, Positions

BEST_PASSAGES: Final = 3
"""Evidence.cosine_mean is of so many."""

_STORED: Final = ("published", "modified", "fetched", "words", "quality", "site", "content")


class Attributes(Mapping[str, Array]):
    """Evidence.attributes: a column is gathered when it is asked for. Of a dozen a search reads two or three."""

    def __init__(self, gathered: Gatherer) -> None:
        self._gathered = gathered
        self._known: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = _ATTRIBUTES[name](self._gathered)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_ATTRIBUTES)

    def __len__(self) -> int:
        return len(_ATTRIBUTES)


class Gatherer:
    """Candidates, by row and by id, and what is read of them."""

    def __init__(self, held: Holdings, rows: Longs) -> None:
        self.held = held
        self.rows = rows  # ascending
        order = np.argsort(held.rank[rows])
        self.ordered: Longs = rows[order]  # ascending ids
        self._place = np.empty(len(rows), np.int64)
        self._place[order] = np.arange(len(rows))  # where each of `rows` stands among the candidates
        self._lookup = np.full(max(held.rows, 1), -1, np.int32)
        self._lookup[rows] = self._place

    def column(self, name: str) -> Array:
        values: Array = self.held.column(name)[self.ordered]
        return values

    def of_all(self, values: Array) -> Array:
        """The candidates' part of an array over all rows."""
        part: Array = values[self.ordered]
        return part

    def passages(self) -> Doubles:
        counts = np.zeros(len(self.rows))
        for segment, which, local in self.held.parts(self.rows):
            counts[self._place[which]] = segment.first[local + 1] - segment.first[local]
        return counts

    def within(self, number: int) -> tuple[Longs, Longs, Array]:
        """(local documents ascending, the candidate of each, candidate by local document or -1) in one set."""
        postings = self.held.sets[number]
        low, high = np.searchsorted(self.rows, [postings.offset, postings.offset + postings.documents]).tolist()
        lookup = self._lookup[postings.offset : postings.offset + postings.documents]
        return self.rows[low:high] - postings.offset, self._place[low:high], lookup

    def ranks(self, found: Longs | None) -> Ints:
        ranks = np.zeros(len(self.rows), np.int32)
        if found is not None:
            ranks[self._lookup[found]] = np.arange(1, len(found) + 1)
        return ranks

    def scores(self, found: Longs, scores: Doubles) -> Doubles:
        """The candidates' part of the scores of some of them; NaN for the others."""
        part = np.full(len(self.rows), np.nan)
        part[self._lookup[found]] = scores
        return part

    def bm25(self, terms: Sequence[Wanted], weights: dict[str, float], k1: float, b: float) -> Doubles:
        """Score of each of `rows`, from the postings of these documents alone."""
        scores = np.zeros(len(self.rows))
        factors = np.array([term.weight for term in terms])[:, None]
        for number, held in enumerate(self.held.sets):
            documents, candidates, lookup = self.within(number)
            for name, weight in weights.items():
                if name not in held.fields or not len(documents):
                    continue
                places = [term.places[number] if name in term.fields else () for term in terms]
                hits = find_hits(held.fields[name], places, documents, candidates, lookup)
                if hits is not None:
                    tf = frequencies(held.fields[name], hits, len(terms), len(self.rows)).astype(np.float64)
                    norm = self.held.norms.of(name, k1, b)[self.ordered]
                    gain = (factors * (tf / np.maximum(tf + norm, 1e-300))).sum(axis=0)
                    scores += weight * (k1 + 1) * gain
        return scores[self._place]

    def lexical(self, plan: Plan, wanted: Sequence[Wanted], tf: Floats) -> Positions | None:
        """Fill `tf`; returns the positions of scored terms in the body when they are needed."""
        size = len(self.rows)
        keys: list[Longs] = []
        for number, held in enumerate(self.held.sets):
            documents, candidates, lookup = self.within(number)
            if not len(documents):
                continue
            whole = []
            for name, field in held.fields.items():
                places = [term.places[number] if name in term.fields else () for term in wanted]
                if name != "body" or "positions" not in plan.needs:
                    whole.append((FIELDS.index(name), field, places))
                    continue
                hits = find_hits(field, places, documents, candidates, lookup)
                if hits is not None:
                    tf[FIELDS.index(name)] += frequencies(field, hits, len(wanted), size)
                    keys.append(occurrence_keys(field, hits))
            add_frequencies(tf, whole, documents, candidates, lookup)
        return positions_of(keys, size) if "positions" in plan.needs else None

    def dense(self, vector: Floats | None, cosine: Floats, mean: Floats | None, give: bool) -> Floats | None:
        """Fill `cosine` where it is not known yet, and `mean` where it is wanted; returns the vector of each
        candidate's best passage when asked to `give`."""
        held = self.held
        vectors = np.zeros((len(self.rows), held.statistics.dimension), np.float32) if give else None
        rows = self.rows
        if mean is None and not give:  # every passage of a document is read only where something needs them all
            rows = rows[np.isnan(cosine[self._place])]
        for segment, _, local in held.parts(rows):
            if segment.vectors is None:
                continue
            place = self._lookup[local + segment.offset]
            first, counts = segment.first[local], segment.first[local + 1] - segment.first[local]
            best = first
            if vector is not None:
                passages = ranges(first, counts)
                scores = segment.vectors.cosines(vector, passages)
                cosine[place] = np.maximum.reduceat(scores, np.cumsum(counts) - counts)
                if mean is not None:
                    tops = _best_few(scores, counts)
                    mean[place] = np.nansum(tops, axis=0) / np.minimum(counts, BEST_PASSAGES)
                if give:
                    best = passages[_largest(scores, counts)]
            if vectors is not None:
                vectors[place] = segment.vectors.vectors[best]
        return vectors


_ATTRIBUTES: Final[Mapping[str, Callable[[Gatherer], Array]]] = {
    **{name: partial(Gatherer.column, name=name) for name in _STORED},
    "passages": Gatherer.passages,
    "url_depth": lambda gathered: gathered.column("depth"),
    "authority": lambda gathered: gathered.of_all(gathered.held.authority),
    "inlinks": lambda gathered: gathered.of_all(gathered.held.inlinks).astype(np.float64),
    "cluster": lambda gathered: gathered.of_all(gathered.held.cluster).view(np.int64),
}


def _best_few(scores: Floats, counts: Longs) -> Doubles:
    """[BEST_PASSAGES, n] the largest scores of each run of `counts`, NaN where a run is shorter."""
    starts = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(counts)), counts)
    left = scores.astype(np.float64)
    tops = np.full((BEST_PASSAGES, len(counts)), np.nan)
    for place in range(BEST_PASSAGES):
        best = np.maximum.reduceat(left, starts)
        tops[place] = np.where(counts > place, best, np.nan)
        if place + 1 < BEST_PASSAGES:  # take out one of the best of each run
            at = np.flatnonzero(left == best[owner])
            left[at[np.diff(owner[at], prepend=-1) > 0]] = -np.inf
    return tops


def _largest(scores: Floats, counts: Longs) -> Longs:
    """Where the largest score of each run is, the first of equals."""
    starts = np.cumsum(counts) - counts
    owner = np.repeat(np.arange(len(counts)), counts)
    at = np.flatnonzero(scores == np.maximum.reduceat(scores, starts)[owner])
    first: Longs = at[np.concatenate(([True], owner[at][1:] != owner[at][:-1]))]
    return first
