"""Every knob of a search, once: given a request's fields, returns validated Params with every default.

The pydantic models are the single source of the HTTP schema, the docs table (docs/params.md) and `resolved`.
Each field says its unit and the reason of its default. Unset is not null: precedence between layers
(defaults < profile < request) counts only `model_fields_set`. Not for constants of formulas: see constants.py.
"""

from __future__ import annotations

from itertools import chain, count
from typing import Annotated, Literal

from pydantic import Field, StrictBool, field_validator

from ranking.constants import (
    DENSE_CEILING,
    DENSE_DECAY,
    DENSE_FLOOR,
    MAX_READ_AGAIN,
    MAX_RULES,
    MAX_SYNONYM_CHARACTERS,
    MAX_SYNONYMS,
    MAX_VALUE_CHARACTERS,
)
from ranking.knobs import MAX_WEIGHT as MAX_WEIGHT
from ranking.knobs import Fields
from ranking.knobs import Model as Model
from ranking.knobs import Name as Name
from ranking.knobs import Weight as Weight
from ranking.knobs import knob as knob
from ranking.rerank_params import RerankStage, TreesStage
from ranking.retriever_params import FIELD_WEIGHTS as FIELD_WEIGHTS
from ranking.retriever_params import MAX_POSTINGS as MAX_POSTINGS
from ranking.retriever_params import Bm25Retriever as Bm25Retriever
from ranking.retriever_params import DenseRetriever as DenseRetriever
from ranking.retriever_params import Retriever as Retriever
from ranking.retriever_params import TermBudget as TermBudget
from ranking.retriever_params import default_retrievers as default_retrievers
from ranking.rule_models import Rule

MAX_QUERY_CHARACTERS = 8_000
"""Longest query text (contract)."""

_Value = Annotated[str, Field(max_length=MAX_VALUE_CHARACTERS)]
_Date = Annotated[str, Field(max_length=64)]
_Word = Annotated[str, Field(max_length=MAX_SYNONYM_CHARACTERS)]
_Synonyms = Annotated[tuple[_Word, ...], Field(max_length=MAX_SYNONYMS)]


class FilterParams(Model):
    include_sites: tuple[_Value, ...] = knob(
        (), "hosts", "only these hosts with their subdomains; a /path may follow", max_length=500
    )
    exclude_sites: tuple[_Value, ...] = knob((), "hosts", "never these hosts", max_length=500)
    after: _Date | None = knob(None, "date", "published or modified at or after this date")
    before: _Date | None = knob(None, "date", "published or modified before this date")
    languages: tuple[_Value, ...] = knob((), "ISO 639-1", "only these languages", max_length=100)
    filetypes: tuple[_Value, ...] = knob((), "extensions", "only these kinds of file", max_length=100)
    url_prefixes: tuple[_Value, ...] = knob((), "URLs", "only URLs that begin so", max_length=500)
    metadata: Fields = knob(dict, "values", "metadata field: a value, a list of values, or {gte, gt, lte, lt}")


class FeedbackExpansion(Model):
    docs: int = knob(0, "documents", "pseudo-relevance feedback is off: it rewrites the query", ge=0, le=100)
    terms: int = knob(0, "terms", "RM3: as docs; 10 to 30 are usual", ge=0, le=100)
    weight: float = knob(0.5, "share", "RM3: share of the added terms in the query, as Anserini has it", ge=0, le=1)
    dense: float = knob(
        0.0, "weight", "Rocchio: the mean vector of the documents, beside 1 of the query's; off", ge=0, le=10
    )


class ExpandParams(Model):
    stem: StrictBool = knob(True, "", "plain words match by their stem; quoted ones never do")
    synonyms: dict[_Word, _Synonyms] = knob(
        dict, "words", "none is known better than the caller's own; word -> words that count as it", max_length=1_000
    )
    collection_synonyms: StrictBool = knob(False, "", "the collection's own synonyms.txt; off: it rewrites the query")
    fuzzy: int = knob(0, "edits", "off: it rewrites the query", ge=0, le=2)
    prefix: StrictBool = knob(False, "", "plain words match longer words that begin so; off: it rewrites the query")
    weight: float = knob(0.5, "factor", "an added word counts half of what it was added for", gt=0, le=10)
    feedback: FeedbackExpansion = knob(FeedbackExpansion, "", "off")


class BalanceParams(Model):
    """The default weight of dense: max(floor, ceiling x u^decay x exp(-c)); u and c are what the query says of this
    collection (balance.py)."""

    ceiling: float = knob(
        DENSE_CEILING,
        "weight",
        "for a query that says just enough to single out a document; 8 to 16 are within half a point",
        ge=0,
        le=MAX_WEIGHT,
    )
    decay: float = knob(
        DENSE_DECAY,
        "",
        "power of ln N / sum idf: 1 for the scale of normalised bm25, a half for the averaging of its terms; 0: none",
        ge=0,
        le=10,
    )
    floor: float = knob(
        DENSE_FLOOR, "weight", "what one bare word gets; from the ceiling on it is a fixed weight", ge=0, le=MAX_WEIGHT
    )


