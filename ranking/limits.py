"""Limits of one request, once: how much of a kind it may name or make the engine do, each with unit, range and reason.

Rows of the same table as constants.py, which hands them on. Not for bounds of single knobs (params.py).
"""

from __future__ import annotations

from typing import Final

from ranking.constant_table import define

MAX_EXPANDED_WORDS: Final = define(
    "MAX_EXPANDED_WORDS",
    64,
    "words",
    "1 to 1,000",
    "of a query that are expanded, the rarest; shared by the fuzzy retrievers: 2.3 to 3.9 ms each on 50,000 passages",
)
MAX_META_SIGNALS: Final = define(
    "MAX_META_SIGNALS",
    64,
    "fields",
    "1 to 1,000",
    "metadata fields that one request may read as signals: each is a column over the candidates and 1 KB of catalogue",
)
