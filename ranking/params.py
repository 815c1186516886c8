"""Every knob of a search, once: given a request's fields, returns validated Params with every default.

The pydantic models are the single source of the HTTP schema, the docs table (docs/params.md) and `resolved`.
Each field says its unit and the reason of its default. Unset is not null: precedence between layers
(defaults < profile < request) counts only `model_fields_set`. Not for constants of formulas: see constants.py.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, field_validator, model_validator

MAX_QUERY_CHARACTERS = 8_000
"""Longest query text (contract)."""

MAX_WEIGHT = 1_000.0
"""Weights live in [-1000, 1000]: signals are in [0, 1], so more would only lose float precision."""

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")]
Weight = Annotated[float, Field(ge=-MAX_WEIGHT, le=MAX_WEIGHT, allow_inf_nan=False)]


def knob(default: Any, unit: str, reason: str, **limits: Any) -> Any:
    """A field whose unit and reason go into the generated table."""
    extra: dict[str, Any] = {"unit": unit, "reason": reason}
    if callable(default):
        return Field(default_factory=default, description=reason, json_schema_extra=extra, **limits)
    return Field(default=default, description=reason, json_schema_extra=extra, **limits)


class Model(BaseModel):
    """Frozen; an unknown key is an error with the nearest known name (the door words it)."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, validate_default=False)


class FilterParams(Model):
    include_sites: tuple[str, ...] = knob(
        (), "hosts", "only these hosts with their subdomains; a /path may follow", max_length=500
    )
    exclude_sites: tuple[str, ...] = knob((), "hosts", "never these hosts", max_length=500)
    after: str | None = knob(None, "date", "published or modified at or after this date")
    before: str | None = knob(None, "date", "published or modified before this date")
    languages: tuple[str, ...] = knob((), "ISO 639-1", "only these languages", max_length=100)
    filetypes: tuple[str, ...] = knob((), "extensions", "only these kinds of file", max_length=100)
    url_prefixes: tuple[str, ...] = knob((), "URLs", "only URLs that begin so", max_length=500)
    metadata: dict[str, Any] = knob(dict, "values", "metadata field: a value, a list of values, or {gte, gt, lte, lt}")


class FeedbackExpansion(Model):
    docs: int = knob(0, "documents", "pseudo-relevance feedback is off: it rewrites the query", ge=0, le=100)
    terms: int = knob(0, "terms", "as docs", ge=0, le=100)


class ExpandParams(Model):
    stem: StrictBool = knob(True, "", "plain words match by their stem; quoted ones never do")
    synonyms: dict[str, tuple[str, ...]] = knob(dict, "words", "none is known better than the caller's own")
    fuzzy: int = knob(0, "edits", "off: it rewrites the query", ge=0, le=2)
    feedback: FeedbackExpansion = knob(FeedbackExpansion, "", "off")


class TermBudget(Model):
    max_df: float = knob(
        0.25,
        "share of documents",
        "recall drops commoner terms: top 10 kept in 97-100 % at a quarter of the cost",
        gt=0,
        le=1,
    )
    max_postings: int | None = knob(None, "postings", "no cap beyond max_df", ge=1)
    min_keep: int = knob(3, "terms", "recall never drops below so many", ge=1, le=1_000)


class Bm25Retriever(Model):
    name: Name = knob("lex", "", "names the retriever in found_by and fuse.weights")
    type: Literal["bm25"] = "bm25"
    fields: dict[Literal["title", "heading", "body", "url", "anchor"], Weight] = knob(
        lambda: dict(FIELD_WEIGHTS), "weight", "see FIELD_WEIGHTS", min_length=1
    )
    k: int = knob(
        300, "documents", "with full rescoring holds the exact top 10 in 97-100 % of long queries", ge=1, le=10_000
    )
    k1: float = knob(1.2, "", "Robertson and Zaragoza 2009; what tantivy recalls with", ge=0, le=10)
    b: float = knob(0.75, "", "as k1", ge=0, le=1)
    terms: TermBudget = knob(TermBudget, "", "see its rows")


class DenseRetriever(Model):
    name: Name = knob("sem", "", "names the retriever")
    type: Literal["dense"] = "dense"
    k: int = knob(200, "passages", "depth where the measured hybrid stops gaining", ge=1, le=10_000)
    exact: StrictBool = knob(False, "", "approximate search finds 0.99 of the exact top 10")
    vector: tuple[float, ...] | None = knob(
        None, "", "the query is embedded here unless a vector is sent", max_length=8_192
    )


Retriever = Annotated[Bm25Retriever | DenseRetriever, Field(discriminator="type")]

FIELD_WEIGHTS: dict[str, float] = {"title": 3.0, "body": 1.0}
"""Start of the search for better ones; eval replaces the numbers."""


class FuseParams(Model):
    method: Literal["linear", "rrf"] = knob("linear", "", "theoretical scales beat RRF on 5 of 6 dev sets")
    normalize: Literal["theoretical", "none"] = knob("theoretical", "", "scores stay comparable between queries")
    k: int = knob(60, "ranks", "Cormack, Clarke, Buettcher 2009", ge=1, le=10_000)
    weights: dict[Name, Weight] | None = knob(None, "weight", "every retriever counts 1")


