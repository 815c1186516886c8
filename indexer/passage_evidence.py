"""Evidence on the passages of a few documents: given a plan and documents, returns cosine and BM25 of every passage.

A passage's BM25 counts body hits within it, against the average passage length, on the theoretical scale:
sum idf tf (k1 + 1) / (tf + k1 (1 - b + b length / average)) / sum idf (k1 + 1), in [0, 1]. Not for recall.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from indexer.arrays import Array
from indexer.reader import Holdings, Segment
from indexer.scoring import Wanted
from indexer.vectors import check_query
from ranking.types import Doubles, Floats, Longs, PassageEvidence, Plan

K1: Final = 1.2
B: Final = 0.75
"""Robertson and Zaragoza 2009; used when the plan has no lexical retriever."""


def passage_evidence(
    held: Holdings, plan: Plan, wanted: Sequence[Wanted], ids: Sequence[str], rows: Sequence[int]
) -> tuple[PassageEvidence, ...]:
    """One for each of `rows`, in order."""
    vector = None
    if plan.vector is not None and held.statistics.dimension:
        vector = check_query(plan.vector, held.statistics.dimension)
    scored = [
        term
        for term, planned in zip(wanted, plan.terms, strict=True)
        if planned.scored and "body" in term.fields and term.weight > 0
    ]
    lexical = [retriever.parameters for retriever in plan.retrievers if retriever.type == "bm25"]
    k1 = float(lexical[0]["k1"]) if lexical else K1
    b = float(lexical[0]["b"]) if lexical else B
    average = held.passage_length
    found = []
    for identifier, row in zip(ids, rows, strict=True):
        segment, local = held.owner(row)
        first, end = int(segment.first[local]), int(segment.first[local + 1])
        cosine: Floats = np.full(end - first, np.nan, np.float32)
        if vector is not None and segment.vectors is not None:
            cosine = segment.vectors.cosines(vector, np.arange(first, end))
        number = held.segments.index(segment)
        bm25 = _bm25(segment, local, first, end, scored, number, k1, b, average).astype(np.float32)
        found.append(PassageEvidence(identifier, np.arange(end - first, dtype=np.int32), cosine, bm25))
    return tuple(found)


def _bm25(
    segment: Segment, local: int, first: int, end: int, terms: Sequence[Wanted], number: int, k1: float, b: float,
    average: float,
) -> Doubles:  # fmt: skip
    low, high = segment.arrays["passage.token_start"][first:end], segment.arrays["passage.token_end"][first:end]
    most = sum(term.weight for term in terms) * (k1 + 1)
    total = np.zeros(end - first)
    if not most:
        return total
    norm = k1 * (1 - b + b * (high - low) / (average or 1.0))
    document = np.array([local])
    for term in terms:
        tf: Array = np.zeros(end - first)
        for place in term.places[number]:
            positions: Longs = segment.postings.fields["body"].keys(place, document) & 0xFFFFFFFF
            tf += np.searchsorted(positions, high) - np.searchsorted(positions, low)
        found = tf > 0
        total[found] += (term.weight * (k1 + 1) * tf / (tf + norm))[found]
    return total / most
