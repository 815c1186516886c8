"""What a test needs that an installation may lack, once, with how to add it."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

NEEDS_TORCH = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="torch and sentence-transformers are not installed: make install-models",
)


def parquet() -> Any:
    """pyarrow's reader of Parquet, for tests that cannot do without."""
    return pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: make install")