class DiversifyParams(Model):
    method: Literal["none", "mmr"] = knob("none", "", "relevance first; MMR is a request away")
    lambda_: float = Field(
        default=0.7,
        ge=0,
        le=1,
        alias="lambda",
        description="Carbonell and Goldstein 1998; 1 is relevance alone",
        json_schema_extra={"unit": "", "reason": "Carbonell and Goldstein 1998; 1 is relevance alone"},
    )
    max_per_site: int | None = knob(3, "results", "one site must not own the page while others match", ge=1, le=100)
    max_per: dict[Name, Annotated[int, Field(ge=1, le=100)]] = knob(dict, "results", "no other field is capped")


class StopParams(Model):
    min_new: int = knob(0, "documents", "never advises to stop", ge=0, le=100)
    min_gain: float = knob(0.0, "score", "never advises to stop", ge=0, le=1)


class SessionParams(Model):
    record: StrictBool = knob(True, "", "a session that forgets is no session; false is the stateless call")
    seen: Literal["demote", "new_passages", "drop", "off"] = knob(
        "demote", "", "hiding costs 11 to 33 points of evidence recall with a reader who misses things"
    )
    demote: float = knob(
        0.7, "factor", "on (score - last candidate's): +2 to +8 points with stubs, in every measured cell", ge=0, le=1
    )
    decay_calls: int = knob(6, "calls", "half of the demotion is gone after so many calls", ge=1, le=500)
    use_profile: StrictBool = knob(True, "", "goal terms: +3 to +6 points on real agent queries")
    goal_weight: float = knob(
        0.2, "weight", "capped: after an unnoticed topic switch 0.3 is free, 0.6 costs 2-3 points", ge=0, le=0.3
    )
    feedback_weight: float = knob(0.2, "weight", "as goal_weight", ge=0, le=0.3)
    prefetch: StrictBool = knob(True, "", "warms pools on idle workers only")
    follow_ups: StrictBool = knob(True, "", "at most three")
    overlap: Literal["stub", "allow", "partition"] = knob(
        "stub", "", "how a batch shares documents between its queries"
    )
    on_repeat: Literal["replay", "continue"] = knob("replay", "", "the same request within 120 s is a retry")
    stop: StopParams = knob(StopParams, "", "advice is opt-in")


class ContentParams(Model):
    passages: int = knob(2, "passages", "enough to judge a page by", ge=0, le=50)
    max_chars_per_result: int | None = knob(1_200, "characters", "about 300 tokens a result", ge=1, le=1_000_000)
    max_chars_total: int | None = knob(None, "characters", "no cap", ge=1, le=10_000_000)
    max_tokens_total: int | None = knob(
        None, "tokens", "no cap; a token is counted as 4 characters", ge=1, le=2_500_000
    )
    fields: tuple[Name, ...] = knob((), "names", "metadata fields to return with each result", max_length=100)


class BudgetParams(Model):
    ms: float | None = knob(None, "ms", "no deadline", gt=0, le=600_000, allow_inf_nan=False)
    postings: int | None = knob(None, "postings", "no cap", ge=1)
    on_exceed: Literal["degrade", "fail"] = knob("degrade", "", "a cheaper answer that says so beats none")


def default_retrievers() -> tuple[Bm25Retriever | DenseRetriever, ...]:
    return (Bm25Retriever(), DenseRetriever())


class Params(Model):
    """All of a search request but its text, place and session identity."""

    max_results: int = knob(10, "results", "a page an agent reads whole", ge=1, le=100)
    precision: Literal["fast", "balanced", "exact"] = knob(
        "balanced", "", "approximate vectors and a term budget; exact turns both off"
    )
    weights: dict[Name | Literal["*"], Weight] = knob(
        dict, "weight", "per signal; merged over the defaults, * sets all that are not named"
    )
    filters: FilterParams = knob(FilterParams, "", "none")
    rules: tuple[dict[str, Any], ...] = knob((), "", "none", max_length=1_000)
    expand: ExpandParams = knob(ExpandParams, "", "see its rows")
    retrieve: tuple[Retriever, ...] = knob(default_retrievers, "", "lexical and dense", min_length=1, max_length=16)
    fuse: FuseParams = knob(FuseParams, "", "see its rows")
    score: str | None = knob(None, "", "the plain sum of weight x signal", max_length=4_000)
    rerank: tuple[dict[str, Any], ...] = knob((), "", "none", max_length=8)
    diversify: DiversifyParams = knob(DiversifyParams, "", "see its rows")
    session: SessionParams = knob(SessionParams, "", "see its rows")
    content: ContentParams = knob(ContentParams, "", "see its rows")
    facets: tuple[Name, ...] = knob((), "names", "none", max_length=20)
    effort: Literal["probe", "standard"] = knob("standard", "", "a full search")
    explain: StrictBool = knob(False, "", "signals, contributions and stages cost bytes: ask for them")
    budget: BudgetParams = knob(BudgetParams, "", "see its rows")

    @field_validator("retrieve")
    @classmethod
    def names_are_unique(
        cls, value: tuple[Bm25Retriever | DenseRetriever, ...]
    ) -> tuple[Bm25Retriever | DenseRetriever, ...]:
        names = [retriever.name for retriever in value]
        if len(set(names)) < len(names):
            raise ValueError(f"retriever names must differ, got {names}")
        return value

    @model_validator(mode="after")
    def vectors_are_finite(self) -> Params:
        for retriever in self.retrieve:
            vector = retriever.vector if isinstance(retriever, DenseRetriever) else None
            if vector is not None and not (vector and all(map(math.isfinite, vector))):
                raise ValueError("a query vector must be non-empty and finite")
        return self
