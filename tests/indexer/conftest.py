"""Collections, models and stores of models that several suites begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.rerankers.store import ModelStore
from tests.indexer.build_support import built, page
from tests.indexer.tiny_cross_encoder import write_cross_encoder


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """A collection with two generations: 12 documents, then a changed one and a new one."""
    collection = tmp_path / "c"
    built(collection, [page(n) for n in range(12)])
    built(collection, [page(3, "changed text"), page(12)])
    return collection


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cross-encoder with random weights; who asks for it has the mark NEEDS_TORCH."""
    return write_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def models(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", now=lambda: 1_750_000_000.0)