class FuseParams(Model):
    method: Literal["linear", "rrf", "combmnz", "max"] = knob(
        "linear", "", "theoretical scales beat RRF on 5 of 6 dev sets"
    )
    normalize: Literal["theoretical", "minmax", "zscore", "l2", "rank", "none"] = knob(
        "theoretical", "", "scores stay comparable between queries; rrf has ranks and needs none"
    )
    k: int = knob(60, "ranks", "Cormack, Clarke, Buettcher 2009", ge=1, le=10_000)
    weights: dict[Name, Weight] | None = knob(None, "weight", "every retriever counts 1")
    balance: BalanceParams = knob(
        BalanceParams, "", "weighs dense where the request does not and fuses plainly; see ADR 10"
    )


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
    max_per: dict[Name, Annotated[int, Field(ge=1, le=100)]] = knob(
        dict,
        "results",
        "no other field is capped; site, domain, language, filetype, author, cluster or meta.<field>",
        max_length=20,
    )
    collapse: StrictBool = knob(
        False, "", "one page of each cluster of near-duplicates; the session counts them as one"
    )
    relevance: str | None = knob(None, "", "MMR weighs the score; or the signal that is named", max_length=100)


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
    cited: float = knob(
        0.0,
        "factor",
        "as demote, and for good, on pages that were cited and were shown whole: nothing of them is new",
        ge=0,
        le=1,
    )
    decay_calls: int = knob(6, "calls", "half of the demotion is gone after so many calls", ge=1, le=500)
    fill: StrictBool = knob(
        True,
        "",
        "the next best take the places of seen pages; false leaves them empty, which is worth more where tokens are few",
    )
    stubs: int = knob(
        200, "stubs", "all: of seen pages and of a batch's; where pages are short they are a third of it", ge=0, le=200
    )
    use_profile: StrictBool = knob(True, "", "goal terms: +3 to +6 points on real agent queries")
    goal_weight: float = knob(
        0.2, "weight", "capped: after an unnoticed topic switch 0.3 is free, 0.6 costs 2-3 points", ge=0, le=0.3
    )
    feedback_weight: float = knob(0.2, "weight", "as goal_weight", ge=0, le=0.3)
    previous_weight: float = knob(
        0.0,
        "weight",
        "as goal_weight, of the query before: conversations gain by it, questions of several hops do not",
        ge=0,
        le=1,
    )
    named: float = knob(
        0.2,
        "share of a page",
        "last places for pages that shown passages name: docs/adr/0018 has the figures",
        ge=0,
        le=0.5,
    )
    prefetch: StrictBool = knob(True, "", "warms pools on idle workers only")
    reuse: Literal["off", "exact", "near"] = knob(
        "exact",
        "",
        "the same bytes, sooner; near borrows a like query's candidates and says so: a tenth of a page differs",
    )
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
    postings: int | None = knob(None, "postings", "no cap", ge=1, le=MAX_POSTINGS)
    on_exceed: Literal["degrade", "fail"] = knob("degrade", "", "a cheaper answer that says so beats none")


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
    rules: tuple[Rule | str, ...] = knob((), "", "none; a text is a Goggle as it is", max_length=MAX_RULES)
    expand: ExpandParams = knob(ExpandParams, "", "see its rows")
    retrieve: tuple[Retriever, ...] = knob(default_retrievers, "", "lexical and dense", min_length=1, max_length=16)
    fuse: FuseParams = knob(FuseParams, "", "see its rows")
    score: str | None = knob(None, "", "the plain sum of weight x signal", max_length=4_000)
    rerank: tuple[RerankStage, ...] = knob(
        (), "", "none: slow, and no model is better on every collection", max_length=8
    )
    diversify: DiversifyParams = knob(DiversifyParams, "", "see its rows")
    session: SessionParams = knob(SessionParams, "", "see its rows")
    content: ContentParams = knob(ContentParams, "", "see its rows")
    facets: tuple[Name, ...] = knob((), "names", "none", max_length=20)
    effort: Literal["probe", "standard"] = knob("standard", "", "a full search")
    explain: StrictBool = knob(False, "", "signals, contributions and stages cost bytes: ask for them")
    budget: BudgetParams = knob(BudgetParams, "", "see its rows")

    @field_validator("retrieve")
    @classmethod
    def names_are_unique(cls, value: tuple[Retriever, ...]) -> tuple[Retriever, ...]:
        """The second that was given no name is `lex2`: only names that were given must differ."""
        taken = [retriever.name for retriever in value if "name" in retriever.model_fields_set]
        if len(set(taken)) < len(taken):
            raise ValueError(f"retriever names must differ, got {taken}")
        named = []
        for retriever in value:
            if "name" not in retriever.model_fields_set:
                tried = (f"{retriever.name}{number}" for number in count(2))
                name = next(name for name in chain((retriever.name,), tried) if name not in taken)
                retriever = retriever if name == retriever.name else retriever.model_copy(update={"name": name})
                taken.append(name)
            named.append(retriever)
        return tuple(named)

    @field_validator("rerank")
    @classmethod
    def models_read_within_bounds(cls, value: tuple[RerankStage, ...]) -> tuple[RerankStage, ...]:
        depth = sum(stage.depth for stage in value if not isinstance(stage, TreesStage))
        if depth > MAX_READ_AGAIN:
            raise ValueError(
                f"the stages read {depth:,} documents with a model, at most {MAX_READ_AGAIN:,} together can be: "
                "lower their depth"
            )
        return value
