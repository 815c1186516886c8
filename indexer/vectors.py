"""faiss lives here only: given passage vectors, stores and searches them; given a query, returns cosines.

Vectors are unit float32 in one memory-mapped array, by passage number: exact scores are read from it, and it is what
merges copy. From settings.FLAT_BELOW passages on, a product quantiser (4 bits for each pair of dimensions, scanned in
registers) proposes candidates, which are rescored exactly. One thread. Not for which passages a document has.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final, NamedTuple

import faiss
import numpy as np

from indexer.arrays import Array
from indexer.errors import EmbedderMismatchError, GenerationCorruptError
from indexer.settings import FLAT_BELOW, GATHER_SHARE, REFINE_FACTOR, REFINE_MINIMUM, TRAINING_SAMPLE
from ranking.types import Floats, Longs, Mask

_ny: Any = getattr(faiss, "fvec_inner_products_ny")  # noqa: B009 - absent from faiss's type stubs
_by_index: Any = getattr(faiss, "fvec_inner_products_by_idx")  # noqa: B009
_OPENING: Final = threading.Lock()
UNIT_TOLERANCE: Final = 1e-2  # a vector whose length is further from 1 is not a unit vector


def write_quantiser(vectors: Floats, path: Path, flat_below: int = FLAT_BELOW) -> bool:
    """Train and store the compressed index; False (and no file) when so few vectors need none."""
    count, dimension = vectors.shape
    if count < flat_below or dimension % 2:
        return False
    faiss.omp_set_num_threads(1)
    index = faiss.index_factory(dimension, f"PQ{dimension // 2}x4fs", faiss.METRIC_INNER_PRODUCT)
    step = max(count // TRAINING_SAMPLE, 1)
    index.train(np.ascontiguousarray(vectors[::step][:TRAINING_SAMPLE]))
    for low in range(0, count, TRAINING_SAMPLE):
        index.add(np.ascontiguousarray(vectors[low : low + TRAINING_SAMPLE]))
    faiss.write_index(index, str(path))
    return True


class Found(NamedTuple):
    """`passages` best first with their `cosines`; `read` (None: all) with `scores` are all that were compared exactly,
    the best of each document among them."""

    passages: Longs
    cosines: Floats
    read: Longs | None
    scores: Floats


class VectorReader:
    """Vectors of one segment. `vectors` is [passages, dimension] float32, unit length."""

    def __init__(self, vectors: Floats, quantiser: Path) -> None:
        self.vectors = vectors
        self._path = quantiser
        self._index: Any = None

    def search(self, query: Floats, k: int, allowed: Mask | None, exact: bool) -> Found:
        """The k best allowed passages, best first; fewer when fewer are allowed."""
        count = len(self.vectors)
        if allowed is None:
            compressed = not exact and self._path.exists()
            chosen = self._propose(query, k, None) if compressed else None
        else:
            many = int(np.count_nonzero(allowed))
            chosen = None
            if many < count * GATHER_SHARE or exact or not self._path.exists():
                chosen = np.flatnonzero(allowed)
            else:
                chosen = self._propose(query, k, allowed)
        scores = self.cosines(query, chosen)
        best = np.argsort(-scores, kind="stable") if len(scores) <= k else _best(scores, k)
        passages: Longs = best if chosen is None else chosen[best]
        return Found(passages, scores[best], chosen, scores)

    def cosines(self, query: Floats, passages: Longs | None) -> Floats:
        """Cosine of the query with each of these passages (None: all)."""
        query = np.ascontiguousarray(query, np.float32)
        if passages is None:
            scores = np.empty(len(self.vectors), np.float32)
            if len(scores):
                _ny(
                    faiss.swig_ptr(scores), faiss.swig_ptr(query), faiss.swig_ptr(self.vectors), len(query), len(scores)
                )
            return scores
        wanted = np.ascontiguousarray(passages, np.int64)
        scores = np.empty(len(wanted), np.float32)
        if len(scores):
            _by_index(
                faiss.swig_ptr(scores), faiss.swig_ptr(query), faiss.swig_ptr(self.vectors), faiss.swig_ptr(wanted),
                len(query), 1, len(scores),
            )  # fmt: skip
        return scores

    def _propose(self, query: Floats, k: int, allowed: Mask | None) -> Longs:
        """Passages that hold the k best with high probability: over-fetched until enough of them are allowed."""
        index, count = self._opened(), len(self.vectors)
        wanted = max(k * REFINE_FACTOR, REFINE_MINIMUM)
        depth = wanted
        if allowed is not None:
            depth = int(wanted * count / max(int(np.count_nonzero(allowed)), 1) * 1.25)
        row = np.ascontiguousarray(query, np.float32)[None, :]
        while depth < count:
            found = index.search(row, depth)[1][0]
            found = found[found >= 0]
            if allowed is not None:
                found = found[allowed[found]]
            if len(found) >= wanted or allowed is None:
                return np.sort(found)
            depth *= 4
        return np.arange(count) if allowed is None else np.flatnonzero(allowed)

    def _opened(self) -> Any:
        if self._index is None:
            with _OPENING:
                if self._index is None:
                    faiss.omp_set_num_threads(1)
                    try:
                        self._index = faiss.read_index(str(self._path), faiss.IO_FLAG_MMAP_IFC)
                    except RuntimeError as error:
                        raise GenerationCorruptError(f"{self._path.name} cannot be read: {error}") from error
        return self._index


def _best(scores: Floats, k: int) -> Longs:
    """Places of the k largest, largest first, ties by place."""
    cut = np.partition(scores, len(scores) - k)[len(scores) - k]
    places = np.flatnonzero(scores >= cut)
    return places[np.argsort(-scores[places], kind="stable")[:k]]


def check_query(vector: Array, dimension: int) -> Floats:
    """The query vector as float32 of unit length. Raises EmbedderMismatchError for another dimension."""
    query = np.asarray(vector, np.float32)
    if query.shape != (dimension,):
        raise EmbedderMismatchError(
            f"the query vector has {query.size} dimensions, this collection's vectors have {dimension}",
            hint="send a vector of the collection's own model, or none",
        )
    length = float(np.linalg.norm(query))
    return query if abs(length - 1) < UNIT_TOLERANCE or not length else np.asarray(query / length, np.float32)
