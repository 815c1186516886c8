"""The catalogue of signals: given a name, returns what it means, costs and weighs, and how it is computed.

To add a signal: one function in this folder, one row here. The request schema, the documentation, explanations and
`/v1/signals` follow from the row. Not for weights of a request: see ranking/weights.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from ranking.constants import (
    ANCHOR_TEXT_MIDPOINT,
    BIGRAM_TO_BM25,
    DENSE_TO_BM25,
    FETCH_HALF_LIFE_DAYS,
    FIRST_POSITION_MIDPOINT,
    FRESHNESS_FIT_SCALE_DAYS,
    INLINKS_MIDPOINT,
    LEAD_TOKENS,
    LENGTH_MIDPOINT,
    NEAR_TOKENS,
    PASSAGE_WINDOW_TOKENS,
    PASSAGES_MIDPOINT,
    PHRASE_MIDPOINT,
    RANK_CONSTANT,
    RECENCY_HALF_LIFE_DAYS,
    TERM_DENSITY_MIDPOINT,
    TITLE_LENGTH_MIDPOINT,
    URL_LENGTH_MIDPOINT,
)
from ranking.signals import (
    dates,
    dense,
    fields,
    lexical,
    metadata,
    page,
    pairs,
    positional,
    retrieval,
    session,
    windows,
)
from ranking.signals.input import Values
from ranking.signals.spec import NO_PARAMETERS, Cost, Parameter
from ranking.signals.spec import Signals as Signals
from ranking.signals.spec import SignalSpec as SignalSpec
from ranking.signals.spec import check_call as check_call
from ranking.signals.spec import compute as compute
from ranking.signals.spec import compute_call as compute_call
from ranking.signals.spec import known_parameters as known_parameters
from ranking.types import FIELDS
from ranking.types import META_PREFIX as META_PREFIX


def _row(
    name: str,
    compute: Callable[..., Values],
    needs: str,
    cost: Cost,
    summary: str,
    formula: str,
    source: str,
    weight: float = 0.0,
    *,
    relative: bool = False,
    parameters: Mapping[str, Parameter] = NO_PARAMETERS,
    forms: tuple[tuple[str, ...], ...] = (),
) -> SignalSpec:
    needed = frozenset(needs.split())
    return SignalSpec(name, summary, formula, source, cost, weight, needed, compute, parameters, forms, relative)


_BM25: Final = "sum idf tf' (k1+1)/(tf'+k1) / sum idf (k1+1)"
_ROBERTSON: Final = "Robertson and Zaragoza 2009"
_SDM: Final = "Metzler and Croft 2005"
_LETOR: Final = "Qin and Liu 2013"

_SMALLEST: Final = 1e-9
_LARGEST: Final = 1e12
_K1: Final[Mapping[str, Parameter]] = {
    "k1": Parameter(None, 0.0, 10.0, "", "that of the first bm25 retriever"),
    "b": Parameter(None, 0.0, 1.0, "", "that of the first bm25 retriever"),
}


def _mid(default: float, unit: str) -> dict[str, Parameter]:
    return {"mid": Parameter(default, _SMALLEST, _LARGEST, unit, "there the signal is a half")}


def _half_life(default: float) -> dict[str, Parameter]:
    return {"half_life_days": Parameter(default, 1e-3, 1e6, "days", "each halves the signal")}


def _tokens(default: int, least: int, most: int, reason: str) -> dict[str, Parameter]:
    return {"tokens": Parameter(default, least, most, "tokens", reason, whole=True)}


_RANK: Final = {"k": Parameter(RANK_CONSTANT, 1.0, 10_000.0, "ranks", "the larger, the less the first ranks stand out")}
_FIT: Final = {"scale_days": Parameter(FRESHNESS_FIT_SCALE_DAYS, 1e-3, 1e6, "days", "so far off it is 0.61")}

_ROWS: Final = (
    # What the words say.
    _row("bm25", lexical.bm25, "lexical", "cheap", "the query's words, over all weighted fields (BM25F)", _BM25 + ", tf' = sum_f w_f tf_f/(1-b+b dl_f/avgdl_f)", "Zaragoza et al. 2004; " + _ROBERTSON, 1.0, parameters=_K1),
    *(
        _row(f"bm25.{name}", fields.bm25_of(name), "lexical", "cheap", f"the query's words in the {name} alone", _BM25 + ", tf' = tf/(1-b+b dl/avgdl)", _ROBERTSON, parameters=_K1)
        for name in FIELDS
    ),
    _row("best_field", fields.best_field, "lexical", "cheap", "the query's words in the one field that holds them best", "max over fields bm25.<field>", "Elasticsearch multi_match best_fields; " + _ROBERTSON, parameters=_K1),
    _row("coverage", lexical.coverage, "lexical", "free", "share of the query's words it holds", "matched terms / terms", "Vespa queryCompleteness"),
    *(
        _row(f"coverage.{name}", fields.coverage_of(name), "lexical", "free", f"share of the query's words that the {name} holds", f"terms matched in the {name} / terms that may stand there", "Vespa fieldMatch.queryCompleteness; Stract TitleCoverage")
        for name in FIELDS
    ),
    _row("coverage_idf", lexical.coverage_idf, "lexical", "free", "the same of all fields, rare words counting more", "sum idf of matched terms / sum idf", "Vespa fieldMatch.significance"),
    *(
        _row(f"field_completeness.{name}", fields.completeness_of(name), "lexical", "free", f"the {name} says little but the query's words", f"hits in the {name} / its tokens", "Vespa fieldMatch.fieldCompleteness")
        for name in ("title", "heading", "url")
    ),
    _row("fields_matched", fields.fields_matched, "lexical", "free", "in how many of the fields a word of the query stands", "fields with a hit / 5", "Fox and Shaw 1994, over fields"),
    _row("all_terms", lexical.all_terms, "lexical", "free", "no word of the query is missing", "1 if all terms match, else 0", "Boolean model of " + _LETOR),
    _row("rarest_term", lexical.rarest_term, "lexical", "free", "it holds the query's most telling word", "max idf of matched terms / max idf", "He and Ounis 2004"),
    _row("term_density", lexical.term_density, "lexical", "free", "much of the body is the query's words", "x/(x + mid), x = hits in the body / its tokens", _LETOR, parameters=_mid(TERM_DENSITY_MIDPOINT, "hits / token")),
    # Where the words stand.
    _row("proximity", positional.proximity, "lexical positions", "moderate", "different query words close together", "x/(x+m), x = sum over neighbouring hits min(idf_i, idf_j)/distance^2, m = sum idf - max idf", "Rasolofo and Savoy 2003; Tao and Zhai 2007"),
    _row("min_window", positional.min_window, "lexical positions", "moderate", "all matched words in one short window", "matched^2 / (terms x tokens of the smallest window with every matched term)", "Tao and Zhai 2007"),
    _row("first_position", positional.first_position, "lexical positions", "cheap", "a query word early in the body", "1/(1 + first position/mid)", "Vespa fieldMatch.earliness", parameters=_mid(FIRST_POSITION_MIDPOINT, "tokens")),
    _row("coverage.lead", positional.coverage_lead, "lexical positions", "cheap", "the beginning of the body holds the query's words", "sum idf of terms in the first tokens of the body / sum idf", "Troy and Zhang 2007", parameters=_tokens(LEAD_TOKENS, 1, 100_000, "how long the beginning is")),
    _row("spread", positional.spread, "lexical positions", "cheap", "the query's words run through the whole body", "tenths of the body with a hit / 10", "Hearst 1995"),
    _row("coverage.passage", windows.coverage_passage, "lexical positions", "moderate", "the best window of the body holds the query's words", "max over half-overlapping windows of tokens: sum idf of terms in it / sum idf", "Callan 1994", parameters=_tokens(PASSAGE_WINDOW_TOKENS, 2, 100_000, "length of a window")),
    _row("bm25.passage", windows.bm25_passage, "lexical positions", "moderate", "the query's words in the best window of the body", "max over half-overlapping windows of tokens: sum idf tf (k1+1)/(tf+k1) / sum idf (k1+1)", "Callan 1994; " + _ROBERTSON, parameters=_tokens(PASSAGE_WINDOW_TOKENS, 2, 100_000, "length of a window")),
    _row("bm25.bigram", pairs.bigram, "lexical positions", "moderate", "neighbouring words of the query side by side, in order", "bm25.body over pairs, idf of a pair = min(idf_i, idf_j)", _SDM, BIGRAM_TO_BM25),
    _row("bm25.near", pairs.near, "lexical positions", "moderate", "neighbouring words of the query near each other, in any order", "bm25.body over pairs that stand less than tokens apart, idf of a pair = min(idf_i, idf_j)", _SDM, parameters=_tokens(NEAR_TOKENS, 2, 50, "how near: 2 is side by side")),
    _row("coverage.bigram", pairs.coverage_bigram, "lexical positions", "moderate", "share of the query's pairs of neighbours that it holds", "adjacent pairs found / pairs", _SDM),
    _row("longest_run", pairs.longest_run, "lexical positions", "moderate", "the longest part of the query that stands there as written", "words of the longest run / words", "Vespa fieldMatch.longestSequence"),
    _row("orderness", pairs.orderness, "lexical positions", "cheap", "its words come in the order of the query", "neighbouring hits in order / neighbouring hits of different words", "Vespa fieldMatch.orderness"),
    _row("phrase", lexical.phrase, "lexical", "free", "quoted phrases that occur", "phrases found / phrases", _SDM),
    _row("phrase_frequency", lexical.phrase_frequency, "lexical", "free", "how often quoted phrases occur", "mean over phrases x/(x + mid), x = occurrences", _SDM, parameters=_mid(PHRASE_MIDPOINT, "occurrences")),
    _row("exact_title", lexical.exact_title, "lexical", "free", "the title is the query", "1 if the title's words are the query's words, stop words aside, else 0", "Kraaij, Westerveld, Hiemstra 2002"),
    # What it means.
    _row("dense", dense.dense, "dense", "free", "meaning of the best passage; unless set, its weight follows the query (balance.py)", "(1 + max cosine)/2", "Reimers and Gurevych 2019; Dai and Callan 2019", DENSE_TO_BM25),
    _row("dense_mean", dense.dense_mean, "dense dense_mean", "cheap", "meaning of the best three passages", "(1 + mean of the top 3 cosines)/2", "Callan 1994"),
    # What the page is, whatever the query.
    _row("recency", dates.recency, "attributes", "free", "published or modified lately", "2^(-age/half_life_days)", "Li and Croft 2003", parameters=_half_life(RECENCY_HALF_LIFE_DAYS)),
    _row("recency.published", dates.recency_published, "attributes", "free", "published lately, whatever was changed since", "2^(-age/half_life_days)", "Li and Croft 2003", parameters=_half_life(RECENCY_HALF_LIFE_DAYS)),
    _row("maintained", dates.maintained, "attributes", "free", "changed long after it was published", "(modified - published)/(now - published)", "Elsas and Dumais 2010"),
    _row("dated", dates.dated, "attributes", "free", "says when it was published or modified", "1 with a date, else 0", "Zhu and Gauch 2000"),
    _row("freshness_fit", dates.freshness_fit, "attributes", "cheap", "of the year, month or day that the query names", "e^(-x^2/(2 scale_days^2)), x = days from that time to its nearer date", "Kanhabua and Nørvåg 2010", parameters=_FIT),
    _row("fresh_fetch", dates.fresh_fetch, "attributes", "free", "our copy was fetched lately", "2^(-age/half_life_days)", "Cho and Garcia-Molina 2000", parameters=_half_life(FETCH_HALF_LIFE_DAYS)),
    _row("authority", page.authority, "attributes", "free", "well linked, by PageRank", "column of the index", "Brin and Page 1998; Craswell et al. 2005"),
    _row("inlinks", page.inlinks, "attributes", "free", "how many pages link here", "x/(x + mid)", "Craswell et al. 2005", parameters=_mid(INLINKS_MIDPOINT, "links")),
    _row("anchor_text", fields.anchor_text, "lexical", "free", "how much text the links here have", "x/(x + mid), x = words", "Craswell, Hawking, Robertson 2001", parameters=_mid(ANCHOR_TEXT_MIDPOINT, "words")),
    _row("url_depth", page.url_depth, "attributes", "free", "close to the root of its site", "1/(1 + path segments)", "Kraaij, Westerveld, Hiemstra 2002"),
    _row("url_length", fields.url_length, "lexical", "free", "a short address", "1/(1 + x/mid), x = tokens of host, path and query", "Length of URL of " + _LETOR, parameters=_mid(URL_LENGTH_MIDPOINT, "tokens")),
    _row("is_homepage", page.is_homepage, "attributes", "free", "the root of its site", "1 without a path, else 0", "Stract IsHomepage; Kraaij, Westerveld, Hiemstra 2002"),
    _row("title_length", fields.title_length, "lexical", "free", "its title says something", "x/(x + mid), x = words", "Bendersky, Croft, Diao 2011", parameters=_mid(TITLE_LENGTH_MIDPOINT, "words")),
    _row("length", page.length, "attributes", "free", "enough text to be worth reading", "words/(words + mid)", "Singhal, Buckley, Mitra 1996", parameters=_mid(LENGTH_MIDPOINT, "words")),
    _row("passages", page.passages, "attributes", "free", "how many passages it has; below 0, it evens out the chances of long pages in dense", "x/(x + mid)", "Singhal, Buckley, Mitra 1996; Callan 1994", parameters=_mid(PASSAGES_MIDPOINT, "passages")),
    _row("quality", page.quality, "attributes", "free", "reads like prose, not like navigation", "column of the index", "Bendersky, Croft, Diao 2011"),
    # What the retrievers say.
    _row("retrievers", retrieval.retrievers, "", "free", "how many retrievers found it", "found by / retrievers", "Fox and Shaw 1994"),
    _row("best_rank", retrieval.best_rank, "", "free", "its place in the list that ranks it best", "(k + 1)/(k + best rank)", "CombMAX: Fox and Shaw 1994", parameters=_RANK),
    _row("rrf", retrieval.rrf, "", "free", "its places in all lists, whatever fuse says", "sum over retrievers (k + 1)/(k + rank) / retrievers", "Cormack, Clarke, Buettcher 2009", parameters=_RANK),
    _row("fused", retrieval.fused, "lexical dense", "cheap", "the retrievers' lists as one; stands in for bm25 and dense unless fuse is plain linear", "rrf: sum w (k+1)/(k+rank) / sum |w|; linear: sum w score / sum |w|", "Cormack, Clarke, Buettcher 2009; Bruch, Gai, Ingber 2023", relative=True),
    # What the session knows.
    _row("seen", session.seen, "session attributes", "cheap", "this reader was shown it, or a near-duplicate", "2^(-calls since/decay_calls) if seen and unchanged, else 0", "Guan, Zhang, Yang 2013"),
    _row("unread", session.unread, "session attributes", "cheap", "how much of it this reader was not shown", "1 - passages shown / passages, 1 if not seen or changed", "Zhang, Callan, Minka 2002"),
    _row("changed", session.changed, "session attributes", "cheap", "this reader was shown it, and its content changed since", "1 if so, else 0", "Adar, Teevan, Dumais 2009"),
    _row("seen_by_others", session.seen_by_others, "session", "cheap", "another reader of the session was shown it", "1 if so, else 0", "Morris and Horvitz 2007"),
    _row("novelty", session.novelty, "session vectors", "moderate", "unlike what this reader was shown", "1 - max(0, largest cosine to what was shown)", "Carbonell and Goldstein 1998"),
)  # fmt: skip

SIGNALS: Final[Mapping[str, SignalSpec]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every signal by name, in the order in which scores add them up."""

