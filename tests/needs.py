"""What a test needs that an installation may lack, once, with how to add it."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import pytest

NEEDS_TORCH = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="torch and sentence-transformers are not installed: make install-models",
)


def parquet() -> Any:
    """pyarrow's reader of Parquet; imported late, for it takes a while. It comes with `make install`: without it a test
    fails."""
    return importlib.import_module("pyarrow.parquet")
