"""Constants of expansion and relevance feedback, once, each with unit, range and reason.

Rows of the same table as constants.py, which hands them on. Not for knobs of a request (params.py), nor for how many
words are expanded at most (limits.py).
"""

from __future__ import annotations

from typing import Final

from ranking.constant_table import define

FUZZY_MIN_CHARACTERS: Final = define(
    "FUZZY_MIN_CHARACTERS", 4, "characters", "2 to 10", "shorter words are one edit away from unrelated ones: cat, car"
)
FUZZY_FIXED_CHARACTERS: Final = define(
    "FUZZY_FIXED_CHARACTERS", 1, "characters", "0 to 10", "expand.fuzzy: the first letter is rarely wrong"
)
FUZZY_WIDTH: Final = define(
    "FUZZY_WIDTH", 4, "times", "1 to 100", "so many more look-alikes are looked up: those that begin otherwise fall out"
)
EXPANDED_WORDS: Final = define(
    "EXPANDED_WORDS",
    8,
    "words",
    "1 to 256",
    "of expand.fuzzy and expand.prefix for each word of the query, commonest first",
)
MAX_ADDED_TERMS: Final = define(
    "MAX_ADDED_TERMS", 256, "terms", "1 to 4,000", "beyond, the query is no longer the caller's"
)
FEEDBACK_MIN_CHARACTERS: Final = define(
    "FEEDBACK_MIN_CHARACTERS", 2, "characters", "1 to 10", "single letters are list marks and variables"
)
FEEDBACK_MAX_DF: Final = define(
    "FEEDBACK_MAX_DF", 0.1, "share of documents", "0 to 1", "Anserini's filter: commoner words say nothing of the topic"
)
FEEDBACK_PASSAGES: Final = define(
    "FEEDBACK_PASSAGES", 2, "passages", "1 to 20", "of each feedback document: a long page is about more than the query"
)
FEEDBACK_CONSIDERED: Final = define(
    "FEEDBACK_CONSIDERED",
    4,
    "times",
    "1 to 100",
    "so many more words than are added have their df looked up: those that are too common fall out",
)
MAX_FEEDBACK_BOOST: Final = define(
    "MAX_FEEDBACK_BOOST",
    100.0,
    "factor",
    "above 1",
    "with a share of 1 the words of feedback would weigh infinitely much",
)
