"""The requests that open the engine: explain, similar, terms, recall. They build on the models of api/requests.py."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from api.requests import Address, DocumentId, Identifier, SearchRequest
from ranking.knobs import holds
from ranking.params import MAX_QUERY_CHARACTERS, FilterParams, Model
from ranking.query import NOT_BLANK

Text = Annotated[str, Field(max_length=MAX_QUERY_CHARACTERS)]


class ExplainRequest(SearchRequest):
    """`POST /v1/explain`: a search request, and the document to explain."""

    document: DocumentId = Field(description="id or URL of the document, in the results or not")
    target_rank: int | None = Field(
        None,
        ge=1,
        le=1_000,
        description="what would have to change for this rank; null: one place up, at most the page",
    )


class SimilarRequest(Model):
    """`POST /v1/similar`: documents like one of these."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [holds(**{name: {"type": "string"}}) for name in ("id", "url", "text")]}
    )

    id: DocumentId | None = Field(None, description="a document's id")
    url: Address | None = Field(None, description="a document's URL")
    text: str | None = Field(None, min_length=1, max_length=20_000, description="any text")
    collection: Identifier = "default"
    generation: Identifier | None = None
    by: Literal["both", "words", "meaning"] = Field("both", description="telling words, vectors, or both fused by rank")
    max_results: int = Field(10, ge=1, le=100)
    filters: FilterParams = Field(default_factory=FilterParams)
    max_per_site: int | None = Field(None, ge=1, le=100, description="no cap: a page's like are often its neighbours")
    explain: bool = False

    @model_validator(mode="after")
    def one_of_three(self) -> SimilarRequest:
        if sum(given is not None for given in (self.id, self.url, self.text)) != 1:
            raise ValueError('give one of id, url and text, for example {"url": "https://..."}')
        return self


class TermsRequest(Model):
    """`POST /v1/terms`: what the collection knows of words."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                holds(terms={"contains": {"type": "string", "pattern": NOT_BLANK}}),
                holds(query={"type": "string", "pattern": NOT_BLANK}),
            ]
        }
    )

    terms: tuple[Text, ...] = Field((), max_length=100, description="words; or leave it out and send query")
    query: str | None = Field(None, max_length=MAX_QUERY_CHARACTERS, description="its words are looked up")
    collection: Identifier = "default"
    generation: Identifier | None = None
    stem: bool = True
    expansions: int = Field(10, ge=0, le=100, description="words that begin so, and words one edit away, of each")
    related: int = Field(10, ge=0, le=50, description="words that occur with it, and those nearest to it in meaning")

    @model_validator(mode="after")
    def names_something(self) -> TermsRequest:
        if not any(re.search(NOT_BLANK, text) for text in (*self.terms, self.query or "")):
            raise ValueError('give terms or a query, for example {"terms": ["asyncio"]}')
        return self


class RecallRequest(Model):
    """`POST /v1/recall`: how much the approximate search finds of the exact one, on sampled or given queries."""

    queries: tuple[Annotated[Text, Field(json_schema_extra={"pattern": NOT_BLANK})], ...] = Field(
        (), max_length=200, description="empty: titles of the collection, the same each time"
    )
    num: int = Field(20, ge=1, le=200, description="how many titles, when no queries are given")
    k: int = Field(10, ge=1, le=100, description="depth at which lists are compared")
    collection: Identifier = "default"
    generation: Identifier | None = None
    filters: FilterParams = Field(default_factory=FilterParams)
    max_df: float = Field(0.25, gt=0, le=1, description="the term budget that is compared with full evaluation")
    candidates: int = Field(300, ge=1, le=10_000, description="depth of lexical recall before rescoring")
