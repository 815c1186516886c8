"""Evidence on the passages of a few documents: given a plan and documents, returns cosine and BM25 of every passage.

A passage's BM25 counts body hits within it, against the average passage length, on the theoretical scale:
sum idf tf (k1 + 1) / (tf + k1 (1 - b + b length / average)) / sum idf (k1 + 1), in [0, 1]. Not for recall.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexer.arrays import ranges
from indexer.reader import Holdings, Segment
from indexer.scoring import Wanted, find_hits, occurrence_keys, parts_of
from indexer.vectors import check_query
from ranking.retriever_params import RECALL_B, RECALL_K1
from ranking.types import Doubles, Floats, Longs, PassageEvidence, Plan


def passage_evidence(
    held: Holdings, plan: Plan, wanted: Sequence[Wanted], ids: Sequence[str], rows: Sequence[int]
) -> tuple[PassageEvidence, ...]:
    """One for each of `rows`, in order."""
    vector = None
    if plan.vector is not None and held.statistics.dimension:
        vector = check_query(plan.vector, held.statistics.dimension)
    terms = [
        term
        for term, planned in zip(wanted, plan.terms, strict=True)
        if planned.scored and "body" in term.fields and term.weight > 0
    ]
    lexical = [retriever.parameters for retriever in plan.retrievers if retriever.type == "bm25"]
    k1 = float(lexical[0]["k1"]) if lexical else RECALL_K1
    b = float(lexical[0]["b"]) if lexical else RECALL_B
    found: dict[int, PassageEvidence] = {}
    distinct = np.unique(np.array(rows, np.int64))
    names = dict(zip(rows, ids, strict=True))
    numbers = {id(segment): number for number, segment in enumerate(held.segments)}
    for segment, _, local in held.parts(distinct):
        first, counts = segment.first[local], segment.first[local + 1] - segment.first[local]
        passages = ranges(first, counts)
        cosine: Floats = np.full(len(passages), np.nan, np.float32)
        if vector is not None and segment.vectors is not None:
            cosine = segment.vectors.cosines(vector, passages)
        owner = np.repeat(np.arange(len(local)), counts)
        places = [term.places[numbers[id(segment)]] for term in terms]
        tf = _frequencies(segment, local, passages, owner, places)
        length = segment.arrays["passage.token_end"][passages] - segment.arrays["passage.token_start"][passages]
        bm25 = _bm25(tf, length / (held.passage_length or 1.0), [term.weight for term in terms], k1, b)
        ends = np.cumsum(counts).tolist()
        for row, low, high in zip((local + segment.offset).tolist(), [0, *ends], ends, strict=False):
            ordinals = np.arange(high - low, dtype=np.int32)
            found[row] = PassageEvidence(names[row], ordinals, cosine[low:high], bm25[low:high])
    return tuple(found[row] for row in rows)


def _frequencies(
    segment: Segment, documents: Longs, passages: Longs, owner: Longs, places: Sequence[Sequence[tuple[int, int]]]
) -> Longs:
    """[terms, passages] body hits within each passage. `owner`: which of `documents` each passage is of. The passages
    of a document begin and end in the order of their numbers, so those that hold a hit are a run."""
    shape = (len(places), len(passages))
    field = segment.postings.fields["body"]
    order = np.arange(len(documents))
    lookup = np.full(segment.documents, -1, np.int32)
    lookup[documents] = order
    hits = find_hits(field, places, documents, order, lookup)
    if hits is None:
        return np.zeros(shape, np.int64)
    document, position, term = parts_of(occurrence_keys(field, hits))
    at = document << 32 | position
    begin = owner << 32
    first = (begin | segment.arrays["passage.token_end"][passages]).searchsorted(at, "right")
    last = (begin | segment.arrays["passage.token_start"][passages]).searchsorted(at, "right")
    counts = np.maximum(last - first, 0)  # 0: between two passages
    cells = np.repeat(term * len(passages), counts) + ranges(first, counts)
    found: Longs = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    return found


def _bm25(tf: Longs, length: Doubles, weights: Sequence[float], k1: float, b: float) -> Floats:
    """[passages]; `length` relative to the average."""
    most = sum(weights) * (k1 + 1)
    if not most:
        return np.zeros(len(length), np.float32)
    gain = tf * (k1 + 1) / np.maximum(tf + k1 * (1 - b + b * length), np.finfo(np.float64).tiny)
    return (np.array(weights) @ gain / most).astype(np.float32)
