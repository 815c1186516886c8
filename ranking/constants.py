"""Constants of formulas and of the parser, once: each with its unit, range and reason, for docs/params.md.

Not for how the table is kept (constant_table.py), nor for knobs of a request (params.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ranking.constant_table import CONSTANTS as CONSTANTS  # with every row below
from ranking.constant_table import define as define
from ranking.expansion_constants import EXPANDED_WORDS as EXPANDED_WORDS
from ranking.expansion_constants import FEEDBACK_CONSIDERED as FEEDBACK_CONSIDERED
from ranking.expansion_constants import FEEDBACK_MAX_DF as FEEDBACK_MAX_DF
from ranking.expansion_constants import FEEDBACK_MIN_CHARACTERS as FEEDBACK_MIN_CHARACTERS
from ranking.expansion_constants import FEEDBACK_PASSAGES as FEEDBACK_PASSAGES
from ranking.expansion_constants import FUZZY_FIXED_CHARACTERS as FUZZY_FIXED_CHARACTERS
from ranking.expansion_constants import FUZZY_MIN_CHARACTERS as FUZZY_MIN_CHARACTERS
from ranking.expansion_constants import FUZZY_WIDTH as FUZZY_WIDTH
from ranking.expansion_constants import MAX_ADDED_TERMS as MAX_ADDED_TERMS
from ranking.expansion_constants import MAX_FEEDBACK_BOOST as MAX_FEEDBACK_BOOST
from ranking.limits import MAX_EXPANDED_WORDS as MAX_EXPANDED_WORDS
from ranking.limits import MAX_FIELD_CHARACTERS as MAX_FIELD_CHARACTERS
from ranking.limits import MAX_META_SIGNALS as MAX_META_SIGNALS
from ranking.limits import MAX_METADATA_FIELDS as MAX_METADATA_FIELDS
from ranking.limits import MAX_READ_AGAIN as MAX_READ_AGAIN
from ranking.limits import MAX_SYNONYM_CHARACTERS as MAX_SYNONYM_CHARACTERS
from ranking.limits import MAX_SYNONYMS as MAX_SYNONYMS
from ranking.limits import MAX_VALUE_CHARACTERS as MAX_VALUE_CHARACTERS
from ranking.session_constants import CITED_MASS as CITED_MASS
from ranking.session_constants import DRIFT_DEPTH as DRIFT_DEPTH
from ranking.session_constants import DRIFT_OVERLAP as DRIFT_OVERLAP
from ranking.session_constants import DRIFT_TERMS as DRIFT_TERMS
from ranking.session_constants import FEEDBACK_MARKS as FEEDBACK_MARKS
from ranking.session_constants import FEEDBACK_WORDS as FEEDBACK_WORDS
from ranking.session_constants import MAX_DOCUMENT_MASS as MAX_DOCUMENT_MASS
from ranking.session_constants import MAX_SITE_MASS as MAX_SITE_MASS
from ranking.session_constants import NAME_SAYS as NAME_SAYS
from ranking.session_constants import NAME_TOKENS as NAME_TOKENS
from ranking.session_constants import NAMED_LEAST as NAMED_LEAST
from ranking.session_constants import NAMED_MOST as NAMED_MOST
from ranking.session_constants import NAMED_READ as NAMED_READ
from ranking.session_constants import PROFILE_DEPTH as PROFILE_DEPTH
from ranking.session_constants import REJECTED_FACTOR as REJECTED_FACTOR
from ranking.weight_constants import BIGRAM_TO_BM25 as BIGRAM_TO_BM25
from ranking.weight_constants import DENSE_CEILING as DENSE_CEILING
from ranking.weight_constants import DENSE_DECAY as DENSE_DECAY
from ranking.weight_constants import DENSE_FLOOR as DENSE_FLOOR
from ranking.weight_constants import DENSE_TO_BM25 as DENSE_TO_BM25

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
    "a quarter of the shingles estimates overlap and bounds a session's memory; an eighth errs on short passages",
)

# ---------------------------------------------------------------- the scored list

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

# ---------------------------------------------------------------- score expressions

MAX_EXPRESSION_NODES: Final = define(
    "MAX_EXPRESSION_NODES",
    64,
    "nodes",
    "1 to 1,000",
    "numbers, names and operators of one score: 4 us each to read and 4 us to evaluate for 450 candidates",
)
MAX_EXPRESSION_NESTING: Final = define(
    "MAX_EXPRESSION_NESTING",
    32,
    "levels",
    "1 to 100",
    "brackets, calls and signs within each other: no walk may overflow",
)
MAX_EXPRESSION_REPAIRS: Final = define(
    "MAX_EXPRESSION_REPAIRS", 4, "faults", "1 to 64", "a correction that needs more was not written in this language"
)
LARGEST_ADDEND: Final = define(
    "LARGEST_ADDEND", 1e300, "score", "1 to 1e306", "an addend is cut off there, so that 64 of them have a finite sum"
)

# ---------------------------------------------------------------- rules and Goggles

MAX_RULES: Final = define(
    "MAX_RULES",
    1_000,
    "rules",
    "1 to 10,000",
    "each is a condition on every candidate; longer lists belong into one rule",
)
MAX_RULE_VALUES: Final = define(
    "MAX_RULE_VALUES", 100_000, "values", "1 to 1,000,000", "of all rules of a request: what Brave allows one Goggle"
)
MAX_RULE_VALUE_CHARACTERS: Final = define(
    "MAX_RULE_VALUE_CHARACTERS",
    2_000,
    "characters",
    "1 to 10,000",
    "the longest address that browsers and servers share",
)
MAX_RULED_SCORE: Final = define(
    "MAX_RULED_SCORE", 1e100, "score", "above 1e9", "a thousand factors of a thousand stop here instead of at infinity"
)
MAX_RULE_FACTOR: Final = define(
    "MAX_RULE_FACTOR", 1_000.0, "factor", "above 1", "as MAX_WEIGHT: more would only lose float precision"
)
RULE_FACTOR: Final = define(
    "RULE_FACTOR",
    2.0,
    "factor",
    "above 1",
    "of a boost or bury without `by`: twice or half as important, as in Goggles",
)
MAX_PIN_PLACE: Final = define(
    "MAX_PIN_PLACE", 100, "rank", "1 to 1,000", "the longest page: a place below it is never shown"
)
GOGGLES_STRENGTH: Final = define(
    "GOGGLES_STRENGTH", 2, "strength", "1 to 10", "of $boost and $downrank without a number, as Brave's pages show it"
)
MAX_GOGGLES_STRENGTH: Final = define("MAX_GOGGLES_STRENGTH", 10, "strength", "1 to 100", "Brave's limit")
GOGGLES_FACTOR_PER_STRENGTH: Final = define(
    "GOGGLES_FACTOR_PER_STRENGTH",
    1.0,
    "factor",
    "above 0",
    "strength n is a factor of 1 + this x (n - 1): Brave's paper says 1 leaves a result, 2 makes it twice as important",
)
MAX_GOGGLES_BYTES: Final = define("MAX_GOGGLES_BYTES", 2_000_000, "bytes", "above 0", "of one Goggle: Brave's limit")
MAX_GOGGLES_INSTRUCTIONS: Final = define(
    "MAX_GOGGLES_INSTRUCTIONS", 100_000, "instructions", "above 0", "of one Goggle: Brave's limit"
)
MAX_GOGGLES_CHARACTERS: Final = define(
    "MAX_GOGGLES_CHARACTERS", 500, "characters", "above 0", "of one instruction: Brave's limit"
)
MAX_GOGGLES_WILDCARDS: Final = define(
    "MAX_GOGGLES_WILDCARDS", 2, "characters", "0 to 500", "of * and of ^ in one instruction: Brave's limits"
)

# ---------------------------------------------------------------- what a reader has read

NOVELTY_PASSAGES: Final = define(
    "NOVELTY_PASSAGES",
    64,
    "passages",
    "1 to 10,000",
    "novelty compares with so many of those shown last, three pages at the defaults; reading each costs 0.02 ms",
)
COVERED_ROUNDS: Final = define(
    "COVERED_ROUNDS",
    3,
    "rounds",
    "0 to 50",
    "each looks at as many passages of a hit as are shown, while some of them were read before: a mirror's best six",
)

# ---------------------------------------------------------------- candidates and second opinions

ALSO_RECALLED: Final = define(
    "ALSO_RECALLED",
    100,
    "documents",
    "1 to 10,000",
    "that a rule pins are candidates too: as many as a page has places",
)
OPINION_PASSAGES: Final = define(
    "OPINION_PASSAGES",
    2,
    "passages",
    "1 to 20",
    "of a document that a rerank stage reads: the best by words and meaning",
)

# ---------------------------------------------------------------- the predicted time of a search

SEARCH_MICROSECONDS: Final = define(
    "SEARCH_MICROSECONDS", 3_000.0, "us", "above 0", "parsing, planning, choosing passages and writing down ten results"
)
EMBEDDING_MICROSECONDS: Final = define(
    "EMBEDDING_MICROSECONDS", 200.0, "us / token", "above 0", "2.5 ms for a query of 12 tokens, linear up to 256"
)
CANDIDATE_MICROSECONDS: Final = define(
    "CANDIDATE_MICROSECONDS",
    7.0,
    "us / candidate",
    "above 0",
    "2 to 3 ms of evidence and signals for 310 to 420 candidates",
)
OPINION_MICROSECONDS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "cross_encoder": define(
            "OPINION_MICROSECONDS.cross_encoder",
            60_000.0,
            "us / document",
            "above 0",
            "two passages through a small model",
        ),
        "late_interaction": define(
            "OPINION_MICROSECONDS.late_interaction",
            60_000.0,
            "us / document",
            "above 0",
            "two passages of 600 characters",
        ),
        "trees": define("OPINION_MICROSECONDS.trees", 5.0, "us / document", "above 0", "some hundred trees"),
    }
)
COUNTERFACTUAL_MARGIN: Final = define(
    "COUNTERFACTUAL_MARGIN",
    1e-4,
    "share",
    "1e-9 to 0.1",
    "so far beyond a tie a counterfactual weight lies, for scores are floats",
)
COUNTERFACTUAL_WINDOW: Final = define(
    "COUNTERFACTUAL_WINDOW",
    1e-9,
    "share",
    "1e-12 to 1e-3",
    "ties that lie no further apart than this are one tie: no weight between them survives rounding",
)

# ---------------------------------------------------------------- signals of words' places, of dates and of size

NEAR_TOKENS: Final = define(
    "NEAR_TOKENS", 8, "tokens", "2 to 50", "two words this close belong together: SDM's window, Metzler and Croft 2005"
)
PASSAGE_WINDOW_TOKENS: Final = define(
    "PASSAGE_WINDOW_TOKENS",
    200,
    "tokens",
    "20 to 2,000",
    "as long as the index cuts its own passages; windows of some hundred words worked best for Callan 1994",
)
LEAD_TOKENS: Final = define(
    "LEAD_TOKENS", 100, "tokens", "10 to 2,000", "an abstract or a first screen: what a page is about stands there"
)
SPREAD_PARTS: Final = define(
    "SPREAD_PARTS", 10, "parts", "2 to 100", "a word in every tenth of a body runs through all of it"
)
TERM_DENSITY_MIDPOINT: Final = define(
    "TERM_DENSITY_MIDPOINT", 0.05, "hits / token", "above 0", "a query word every 20 tokens is worth half"
)
PHRASE_MIDPOINT: Final = define(
    "PHRASE_MIDPOINT", 1.0, "occurrences", "above 0", "once is half: a quoted phrase is rarely there by chance"
)
TITLE_LENGTH_MIDPOINT: Final = define(
    "TITLE_LENGTH_MIDPOINT", 4.0, "words", "above 0", "a title of one word says little, beyond ten it says no more"
)
URL_LENGTH_MIDPOINT: Final = define(
    "URL_LENGTH_MIDPOINT", 10.0, "tokens", "above 0", "host and path of a usual page; twice as long is worth a third"
)
ANCHOR_TEXT_MIDPOINT: Final = define(
    "ANCHOR_TEXT_MIDPOINT", 20.0, "words", "above 0", "the texts of some ten inbound links"
)
PASSAGES_MIDPOINT: Final = define(
    "PASSAGES_MIDPOINT", 5.0, "passages", "above 0", "a page of 1,000 words, or of five sections"
)
FETCH_HALF_LIFE_DAYS: Final = define(
    "FETCH_HALF_LIFE_DAYS", 90.0, "days", "above 0", "our copy of a page, not the page: a quarter old counts half"
)
FRESHNESS_FIT_SCALE_DAYS: Final = define(
    "FRESHNESS_FIT_SCALE_DAYS",
    180.0,
    "days",
    "above 0",
    "half a year off is 0.6, a year 0.14: reports come out after the year they are about",
)
FIRST_YEAR: Final = define("FIRST_YEAR", 1900, "year", "1000 to 9999", "smaller numbers in a query are rarely years")
LAST_YEAR: Final = define("LAST_YEAR", 2100, "year", "1000 to 9999", "as FIRST_YEAR")
