"""Collections that several suites begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.indexer.build_support import built, page


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """A collection with two generations: 12 documents, then a changed one and a new one."""
    collection = tmp_path / "c"
    built(collection, [page(n) for n in range(12)])
    built(collection, [page(3, "changed text"), page(12)])
    return collection
