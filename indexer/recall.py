"""Recall of one generation: given a plan, returns candidates with evidence. Every retriever works within the mask of
the plan's condition; evidence is gathered once, for the union. No Python loop over candidates or postings.

Not for what the evidence is worth: ranking/pipeline.py.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from indexer.arrays import Array, ranges
from indexer.filters import Conditions
from indexer.phrases import phrase_counts
from indexer.postings import Place
from indexer.reader import Holdings
from indexer.scoring import (
    Wanted,
    add_frequencies,
    best_rows,
    bm25,
    find_hits,
    frequencies,
    occurrence_keys,
    positions_of,
)
from indexer.settings import TANTIVY_FROM
from indexer.vectors import check_query
from ranking.types import (
    FIELDS,
    Doubles,
    Evidence,
    Floats,
    Ints,
    Longs,
    Mask,
    Phrase,
    Plan,
    PlannedRetriever,
    PlannedTerm,
    Positions,
    Stage,
)

ATTRIBUTES = ("published", "modified", "fetched", "words", "quality")
PHRASE_FIELDS = ("title", "body")
BEST_PASSAGES = 3
"""Evidence.cosine_mean is of so many."""

_ALL_FIELDS = frozenset(FIELDS)

K1, B = 1.2, 0.75
"""The BM25 that Evidence.floors is stated in, and that tantivy is compiled with."""


class Recall:
    """Runs plans against one generation. `tantivy_from`: documents from which on tantivy recalls."""

    def __init__(self, holdings: Holdings, conditions: Conditions, tantivy_from: int = TANTIVY_FROM) -> None:
        self._held, self._conditions = holdings, conditions
        self._tantivy_from = tantivy_from

    def run(self, plan: Plan) -> Evidence:
        watch = _Watch()
        held = self._held
        mask = self._conditions.mask(plan.condition, plan.stem)
        allowed = self._conditions.count(plan.condition, plan.stem)
        filtered = None if allowed == held.rows else mask
        operators = tuple(
            -1 if operator.node is None else self._conditions.count(operator.node, plan.stem)
            for operator in plan.query.operators
        )
        watch.lap("recall.filter", held.documents, allowed)
        wanted = self.wanted(plan.terms)
        vector = self._query_vector(plan)
        found: dict[str, Longs] = {}
        floors: dict[str, float] = {}
        for retriever in plan.retrievers if allowed else ():
            if retriever.type == "bm25":
                found[retriever.name], postings, floor = self._lexical(plan, retriever, wanted, filtered)
                if floor is not None:
                    floors[retriever.name] = floor
                watch.lap(f"recall.{retriever.name}", allowed, len(found[retriever.name]), postings)
            elif vector is not None:
                found[retriever.name] = self._dense(retriever, vector, filtered)
                watch.lap(f"recall.{retriever.name}", allowed, len(found[retriever.name]))
        rows = np.unique(np.concatenate([np.empty(0, np.int64), *found.values()]))
        if len(rows) < min(plan.minimum, allowed):
            rows = np.union1d(rows, self._others(rows, mask, min(plan.minimum, allowed) - len(rows)))
        gathered = _Gatherer(held, rows)
        evidence = self._evidence(plan, gathered, wanted, vector, found, operators, allowed, watch)
        return replace(evidence, floors=floors)

    def wanted(self, terms: Sequence[PlannedTerm]) -> list[Wanted]:
        """Where each planned term is found; a term that does not score is looked for nowhere."""
        held = self._held
        nowhere: tuple[tuple[Place, ...], ...] = ((),) * len(held.sets)
        wanted = []
        for planned in terms:
            known, places = planned.statistics, nowhere
            if planned.scored and known.df:
                places = held.terms.places(known.token, known.forms, known.exact)
            fields = frozenset(planned.term.fields) if planned.term.fields else _ALL_FIELDS
            wanted.append(Wanted(places, fields, planned.idf * planned.term.boost))
        return wanted

    def _query_vector(self, plan: Plan) -> Floats | None:
        dimension = self._held.statistics.dimension
        return None if plan.vector is None or not dimension else check_query(plan.vector, dimension)

    # ------------------------------------------------------------ retrievers

    def _lexical(
        self, plan: Plan, retriever: PlannedRetriever, wanted: Sequence[Wanted], mask: Mask | None
    ) -> tuple[Longs, int, float | None]:
        """(rows best first, postings read, what no other row exceeds: see Evidence.floors)."""
        held, parameters = self._held, retriever.parameters
        weights: dict[str, float] = {name: float(weight) for name, weight in parameters["fields"].items()}
        terms = [term for term, planned in zip(wanted, plan.terms, strict=True) if planned.kept and planned.scored]
        k1, b = float(parameters["k1"]), float(parameters["b"])
        signed = any(weight < 0 for weight in weights.values()) or any(term.weight < 0 for term in terms)
        if mask is None and held.rows >= self._tantivy_from and (k1, b) == (K1, B) and not signed:
            rows = self._tantivy(plan, weights, retriever.k)
            if rows is not None:
                scores = _Gatherer(held, rows).bm25(terms, weights, k1, b)
                return rows[best_rows(scores, retriever.k, held.rank[rows])], plan.postings, None
        scores, postings = bm25(held.sets, terms, weights, held.norms, k1, b, held.rows)
        rows = best_rows(scores, retriever.k, held.rank, mask, signed)
        floor = None
        if (k1, b) == (K1, B) and not signed:
            floor = float(scores[rows[-1]]) if len(rows) == retriever.k else 0.0
        return rows, postings, floor

    def _dense(self, retriever: PlannedRetriever, vector: Floats, mask: Mask | None) -> Longs:
        """Rows of the best k passages, best first."""
        held = self._held
        rows: list[Longs] = []
        scores: list[Floats] = []
        for segment in held.segments:
            if segment.vectors is None or not segment.documents:
                continue
            allowed = None
            if mask is not None:
                part = mask[segment.offset : segment.offset + segment.documents]
                if not part.any():
                    continue
                allowed = None if part.all() else np.repeat(part, np.diff(segment.first))
            passages, cosines = segment.vectors.search(
                vector, retriever.k, allowed, bool(retriever.parameters.get("exact", False))
            )
            rows.append(segment.documents_of(passages) + segment.offset)
            scores.append(cosines)
        if not rows:
            return np.empty(0, np.int64)
        row, score = np.concatenate(rows), np.concatenate(scores)
        row = row[np.lexsort((held.rank[row], -score))[: retriever.k]]
        _, first = np.unique(row, return_index=True)
        ordered: Longs = row[np.sort(first)]
        return ordered

    def _others(self, rows: Longs, mask: Mask, many: int) -> Longs:
        """More allowed rows, by authority and then id."""
        free = mask.copy()
        free[rows] = False
        best = self._held.best
        found: Longs = best[free[best]][:many]
        return found

    # ------------------------------------------------------------ evidence

    def _evidence(
        self, plan: Plan, gathered: _Gatherer, wanted: Sequence[Wanted], vector: Floats | None,
        found: dict[str, Longs], operators: tuple[int, ...], allowed: int, watch: _Watch,
    ) -> Evidence:  # fmt: skip
        held, size = self._held, len(gathered.rows)
        tf = np.zeros((len(FIELDS), len(wanted), size), np.float32)
        positions: Positions | None = None
        if plan.needs & {"lexical", "positions"}:
            positions = gathered.lexical(plan, wanted, tf)
        dl = held.length_matrix.take(gathered.ordered, axis=1)
        phrases = np.zeros((len(plan.query.phrases), size), np.float32)
        for number, phrase in enumerate(plan.query.phrases):
            self._count_phrase(phrase, gathered, phrases[number])
        watch.lap("evidence.lexical", size, size)
        cosine = np.full(size, np.nan, np.float32)
        mean = cosine.copy()
        vectors = None
        if held.statistics.dimension and ((vector is not None and "dense" in plan.needs) or "vectors" in plan.needs):
            vectors = gathered.dense(vector, cosine, mean, "vectors" in plan.needs)
            watch.lap("evidence.dense", size, size)
        attributes = {name: held.column(name)[gathered.ordered] for name in (*ATTRIBUTES, "site", "content")}
        attributes["passages"] = gathered.passages()
        attributes["url_depth"] = held.column("depth")[gathered.ordered]
        attributes["authority"] = held.authority[gathered.ordered]
        attributes["inlinks"] = held.inlinks[gathered.ordered].astype(np.float64)
        attributes["cluster"] = held.cluster[gathered.ordered].view(np.int64)
        ranks = {retriever.name: gathered.ranks(found.get(retriever.name)) for retriever in plan.retrievers}
        ids = tuple(held.names(gathered.ordered))
        watch.lap("evidence.attributes", size, size)
        return Evidence(
            generation=held.statistics.generation, ids=ids, rows=gathered.ordered, ranks=ranks, tf=tf, dl=dl,
            cosine=cosine, cosine_mean=mean, attributes=attributes, phrases=phrases, positions=positions,
            vectors=vectors, operator_matches=operators, allowed=allowed, stages=tuple(watch.stages),
        )  # fmt: skip

    def _count_phrase(self, phrase: Phrase, gathered: _Gatherer, counts: Array) -> None:
        for number, held in enumerate(self._held.sets):
            places = self._conditions.phrase_places(number, phrase.tokens)
            if not places:
                continue
            documents, _, lookup = gathered.within(number)
            for name in (phrase.field,) if phrase.field else PHRASE_FIELDS:
                if name in held.fields and len(documents):
                    found, many = phrase_counts(held.fields[name], places, phrase.slop, phrase.ordered, documents)
                    counts[lookup[found]] += many

    # ------------------------------------------------------------ tantivy, for large collections

    def _tantivy(self, plan: Plan, weights: dict[str, float], k: int) -> Longs | None:
        """Rows that hold the k best with high probability; None when a term is not one of its stems.

        Overfetched twice, because its lengths are rounded and its df are each segment's own."""
        held = self._held
        clauses = []
        for planned in plan.terms:
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
                for term in self.wanted(plan.terms)
                if term.places[-1]
            ]
            rows = np.concatenate([rows, *own])
        unique: Longs = np.unique(rows)
        return unique


