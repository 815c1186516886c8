"""What every Embedder promises, run on each implementation; and that the two agree on the same model."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from indexer.embed import load_embedder, source_folder
from ranking.ports import Embedder
from tests.needs import NEEDS_TORCH

TEXTS = [
    "how do I undo the last commit without losing my changes",
    "PostgreSQL stores a row's old versions until VACUUM removes those that no transaction can see any more. " * 12,
    "def parse(text: str) -> Query: ...",
    "The boundary layer over a flat plate in a supersonic stream thickens with the Mach number.",
    "Größe und Überlauf: die Schriftart ändert sich",
    "",
    "café 東京 🚀 naïve",
    "a" * 5_000,
    "lone \ud800 surrogate and \x00 control",
]


@pytest.fixture(scope="module")
def built_in() -> Embedder:
    return load_embedder()


@pytest.fixture(scope="module")
def with_torch() -> Embedder:
    return load_embedder(str(source_folder()))


@pytest.fixture(params=["onnx", "onnx, 2 threads", pytest.param("sentence-transformers", marks=NEEDS_TORCH)])
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    """Each implementation, over the same weights."""
    if request.param == "onnx, 2 threads":
        yield load_embedder(threads=2)
    else:
        yield request.getfixturevalue("built_in" if request.param == "onnx" else "with_torch")


def test_gives_one_unit_vector_for_each_text(embedder: Embedder) -> None:
    """Whatever the text, empty and broken ones included."""
    vectors = embedder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_same_text_gives_same_vector_whatever_it_came_with(embedder: Embedder) -> None:
    """Bit for bit: alone, in a batch, in another order, and again."""
    together = embedder.encode(TEXTS)
    backwards = embedder.encode(TEXTS[::-1])[::-1]
    alone = np.concatenate([embedder.encode([text]) for text in TEXTS])
    assert np.array_equal(together, backwards)
    assert np.array_equal(together, alone)


def test_repeats_and_no_texts_at_all_are_fine(embedder: Embedder) -> None:
    """Rows follow the input, repeats included."""
    vectors = embedder.encode(["one", "two", "one"])
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[1])
    assert embedder.encode([]).shape == (0, embedder.dimension)


def test_threads_may_share_one_embedder(embedder: Embedder) -> None:
    """Concurrent calls give what calls in turn give."""
    expected = embedder.encode(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: embedder.encode(TEXTS), range(4)):
            assert np.array_equal(vectors, expected)


def test_meaning_is_nearer_than_words(embedder: Embedder) -> None:
    """A paraphrase without a shared word beats an unrelated text that shares several."""
    query, paraphrase, decoy = embedder.encode(
        ["how to delete a file in Linux", "removing documents from disk on Unix", "how to delete a friend in real life"]
    )
    unrelated = embedder.encode(["a recipe for plum cake"])[0]
    assert query @ paraphrase > query @ unrelated + 0.2
    assert query @ paraphrase > 0.3
    assert query @ decoy < 0.9


def test_text_beyond_the_models_window_changes_nothing(embedder: Embedder) -> None:
    """256 tokens are read; the rest is not, however long it is."""
    head = "word " * 400
    first, second = embedder.encode([head + "the end", head + "megabytes more " * 200_000])
    assert np.array_equal(first, second)


def test_id_names_model_and_precision(embedder: Embedder) -> None:
    """Vectors of different ids must not meet, so the id tells how they were made."""
    assert len(embedder.id.split("/")) == 3
    assert any(kind in embedder.id for kind in ("onnx-int8pc", "torch-fp32"))


@NEEDS_TORCH
def test_built_in_model_agrees_with_torch(built_in: Embedder, with_torch: Embedder, prose: list[str]) -> None:
    """Cosine of the two paths at least 0.98 on real prose, as queries and as passages."""
    passages = [text[:900] for text in prose]
    queries = [" ".join(text.split()[:12]) for text in prose]
    for texts in (passages, queries):
        cosine = (built_in.encode(texts) * with_torch.encode(texts)).sum(axis=1)
        assert cosine.min() >= 0.98
        assert cosine.mean() >= 0.99
    assert built_in.id != with_torch.id


@pytest.fixture(scope="module")
def prose() -> list[str]:
    """Real English text that is on every machine: docstrings of the standard library."""
    import argparse
    import asyncio
    import decimal
    import difflib
    import email.message
    import logging.handlers
    import sqlite3
    import statistics
    import subprocess
    import tarfile

    modules = (
        argparse,
        asyncio,
        decimal,
        difflib,
        email.message,
        logging.handlers,
        sqlite3,
        statistics,
        subprocess,
        tarfile,
    )
    found = {
        (thing.__doc__ or "").strip()
        for module in modules
        for thing in (module, *vars(module).values())
        if callable(thing) or thing is module
    }
    return sorted(text for text in found if len(text) > 250)[:60]
