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
MAX_VALUE_CHARACTERS: Final = define(
    "MAX_VALUE_CHARACTERS",
    2_000,
    "characters",
    "1 to 10,000",
    "of a value in filters, as of one in a rule: the longest address that browsers and servers share",
)
MAX_METADATA_FIELDS: Final = define(
    "MAX_METADATA_FIELDS", 100, "fields", "1 to 1,000", "in one filter or rule: a condition on every document each"
)
MAX_FIELD_CHARACTERS: Final = define(
    "MAX_FIELD_CHARACTERS", 256, "characters", "64 to 1,000", "of a metadata field's name in a filter or rule"
)
MAX_SYNONYMS: Final = define(
    "MAX_SYNONYMS", 256, "words", "1 to 4,000", "of one word: as many as are ever added to a query (MAX_ADDED_TERMS)"
)
MAX_SYNONYM_CHARACTERS: Final = define(
    "MAX_SYNONYM_CHARACTERS", 200, "characters", "1 to 1,000", "a name of some words: longer texts are no synonyms"
)
MAX_READ_AGAIN: Final = define(
    "MAX_READ_AGAIN",
    1_000,
    "documents",
    "1 to 10,000",
    "summed depth of the cross-encoder and late-interaction stages: 60 ms each, so a minute (OPINION_MICROSECONDS)",
)
MAX_META_SIGNALS: Final = define(
    "MAX_META_SIGNALS",
    64,
    "fields",
    "1 to 1,000",
    "metadata fields that one request may read as signals: each is a column over the candidates and 1 KB of catalogue",
)
