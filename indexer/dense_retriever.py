"""The dense retriever: given a vector, returns the documents of the nearest passages that are allowed, best first.

Not for the cosines of candidates that others found (gather.py), nor for how vectors are stored (vectors.py).
"""

from __future__ import annotations

import numpy as np

from indexer.reader import Segment
from indexer.retrieval import Retrieved, Search
from indexer.vectors import Found, check_query
from ranking.types import Doubles, Floats, Longs, Mask, PlannedRetriever


def by_vector(search: Search, retriever: PlannedRetriever) -> Retrieved:
    """By the retriever's own vector, with scores, or by that of the plan, with what was compared on the way."""
    sent = retriever.parameters.get("vector")
    exact = bool(retriever.parameters.get("exact", False))
    if sent is None:
        if search.vector is None:
            return Retrieved(np.empty(0, np.int64))
        nearest = np.full(search.held.rows, np.nan, np.float32)
        rows, _ = nearest_rows(search, search.vector, retriever.k, search.filter, exact, nearest)
        return Retrieved(rows, nearest=nearest)
    rows, cosines = nearest_rows(search, sent, retriever.k, search.filter, exact)
    return Retrieved(rows, np.clip((1.0 + cosines) / 2.0, 0.0, 1.0))


def nearest_rows(
    search: Search, vector: Floats, k: int, mask: Mask | None, exact: bool, compared: Floats | None = None
) -> tuple[Longs, Doubles]:
    """(rows of the k nearest passages, best first, each once; the cosine of each one's best).

    `compared` [rows of the index] is raised to the best cosine of every document that was looked at.
    Raises EmbedderMismatchError for a vector of another dimension than the index has.
    """
    held = search.held
    nothing = np.empty(0, np.int64), np.empty(0)
    if not held.statistics.dimension:
        return nothing
    query = check_query(vector, held.statistics.dimension)
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
        found = segment.vectors.search(query, k, allowed, exact)
        passages, cosines = _with_ties(found, k)
        rows.append(segment.documents_of(passages) + segment.offset)
        scores.append(cosines)
        if compared is not None:
            _keep_best(compared[segment.offset : segment.offset + segment.documents], segment, found)
    if not rows:
        return nothing
    row, score = np.concatenate(rows), np.concatenate(scores)
    best = np.lexsort((held.rank[row], -score))[:k]
    row, score = row[best], score[best]
    _, first = np.unique(row, return_index=True)
    first = np.sort(first)
    return row[first], score[first].astype(np.float64)


def _with_ties(found: Found, k: int) -> tuple[Longs, Floats]:
    """The best k passages, with all that are as good as the last of them: which of these stay, ids decide."""
    if len(found.passages) < k:
        return found.passages, found.cosines
    places = np.flatnonzero(found.scores >= found.cosines[-1])
    passages: Longs = places if found.read is None else found.read[places]
    return passages, found.scores[places]


def _keep_best(nearest: Floats, segment: Segment, found: Found) -> None:
    """Raise `nearest` [documents of the segment] to the best score of each document that was compared."""
    if found.read is None:
        np.fmax(nearest, np.maximum.reduceat(found.scores, segment.first[:-1]), out=nearest)
    elif len(found.read):
        owner = segment.documents_of(found.read)  # ascending, as the passages are
        starts = np.flatnonzero(np.diff(owner, prepend=-1))
        documents = owner[starts]
        nearest[documents] = np.fmax(nearest[documents], np.maximum.reduceat(found.scores, starts))
