"""Query vectors: computed once for all who ask, and for all that the model reads alike."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from api.embeddings import QueryVectors
from indexer.embed import load_embedder
from ranking.types import Floats
from tests.api.pooling import Folding
from tests.contract.samples import HashingEmbedder


class Held(Folding):
    """Computes when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def encode(self, texts: Sequence[str]) -> Floats:
        self.begun.set()
        assert self.go.wait(30)
        return super().encode(texts)


def test_sixteen_at_once_embed_once() -> None:
    """Even where they are written differently, if the model reads them alike."""
    embedder = Held()
    vectors = QueryVectors(lambda: embedder, 100)
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(vectors.encode, "Event loop" if n % 2 else "event LOOP") for n in range(16)]
        assert embedder.begun.wait(30)
        embedder.go.set()
        found = [each.result(30) for each in asked]
    assert embedder.encoded == 1
    assert [remembered for _, remembered in found].count(False) == 1
    for vector, _ in found:
        np.testing.assert_array_equal(vector, found[0][0])


def test_what_is_read_alike_has_one_vector() -> None:
    """A model that does not tell what it reads is asked for each text."""
    for embedder, computed in ((Folding(), 1), (HashingEmbedder(), 2)):
        vectors = QueryVectors(lambda embedder=embedder: embedder, 100)
        assert [vectors.encode(text)[1] for text in ("one two", "One  two", "One  two")] == [
            False,
            computed == 1,
            True,
        ]
        assert embedder.encoded == computed


def test_remembered_computes_nothing() -> None:
    """None for a text that was never asked for; without memory nothing is."""
    vectors, none = QueryVectors(Folding, 100), QueryVectors(Folding, 0)
    assert vectors.remembered("one two") is None
    wanted, _ = vectors.encode("one two")
    np.testing.assert_array_equal(vectors.remembered("ONE two"), wanted)
    assert [none.encode("one two")[1], none.encode("one two")[1]] == [False, False]
    assert none.remembered("one two") is None


def test_memory_is_bounded() -> None:
    """The vectors asked for last stay."""
    vectors = QueryVectors(HashingEmbedder, 2)
    for text in ("a", "b", "a", "c"):
        vectors.encode(text)
    assert [vectors.remembered(text) is not None for text in ("a", "b", "c")] == [True, False, True]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("How does  the Event Loop work?", "how does the event loop work?", True),
        ("with locks", "without locks", False),
        ("in 2023", "in 2024", False),
        ("US law", "us law", True),
        ("caf\u00e9", "cafe", True),
    ],
)
def test_the_built_in_model_tells_what_it_reads(one: str, other: str, alike: bool) -> None:
    """Equal readings have equal vectors, to the bit."""
    embedder = load_embedder()
    assert (embedder.reading(one) == embedder.reading(other)) is alike  # type: ignore[attr-defined]
    left, right = (embedder.encode([text])[0] for text in (one, other))
    assert np.array_equal(left, right) is alike
