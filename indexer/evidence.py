"""Evidence of one search: given its candidates and what each retriever found, gathers all that the plan asks to know.

Once, for the union of the lists, column by column. No Python loop over
candidates. Not for which documents are candidates (recall.py), nor for reading the columns (gather.py, values.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from indexer.arrays import Array
from indexer.gather import Attributes, Gatherer
from indexer.phrases import phrase_counts
from indexer.retrieval import Retrieved, Search, Watch
from indexer.values import Values
from ranking.types import FIELDS, Evidence, Floats, Phrase, Positions

PHRASE_FIELDS: Final = ("title", "body")


def evidence_of(
    search: Search, gathered: Gatherer, values: Values, found: Mapping[str, Retrieved], matches: tuple[int, ...],
    watch: Watch,
) -> Evidence:  # fmt: skip
    """`matches`: see Evidence.operator_matches."""
    held, plan, size = search.held, search.plan, len(gathered.rows)
    cosine, mean = _known_cosines(search, gathered, found), np.full(size, np.nan, np.float32)
    tf = np.zeros((len(FIELDS), len(search.wanted), size), np.float32)
    positions: Positions | None = None
    if plan.needs & {"lexical", "positions"}:
        positions = gathered.lexical(plan, search.wanted, tf)
    dl = held.length_matrix.take(gathered.ordered, axis=1)
    phrases = np.zeros((len(plan.query.phrases), size), np.float32)
    for number, phrase in enumerate(plan.query.phrases):
        _count_phrase(search, phrase, gathered, phrases[number])
    watch.lap("evidence.lexical", size, size)
    vectors = _fill_meaning(search, gathered, cosine, mean)
    watch.lap("evidence.dense", size, size)
    lists = {retriever.name: found.get(retriever.name) for retriever in plan.retrievers}
    ranks = {name: gathered.ranks(None if one is None else one.rows) for name, one in lists.items()}
    scores = {name: gathered.scores(one.rows, one.scores) for name, one in found.items() if one.scores is not None}
    ids = tuple(held.names(gathered.ordered))
    watch.lap("evidence.attributes", size, size)
    probes = search.conditions.probe(plan.probes, gathered.ordered, plan.stem) if plan.probes else None
    numbers = {name: gathered.of_all(values.numbers(name)) for name in plan.numbers}
    labels = {name: gathered.of_all(values.labels(name)).astype(np.int64) for name in plan.labels}
    if plan.probes or plan.numbers or plan.labels:
        watch.lap("evidence.values", size, size)
    return Evidence(
        generation=held.statistics.generation, ids=ids, rows=gathered.ordered, ranks=ranks, tf=tf, dl=dl,
        cosine=cosine, cosine_mean=mean, attributes=Attributes(gathered), phrases=phrases, positions=positions,
        vectors=vectors, operator_matches=matches, allowed=search.allowed, stages=tuple(watch.stages),
        floors={name: one.floor for name, one in found.items() if one.floor is not None}, scores=scores,
        probes=probes, numbers=numbers, labels=labels,
    )  # fmt: skip


def _known_cosines(search: Search, gathered: Gatherer, found: Mapping[str, Retrieved]) -> Floats:
    """[n] with the plan's vector, as far as retrievers compared them already; NaN elsewhere."""
    cosine = np.full(len(gathered.rows), np.nan, np.float32)
    if "dense" in search.plan.needs:
        for one in found.values():
            if one.nearest is not None:
                np.fmax(cosine, gathered.of_all(one.nearest), out=cosine)
    return cosine


def _fill_meaning(search: Search, gathered: Gatherer, cosine: Floats, mean: Floats) -> Floats | None:
    """Fill `cosine` and `mean`; returns the vectors of the best passages when the plan wants them."""
    needs = search.plan.needs
    compared = search.vector is not None and "dense" in needs
    if not search.held.statistics.dimension or not (compared or "vectors" in needs):
        return None
    wanted_mean = mean if "dense_mean" in needs else None
    return gathered.dense(search.vector, cosine, wanted_mean, "vectors" in needs)


def _count_phrase(search: Search, phrase: Phrase, gathered: Gatherer, counts: Array) -> None:
    for number, held in enumerate(search.held.sets):
        places = search.conditions.phrase_places(number, phrase.tokens)
        if not places:
            continue
        documents, _, lookup = gathered.within(number)
        for name in (phrase.field,) if phrase.field else PHRASE_FIELDS:
            if name in held.fields and len(documents):
                found, many = phrase_counts(held.fields[name], places, phrase.slop, phrase.ordered, documents)
                counts[lookup[found]] += many
