"""The retrievers that a request may name: given the items of `retrieve`, returns validated models with every default.

A retriever says where candidates come from and how many; what they are worth, signals and weights say. Every one works
within the filters. Not for how they are executed (indexer/), nor for what they are planned as (retriever_plans.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StrictBool, model_validator

from ranking.knobs import Model, Name, Weight, holds, knob

LexicalField = Literal["title", "heading", "body", "url", "anchor"]

FIELD_WEIGHTS: dict[str, float] = {"title": 3.0, "body": 1.0}
"""Start of the search for better ones; eval replaces the numbers."""

RECALL_K1: float = 1.2
RECALL_B: float = 0.75
"""Of BM25 (Robertson and Zaragoza 2009), where a request names no others; what tantivy is compiled with, and what
Evidence.floors is stated in."""

MAX_POSTINGS: int = 1_000_000_000_000
"""More than any index has, and a number that JSON carries exactly."""

MAX_WORDS: int = 256
"""Vocabulary words that one retriever may stand for: beyond, it is a filter of letters and no query."""

_Reference = Annotated[str, Field(min_length=1, max_length=8_192)]
"""A document's id, or its URL as long as an ingest takes one."""

_DEEPEST: Final = 10_000
"""Documents, or passages, that any retriever may be asked for."""


class TermBudget(Model):
    max_df: float = knob(
        0.25,
        "share of documents",
        "recall drops commoner terms: top 10 kept in 97-100 % at a quarter of the cost",
        gt=0,
        le=1,
    )
    max_postings: int | None = knob(None, "postings", "no cap beyond max_df", ge=1, le=MAX_POSTINGS)
    min_keep: int = knob(3, "terms", "recall never drops below so many", ge=1, le=1_000)


class Bm25Retriever(Model):
    name: Name = knob("lex", "", "names the retriever in found_by and fuse.weights")
    type: Literal["bm25"] = "bm25"
    fields: dict[LexicalField, Weight] = knob(lambda: dict(FIELD_WEIGHTS), "weight", "see FIELD_WEIGHTS", min_length=1)
    k: int = knob(
        300, "documents", "with full rescoring holds the exact top 10 in 97-100 % of long queries", ge=1, le=_DEEPEST
    )
    k1: float = knob(RECALL_K1, "", "Robertson and Zaragoza 2009; what tantivy recalls with", ge=0, le=10)
    b: float = knob(RECALL_B, "", "as k1", ge=0, le=1)
    terms: TermBudget = knob(TermBudget, "", "see its rows")


class DenseRetriever(Model):
    name: Name = knob("sem", "", "names the retriever")
    type: Literal["dense"] = "dense"
    k: int = knob(200, "passages", "depth where the measured hybrid stops gaining", ge=1, le=_DEEPEST)
    exact: StrictBool = knob(False, "", "approximate search finds 0.99 of the exact top 10")
    vector: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] | None = knob(
        None, "", "the query is embedded here unless a vector is sent", min_length=1, max_length=8_192
    )


class PhraseRetriever(Model):
    name: Name = knob("phrase", "", "names the retriever")
    type: Literal["phrase"] = "phrase"
    text: str | None = knob(
        None, "", "the query's own words in a row, stop words among them", min_length=1, max_length=2_000
    )
    fields: dict[LexicalField, Weight] = knob(lambda: dict(FIELD_WEIGHTS), "weight", "as bm25", min_length=1)
    slop: int = knob(0, "words", "as written; n lets n other words stand between", ge=0, le=1_000)
    ordered: StrictBool = knob(True, "", "a phrase has an order; false is nearness")
    k: int = knob(100, "documents", "a phrase is rare", ge=1, le=_DEEPEST)


class _Expanding(Model):
    """What stands for many words of the vocabulary at once."""

    fields: dict[LexicalField, Weight] = knob(lambda: dict(FIELD_WEIGHTS), "weight", "as bm25", min_length=1)
    words: int = knob(64, "words", "the commonest that fit; a longer list says less", ge=1, le=MAX_WORDS)
    k: int = knob(100, "documents", "a wide net beside the main one", ge=1, le=_DEEPEST)
    k1: float = knob(RECALL_K1, "", "as bm25", ge=0, le=10)
    b: float = knob(RECALL_B, "", "as bm25", ge=0, le=1)