RANK_PREFIX: Final = "rank."


def rank_signal(retriever: str) -> SignalSpec:
    """The signal of one retriever's own list; there is one for each retriever of a request."""
    return _row(f"{RANK_PREFIX}{retriever}", retrieval.rank_of(retriever), "", "free", f"its place in the list of {retriever}", "(k + 1)/(k + rank)", "Cormack, Clarke, Buettcher 2009", parameters=_RANK)  # fmt: skip


_META_FORMULA: Final = (
    "place of x among the collection's numbers there, 0 below the least, 1 from the largest on (101 quantiles); "
    "with mid x^exp/(x^exp + mid^exp); with half_life 2^(-|x - origin|/half_life)"
)
_META: Final[Mapping[str, Parameter]] = {
    "mid": Parameter(None, _SMALLEST, _LARGEST, "", "there the signal is a half; without it the number's place counts"),
    "exp": Parameter(None, 0.01, 100.0, "", "1: how steep the curve is at mid"),
    "half_life": Parameter(None, _SMALLEST, _LARGEST, "", "so far from the origin halves the signal"),
    "origin": Parameter(None, -1e15, 1e15, "", "the largest number of the collection"),
}


def meta_signal(field: str) -> SignalSpec:
    """The signal of one metadata field's numbers; there is one for each field that a request names."""
    return _row(f"{META_PREFIX}{field}", metadata.number_of_field(field), "numbers", "cheap", f"the number in the metadata field {field}", _META_FORMULA, "Craswell et al. 2005", forms=(("mid", "exp"), ("half_life", "origin")), parameters=_META)  # fmt: skip


_REMEMBERED: Final = 32
"""Catalogues: callers choose the names, so they are a bounded number of at most 80 KB; making one takes 0.15 ms."""


@lru_cache(maxsize=_REMEMBERED)
def signals_for(retrievers: tuple[str, ...], meta: tuple[str, ...] = ()) -> Mapping[str, SignalSpec]:
    """The catalogue with `rank.<retriever>` for each of these retrievers and `meta.<field>` for each of these fields."""
    more = (*map(rank_signal, retrievers), *map(meta_signal, meta))
    return MappingProxyType({**SIGNALS, **{spec.name: spec for spec in more}})


def families() -> tuple[SignalSpec, ...]:
    """The rows of which a request has any number, with what they are named after in angle brackets."""
    return rank_signal("<retriever>"), meta_signal("<field>")