class _Gatherer:
    """Candidates, by row and by id, and what is read of them."""

    def __init__(self, held: Holdings, rows: Longs) -> None:
        self._held = held
        self.rows = rows  # ascending
        order = np.argsort(held.rank[rows])
        self.ordered: Longs = rows[order]  # ascending ids
        self._place = np.empty(len(rows), np.int64)
        self._place[order] = np.arange(len(rows))  # where each of `rows` stands among the candidates
        self._lookup = np.full(max(held.rows, 1), -1, np.int32)
        self._lookup[rows] = self._place

    def passages(self) -> Doubles:
        counts = np.zeros(len(self.rows))
        for segment, which, local in self._held.parts(self.rows):
            counts[self._place[which]] = segment.first[local + 1] - segment.first[local]
        return counts

    def within(self, number: int) -> tuple[Longs, Longs, Array]:
        """(local documents ascending, the candidate of each, candidate by local document or -1) in one set."""
        postings = self._held.sets[number]
        low, high = np.searchsorted(self.rows, [postings.offset, postings.offset + postings.documents]).tolist()
        lookup = self._lookup[postings.offset : postings.offset + postings.documents]
        return self.rows[low:high] - postings.offset, self._place[low:high], lookup

    def ranks(self, found: Longs | None) -> Ints:
        ranks = np.zeros(len(self.rows), np.int32)
        if found is not None:
            ranks[self._lookup[found]] = np.arange(1, len(found) + 1)
        return ranks

    def bm25(self, terms: Sequence[Wanted], weights: dict[str, float], k1: float, b: float) -> Doubles:
        """Score of each of `rows`, from the postings of these documents alone."""
        scores = np.zeros(len(self.rows))
        factors = np.array([term.weight for term in terms])[:, None]
        for number, held in enumerate(self._held.sets):
            documents, candidates, lookup = self.within(number)
            for name, weight in weights.items():
                if name not in held.fields or not len(documents):
                    continue
                places = [term.places[number] if name in term.fields else () for term in terms]
                hits = find_hits(held.fields[name], places, documents, candidates, lookup)
                if hits is not None:
                    tf = frequencies(held.fields[name], hits, len(terms), len(self.rows)).astype(np.float64)
                    norm = self._held.norms.of(name, k1, b)[self.ordered]
                    gain = (factors * (tf / np.maximum(tf + norm, 1e-300))).sum(axis=0)
                    scores += weight * (k1 + 1) * gain
        return scores[self._place]

    def lexical(self, plan: Plan, wanted: Sequence[Wanted], tf: Floats) -> Positions | None:
        """Fill `tf`; returns the positions of scored terms in the body when they are needed."""
        size = len(self.rows)
        keys: list[Longs] = []
        for number, held in enumerate(self._held.sets):
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

    def dense(self, vector: Floats | None, cosine: Floats, mean: Floats, give: bool) -> Floats | None:
        """Fill `cosine` and `mean`; returns the vector of each candidate's best passage when asked to `give`."""
        held = self._held
        vectors = np.zeros((len(self.rows), held.statistics.dimension), np.float32) if give else None
        for segment, which, local in held.parts(self.rows):
            if segment.vectors is None:
                continue
            first, counts = segment.first[local], segment.first[local + 1] - segment.first[local]
            best = first
            if vector is not None:
                passages = ranges(first, counts)
                scores = segment.vectors.cosines(vector, passages)
                tops = _best_few(scores, counts)
                cosine[self._place[which]] = tops[0]
                mean[self._place[which]] = np.nansum(tops, axis=0) / np.minimum(counts, BEST_PASSAGES)
                if give:
                    best = passages[_largest(scores, counts)]
            if vectors is not None:
                vectors[self._place[which]] = segment.vectors.vectors[best]
        return vectors


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


class _Watch:
    """Stages of a trace."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._at = time.perf_counter()

    def lap(self, name: str, came: int, went: int, postings: int | None = None) -> None:
        now = time.perf_counter()
        self.stages.append(Stage(name, (now - self._at) * 1e3, came, went, postings))
        self._at = now