class PrefixRetriever(_Expanding):
    name: Name = knob("prefix", "", "names the retriever")
    type: Literal["prefix"] = "prefix"
    text: str = knob(..., "", "words that begin so", min_length=1, max_length=100)


class RegexRetriever(_Expanding):
    name: Name = knob("regex", "", "names the retriever")
    type: Literal["regex"] = "regex"
    pattern: str = knob(
        ...,
        "",
        "RE2 syntax, of one whole word in lower case; linear whatever the pattern",
        min_length=1,
        max_length=256,
    )


class FuzzyRetriever(_Expanding):
    name: Name = knob("fuzzy", "", "names the retriever")
    type: Literal["fuzzy"] = "fuzzy"
    text: str | None = knob(None, "", "the query's own words", min_length=1, max_length=2_000)
    distance: int = knob(1, "edits", "one slip of the keys; two make words of one another", ge=1, le=2)
    prefix: int = knob(1, "characters", "the first letter is rarely wrong, and it makes the search fast", ge=0, le=10)
    words: int = knob(16, "words", "for each word of the text", ge=1, le=MAX_WORDS)


class LikeRetriever(Model):
    model_config = ConfigDict(
        json_schema_extra={"oneOf": [holds(**{name: {"type": "string"}}) for name in ("id", "url", "text")]}
    )

    name: Name = knob("like", "", "names the retriever")
    type: Literal["like"] = "like"
    id: _Reference | None = knob(None, "", "pages like this document")
    url: _Reference | None = knob(None, "", "pages like the document at this URL")
    text: str | None = knob(None, "", "pages like this text", min_length=1, max_length=20_000)
    by: Literal["both", "words", "meaning"] = knob("both", "", "two lists, fused by rank")
    terms: int = knob(25, "terms", "the most telling by tf idf; more add noise", ge=1, le=100)
    k: int = knob(100, "documents", "as phrase", ge=1, le=_DEEPEST)

    @model_validator(mode="after")
    def one_of_three(self) -> LikeRetriever:
        if sum(given is not None for given in (self.id, self.url, self.text)) != 1:
            raise ValueError("give one of id, url and text")
        return self


class LinksRetriever(Model):
    name: Name = knob("links", "", "names the retriever")
    type: Literal["links"] = "links"
    of: _Reference = knob(..., "", "a document's id or URL")
    direction: Literal["in", "out"] = knob("in", "", "pages that link to it; out: pages it links to")
    k: int = knob(100, "documents", "the most authoritative first", ge=1, le=_DEEPEST)


class SiteListingRetriever(Model):
    name: Name = knob("listing", "", "names the retriever")
    type: Literal["site_listing"] = "site_listing"
    prefix: _Reference = knob(..., "", "URLs that begin so: a host, or a URL up to any point")
    order: Literal["authority", "url", "newest"] = knob("authority", "", "entry pages first")
    k: int = knob(100, "documents", "as links", ge=1, le=_DEEPEST)


class IdsRetriever(Model):
    name: Name = knob("ids", "", "names the retriever")
    type: Literal["ids"] = "ids"
    ids: tuple[_Reference, ...] = knob(..., "", "ids or URLs, best first: rank my list", min_length=1, max_length=1_000)
    k: int = knob(1_000, "documents", "all of them", ge=1, le=_DEEPEST)


class SessionRetriever(Model):
    name: Name = knob("earlier", "", "names the retriever")
    type: Literal["session"] = "session"
    calls: int | None = knob(None, "calls", "all that this reader was shown; n: in the last n calls", ge=1, le=500)
    k: int = knob(200, "documents", "the latest first", ge=1, le=_DEEPEST)


Retriever = Annotated[
    Bm25Retriever | DenseRetriever | PhraseRetriever | PrefixRetriever | RegexRetriever | FuzzyRetriever
    | LikeRetriever | LinksRetriever | SiteListingRetriever | IdsRetriever | SessionRetriever,
    Field(discriminator="type"),
]  # fmt: skip


def default_retrievers() -> tuple[Any, ...]:
    return (Bm25Retriever(), DenseRetriever())
