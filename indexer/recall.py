"""Recall of one generation: given a plan, returns candidates with evidence. Every retriever works within the mask of
the plan's condition; evidence is gathered once, for the union. No Python loop over candidates or postings.

Not for the retrievers (retrievers.py), for what is gathered (evidence.py), nor for what it is worth
(ranking/pipeline.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from indexer.evidence import evidence_of
from indexer.filters import Conditions
from indexer.gather import Gatherer
from indexer.lexical_retrievers import wanted_terms
from indexer.reader import Holdings
from indexer.retrieval import Retrieved, Search, Watch
from indexer.retrievers import RETRIEVERS
from indexer.scoring import Wanted
from indexer.settings import TANTIVY_FROM
from indexer.values import Values
from indexer.vectors import check_query
from ranking.constants import ALSO_RECALLED
from ranking.types import Evidence, Longs, Plan, PlannedTerm


class Recall:
    """Runs plans against one generation. `tantivy_from`: documents from which on tantivy recalls."""

    def __init__(
        self, holdings: Holdings, conditions: Conditions, values: Values, tantivy_from: int = TANTIVY_FROM
    ) -> None:
        self._held, self._conditions, self._values = holdings, conditions, values
        self._tantivy_from = tantivy_from

    def run(self, plan: Plan) -> Evidence:
        watch = Watch()
        search = self._prepared(plan)
        matches = self._operator_matches(plan)
        watch.lap("recall.filter", self._held.documents, search.allowed)
        found = self._retrieve(search, watch)
        gathered = Gatherer(self._held, self._candidates(search, found))
        return evidence_of(search, gathered, self._values, found, matches, watch)

    def wanted(self, terms: Sequence[PlannedTerm]) -> list[Wanted]:
        """Where each planned term is found."""
        return wanted_terms(self._held, terms)

    def _prepared(self, plan: Plan) -> Search:
        held, dimension = self._held, self._held.statistics.dimension
        return Search(
            held=held,
            conditions=self._conditions,
            plan=plan,
            wanted=wanted_terms(held, plan.terms),
            vector=None if plan.vector is None or not dimension else check_query(plan.vector, dimension),
            mask=self._conditions.mask(plan.condition, plan.stem),
            allowed=self._conditions.count(plan.condition, plan.stem),
            tantivy_from=self._tantivy_from,
        )

    def _operator_matches(self, plan: Plan) -> tuple[int, ...]:
        nodes = [operator.node for operator in plan.query.operators]
        return tuple(-1 if node is None else self._conditions.count(node, plan.stem) for node in nodes)

    def _retrieve(self, search: Search, watch: Watch) -> dict[str, Retrieved]:
        """What each retriever found, by name."""
        found: dict[str, Retrieved] = {}
        for retriever in search.plan.retrievers:
            one = found[retriever.name] = RETRIEVERS[retriever.type](search, retriever)
            watch.lap(f"recall.{retriever.name}", search.allowed, len(one.rows), one.postings)
        return found

    def _candidates(self, search: Search, found: Mapping[str, Retrieved]) -> Longs:
        """The union of the lists with the rows that the plan names, and others up to its minimum; ascending."""
        plan, held = search.plan, self._held
        named = [row for identifier in plan.include if (row := held.row(identifier)) is not None]
        lists = [np.array([row for row in named if search.mask[row]], np.int64)]
        lists += [one.rows for one in found.values()]
        if plan.also is not None:
            also = self._conditions.mask(plan.also, plan.stem) & search.mask
            lists.append(held.most_authoritative(also, ALSO_RECALLED))
        rows: Longs = np.unique(np.concatenate(lists))
        missing = min(plan.minimum, search.allowed) - len(rows)
        if missing > 0:
            free = search.mask.copy()
            free[rows] = False
            rows = np.union1d(rows, held.most_authoritative(free, missing))
        return rows
