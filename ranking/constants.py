"""Constants of formulas and of the parser, once: each with its unit, range and reason, for docs/params.md.

`define` registers a row and returns the value, so that a constant is an ordinary module name and a row of the
table at the same time. Not for knobs of a request: those are ranking/params.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar


@dataclass(frozen=True, slots=True)
class Constant:
    """One row: `range` in words ("0 to 1"), `unit` empty for a pure number."""

    name: str
    value: float
    unit: str
    range: str
    reason: str


CONSTANTS: Final[dict[str, Constant]] = {}
"""Every constant by name, in the order of definition."""

Number = TypeVar("Number", int, float)


def define(name: str, value: Number, unit: str, range: str, reason: str) -> Number:
    """Register a constant and return its value; a name defined twice is a defect."""
    if name in CONSTANTS:
        raise ValueError(f"constant {name} is defined twice")
    CONSTANTS[name] = Constant(name, value, unit, range, reason)
    return value


# ---------------------------------------------------------------- the query parser

MAX_NESTING: Final = define(
    "MAX_NESTING",
    24,
    "levels",
    "1 to 100",
    "deeper brackets are text: no person or agent nests so, and no walk may overflow",
)
MAX_SLOP: Final = define(
    "MAX_SLOP", 1_000, "words", "0 to 10,000", "words that stand further apart than a long passage are not near"
)
MAX_BOOST: Final = define(
    "MAX_BOOST", 100.0, "factor", "above 0", "a term 100 times as important decides alone already"
)
MIN_PREFIX_CHARACTERS: Final = define(
    "MIN_PREFIX_CHARACTERS", 2, "characters", "1 to 10", "one Latin letter expands to a twentieth of the vocabulary"
)
QUERY_TERM_K3: Final = define(
    "QUERY_TERM_K3",
    8.0,
    "",
    "0 to 1,000",
    "a word written n times weighs n (k3 + 1) / (n + k3), Okapi's factor: counting once costs cacm 5 points of nDCG",
)
MAX_READ_AS_TEXT_EXAMPLES: Final = define(
    "MAX_READ_AS_TEXT_EXAMPLES", 3, "examples", "1 to 10", "a notice is one sentence; query.operators has them all"
)

# ---------------------------------------------------------------- the plan

POSTINGS_PER_DOCUMENT: Final = define(
    "POSTINGS_PER_DOCUMENT",
    2.0,
    "postings / documents",
    "0.25 to 20",
    "rarest first until the sum of df reaches 2 N: top 10 kept in 97-99 %, at half the cost; 1 N loses 5 points",
)
FAST_POSTINGS_PER_DOCUMENT: Final = define(
    "FAST_POSTINGS_PER_DOCUMENT",
    0.5,
    "postings / documents",
    "0.1 to 2",
    "precision fast: a quarter of the balanced budget",
)
FAST_DEPTH: Final = define(
    "FAST_DEPTH", 0.5, "share of k", "0.1 to 1", "precision fast: half the candidates halve rescoring and fetch"
)

# ---------------------------------------------------------------- signals

RECENCY_HALF_LIFE_DAYS: Final = define(
    "RECENCY_HALF_LIFE_DAYS", 365.0, "days", "above 0", "a page a year old counts half: documentation ages slowly"
)
FIRST_POSITION_MIDPOINT: Final = define(
    "FIRST_POSITION_MIDPOINT", 50.0, "tokens", "above 0", "a first hit two or three sentences in is worth half"
)
INLINKS_MIDPOINT: Final = define(
    "INLINKS_MIDPOINT", 10.0, "links", "above 0", "ten inbound links are worth half; beyond that each adds less"
)
LENGTH_MIDPOINT: Final = define(
    "LENGTH_MIDPOINT", 300.0, "words", "above 0", "300 words are worth half: stubs score low, long pages level off"
)
RANK_CONSTANT: Final = define(
    "RANK_CONSTANT", 60.0, "ranks", "1 to 10,000", "k of rank.<retriever>: Cormack, Clarke, Buettcher 2009"
)

WINDOW_TERMS: Final = define(
    "WINDOW_TERMS", 16, "terms", "2 to 64", "min_window looks at the weightiest: its cost is terms x hits"
)

# ---------------------------------------------------------------- default weights

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
    0.5,
    "weight",
    "0 to 1,000",
    "least weight of dense: one-word queries like it small (mwmbl, 1.0: -1 point), vague questions large (musique)",
)

# ---------------------------------------------------------------- passages and shingles

PASSAGE_COSINE_SHARE: Final = define(
    "PASSAGE_COSINE_SHARE", 2 / 3, "share", "0 to 1", "a passage mixes bm25 and (1 + cos)/2 as a document does, 1 to 2"
)
SHINGLE_WORDS: Final = define("SHINGLE_WORDS", 5, "words", "1 to 20", "five words in a row rarely repeat by chance")
SHINGLE_SAMPLE: Final = define(
    "SHINGLE_SAMPLE",
    4,
    "one in",
    "1 to 64",
    "a quarter of the shingles estimates overlap and bounds a session's memory",
)

# ---------------------------------------------------------------- the scored list

SCORED_KEPT: Final = define(
    "SCORED_KEPT", 100, "candidates", "0 to 10,000", "so many beyond a page's length carry an account of their score"
)
MMR_POOL: Final = define(
    "MMR_POOL",
    5,
    "pages",
    "1 to 100",
    "MMR looks so many pages deep: deeper candidates are too weak to be worth their novelty",
)
COVERED_PASSAGE: Final = define(
    "COVERED_PASSAGE", 0.7, "share", "0 to 1", "a passage with 70 % of its shingles shown before has been read"
)

# ---------------------------------------------------------------- the predicted cost of a plan

POSTING_NANOSECONDS: Final = define(
    "POSTING_NANOSECONDS", 5.0, "ns", "above 0", "measured 3 to 8 per posting of a recalled term, on two corpora"
)
PASSAGE_NANOSECONDS: Final = define(
    "PASSAGE_NANOSECONDS",
    5.0,
    "ns",
    "above 0",
    "measured 0.4 ms for 100,000 product-quantised vectors, refinement included",
)
