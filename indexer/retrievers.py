"""All retrievers by type, and those that read neither postings nor vectors of their own: pages by their links, place
and id, and pages that are like one.

Each takes a search and a PlannedRetriever (whose docstring says what its parameters are) and returns allowed rows, best
first. Not for the lexical (lexical_retrievers.py) and dense (dense_retriever.py) ones themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from indexer.dense_retriever import by_vector, nearest_rows
from indexer.lexical_retrievers import best_of_groups, by_groups, by_phrase, by_terms
from indexer.retrieval import Retrieved, Search
from indexer.scoring import best_rows
from ranking.constants import RANK_CONSTANT
from ranking.types import Filter, Longs, Mask, PlannedRetriever

# ---------------------------------------------------------------- pages that are like one


def by_likeness(search: Search, retriever: PlannedRetriever) -> Retrieved:
    """Two lists, by words and by vector, as far as both are asked for, fused by reciprocal rank (Cormack, Clarke and
    Buettcher 2009); the page itself is in neither. Scores are shares of being first in all."""
    held, parameters, k = search.held, retriever.parameters, retriever.k
    mask = _without(search, parameters)
    lists: list[Longs] = []
    postings = None
    if parameters["groups"]:
        words = best_of_groups(search, parameters, k, mask)
        lists.append(words.rows)
        postings = words.postings
    if parameters["vector"] is not None:
        lists.append(nearest_rows(search, parameters["vector"], k, mask, exact=False)[0])
    sums = np.zeros(held.rows)
    for rows in lists:
        sums[rows] += (RANK_CONSTANT + 1) / (RANK_CONSTANT + np.arange(1, len(rows) + 1))
    rows = best_rows(sums, k, held.rank)
    return Retrieved(rows, sums[rows] / max(len(lists), 1), postings)


def _without(search: Search, parameters: Mapping[str, Any]) -> Mask | None:
    """The filter of the search that also leaves out the page itself."""
    itself = parameters["itself"]
    row = None if itself is None else search.held.row(itself)
    if row is None:
        return search.filter
    mask = search.mask.copy()
    mask[row] = False
    return mask


# ---------------------------------------------------------------- pages by their links, place and id


def by_links(search: Search, retriever: PlannedRetriever) -> Retrieved:
    """Pages that link to it, or that it links to; the most authoritative first."""
    of, conditions = retriever.parameters["of"], search.conditions
    if retriever.parameters["direction"] == "in":
        row = search.held.row(of)
        url = of if row is None else search.held.urls(np.array([row], np.int64))[0]
        linking = conditions.mask(Filter("link", url), search.plan.stem)
    else:
        linking = np.zeros(search.held.rows, np.bool_)
        linking[conditions.linked_from(of)] = True
    return Retrieved(search.held.most_authoritative(linking & search.mask, retriever.k))


def by_place(search: Search, retriever: PlannedRetriever) -> Retrieved:
    """Pages that satisfy a node: the most authoritative first, by URL, or the newest first (unknown dates last)."""
    held, k = search.held, retriever.k
    there = search.conditions.mask(retriever.parameters["node"], search.plan.stem) & search.mask
    match retriever.parameters["order"]:
        case "authority":
            return Retrieved(held.most_authoritative(there, k))
        case "url":
            return Retrieved(held.url_order[there[held.url_order]][:k])
        case "newest":
            rows = np.flatnonzero(there)
            order = np.lexsort((held.rank[rows], -held.dates()[rows]))  # NaN comes last
            return Retrieved(rows[order][:k])
    raise ValueError(f"no listing is in the order {retriever.parameters['order']!r}")


def by_ids(search: Search, retriever: PlannedRetriever) -> Retrieved:
    """These documents in this order, as far as they are there."""
    found = (search.held.row(identifier) for identifier in dict.fromkeys(retriever.parameters["ids"]))
    rows = np.array([row for row in found if row is not None], np.int64)
    return Retrieved(rows[search.mask[rows]][: retriever.k])


RETRIEVERS: Final[Mapping[str, Callable[[Search, PlannedRetriever], Retrieved]]] = {
    "bm25": by_terms,
    "dense": by_vector,
    "phrase": by_phrase,
    "prefix": by_groups, "regex": by_groups, "fuzzy": by_groups, "words": by_groups,
    "like": by_likeness,
    "links": by_links,
    "site_listing": by_place,
    "ids": by_ids, "session": by_ids,
}  # fmt: skip
