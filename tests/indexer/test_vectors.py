"""Vector search: exact and compressed, with and without a filter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.errors import EmbedderMismatchError, GenerationCorruptError
from indexer.vectors import VectorReader, check_query, write_quantiser

COUNT, DIMENSION = 3_000, 32


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    random = np.random.default_rng(7)
    centres = random.normal(size=(60, DIMENSION))
    rows = centres[random.integers(0, 60, COUNT)] + 0.6 * random.normal(size=(COUNT, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module", params=["flat", "compressed"])
def reader(
    request: pytest.FixtureRequest, vectors: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> VectorReader:
    path = tmp_path_factory.mktemp("vectors") / "vectors.faiss"
    assert write_quantiser(vectors, path, flat_below=COUNT if request.param == "compressed" else COUNT + 1) == (
        request.param == "compressed"
    )
    return VectorReader(vectors, path)


def queries(vectors: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(8)
    rows = vectors[random.integers(0, COUNT, 40)] + 0.2 * random.normal(size=(40, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_the_best_ten_are_found(reader: VectorReader, vectors: np.ndarray) -> None:
    """Recall@10 against exact is at least 0.98, and scores are exact cosines, best first."""
    found = 0
    for query in queries(vectors):
        exact = vectors @ query
        passages, scores, _, _ = reader.search(query, 10, None, exact=False)
        np.testing.assert_allclose(scores, exact[passages], atol=1e-6)
        assert (np.diff(scores) <= 0).all()
        found += len(set(passages.tolist()) & set(np.argsort(-exact)[:10].tolist()))
    assert found >= 0.98 * 400


@pytest.mark.parametrize("share", [0.0, 0.002, 0.1, 0.5, 0.97])
def test_a_filter_never_starves_the_answer(reader: VectorReader, vectors: np.ndarray, share: float) -> None:
    """min(k, allowed) passages come back, all allowed, and they are the best of those."""
    random = np.random.default_rng(9)
    found = wanted = 0
    for query in queries(vectors):
        exact = vectors @ query
        # the filter is against the query: the better a passage, the likelier it is excluded
        allowed = (
            (np.argsort(np.argsort(-exact)) >= COUNT * (1 - share)) if share < 0.9 else random.random(COUNT) < share
        )
        passages, *_ = reader.search(query, 20, allowed, exact=False)
        assert len(passages) == min(20, int(allowed.sum()))
        assert allowed[passages].all()
        best = np.flatnonzero(allowed)[np.argsort(-exact[allowed])][:20]
        found += len(set(passages.tolist()) & set(best.tolist()))
        wanted += len(best)
    assert found >= 0.98 * wanted


def test_exact_means_exact(reader: VectorReader, vectors: np.ndarray) -> None:
    """With exact, no approximation takes part, filtered or not; ties go by passage."""
    allowed = np.arange(COUNT) % 3 > 0
    for query in queries(vectors)[:10]:
        exact = vectors @ query
        for mask in (None, allowed):
            rows = np.arange(COUNT) if mask is None else np.flatnonzero(mask)
            passages, *_ = reader.search(query, 50, mask, exact=True)
            np.testing.assert_allclose(exact[passages], np.sort(exact[rows])[::-1][:50], atol=1e-6)


def test_a_broken_file_is_named(tmp_path: Path, vectors: np.ndarray) -> None:
    """A cut index is refused with its name."""
    path = tmp_path / "vectors.faiss"
    write_quantiser(vectors, path, flat_below=10)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(GenerationCorruptError, match=r"vectors\.faiss"):
        VectorReader(vectors, path).search(vectors[0], 10, None, exact=False)


def test_a_query_of_another_model_is_refused() -> None:
    """A vector of another dimension names both; one that is not of unit length is made so."""
    with pytest.raises(EmbedderMismatchError, match=r"3 dimensions.*4"):
        check_query(np.ones(3), 4)
    assert np.linalg.norm(check_query(np.ones(4), 4)) == pytest.approx(1)
