"""Constants of what a session learns, once, each with unit, range and reason.

Rows of the same table as constants.py, which hands them on. Not for knobs of a request (params.py), nor for bounds of
the log (sessions/settings.py).
"""

from __future__ import annotations

from typing import Final

from ranking.constant_table import define

PROFILE_DEPTH: Final = define(
    "PROFILE_DEPTH",
    100,
    "documents",
    "10 to 1,000",
    "of the goal's own order that are held for likely: with the last query's 100 they hold .83 of agents' next five",
)
FEEDBACK_MARKS: Final = define(
    "FEEDBACK_MARKS", 3, "documents", "1 to 20", "the last that were opened or cited; older ones are of older questions"
)
FEEDBACK_WORDS: Final = define(
    "FEEDBACK_WORDS", 10, "words", "1 to 50", "RM3's usual number; those of the cited passages that say most"
)
CITED_MASS: Final = define(
    "CITED_MASS", 2.0, "times opened", "1 to 10", "who cites has read; who opens has read a title"
)
MAX_DOCUMENT_MASS: Final = define(
    "MAX_DOCUMENT_MASS", 1 / 3, "share", "above 0 to 1", "no single page steers a session, however it is written"
)
MAX_SITE_MASS: Final = define(
    "MAX_SITE_MASS", 0.3, "share", "above 0 to 1", "nor does a site: pages of one author praise each other"
)
REJECTED_FACTOR: Final = define(
    "REJECTED_FACTOR",
    0.5,
    "factor",
    "0 to 1",
    "on (score - last candidate's) of a rejected page and its near-duplicates; harder than seen, for somebody said so",
)
DRIFT_DEPTH: Final = define(
    "DRIFT_DEPTH", 20, "documents", "5 to 100", "best of the new query that are looked for among what the session knows"
)
DRIFT_OVERLAP: Final = define(
    "DRIFT_OVERLAP", 0.1, "share", "0 to 1", "of them known: below, 90 % of switches and 1.6 % of other queries lie"
)
DRIFT_TERMS: Final = define(
    "DRIFT_TERMS", 0.15, "share", "0 to 1", "of the query's words asked before: below, 95 % of switches and 1.9 % lie"
)
NAME_SAYS: Final = define(
    "NAME_SAYS",
    0.5,
    "share of ln N",
    "0 to 1",
    "idf of a title's words that names a page: half of what singles it out costs multi-hop sets nothing, all a third",
)
NAMED_READ: Final = define(
    "NAMED_READ",
    30,
    "documents",
    "1 to 500",
    "shown last, whose passages are read for names: what an agent still has at hand",
)
NAMED_LEAST: Final = define(
    "NAMED_LEAST",
    0.5,
    "share",
    "0 to 1",
    "of the way from the last candidate's score to the page's last: less, and a named page has nothing of the query",
)
NAMED_MOST: Final = define(
    "NAMED_MOST", 64, "documents", "1 to 1,000", "named pages that are scored: the last named; a long list says little"
)
NAME_TOKENS: Final = define(
    "NAME_TOKENS", 12, "tokens", "1 to 50", "longest title that is looked for in texts: longer ones are sentences"
)
