"""What default weights are made of, for 1 of bm25: constants of the rule for dense (balance.py), and of pairs of words.

Chosen by `forage eval tune` with each dev set left out in turn (docs/quality.md). Not for what a request sets itself.
"""

from __future__ import annotations

from typing import Final

from ranking.constant_table import define

DENSE_TO_BM25: Final = define(
    "DENSE_TO_BM25",
    2.0,
    "weight",
    "0 to 1,000",
    "weight of dense for 1 of bm25 where a query has no word to read: bm25 + 1.0 cos is bm25 + 2.0 (1 + cos)/2 less 1",
)
DENSE_CEILING: Final = define(
    "DENSE_CEILING",
    13.0,
    "weight",
    "0 to 1,000",
    "weight of dense for a query that says just enough to single out a document; 8 to 16 are within half a point",
)
DENSE_DECAY: Final = define(
    "DENSE_DECAY",
    1.5,
    "",
    "0 to 4",
    "power of ln N / sum idf: 1 for the scale of normalised bm25, a half for the averaging of its terms; see ADR 10",
)
DENSE_FLOOR: Final = define(
    "DENSE_FLOOR",
    0.25,
    "weight",
    "0 to 1,000",
    "least weight of dense: keywords like it small (mwmbl, 1.0: -1 point); 0.1 is as good there, worse in talk",
)
BIGRAM_TO_BM25: Final = define(
    "BIGRAM_TO_BM25",
    0.33,
    "weight",
    "-1,000 to 1,000",
    "of pairs of words in a row for 1 of bm25: tuned with each dev set left out, 0.34 to 0.40 in five of six searches",
)
