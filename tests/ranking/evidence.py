"""Evidence from plain texts, for tests: given small documents and a query, returns the Plan and Evidence that an index
would, by counting words with no index at all. Not fast, not stemmed: tokens match as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ranking.identity import number_of
from ranking.params import Params
from ranking.text import tokenize
from ranking.types import (
    FIELDS,
    CollectionStatistics,
    Evidence,
    Phrase,
    Plan,
    PlannedRetriever,
    PlannedTerm,
    Positions,
    Query,
    ScoredTerm,
    SeenDocument,
    SessionState,
    TermStatistics,
)

NOW = 1_700_000_000.0
DAY = 86_400.0


@dataclass(frozen=True)
class Page:
    """A document as these tests write it."""

    id: str
    title: str = ""
    body: str = ""
    heading: str = ""
    url: str = ""
    anchor: str = ""
    cosine: float = math.nan
    cosine_mean: float = math.nan
    site: str = "example.org"
    cluster: str = ""  # its own when empty
    content: str = ""  # content hash; of title and body when empty
    vector: tuple[float, ...] = ()
    ranks: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, float] = field(default_factory=dict)

    @property
    def content_hash(self) -> str:
        return self.content or f"{self.title}|{self.body}"

    @property
    def cluster_name(self) -> str:
        return self.cluster or f"cluster of {self.id}"


def tokens_of(page: Page, name: str) -> list[str]:
    return tokenize(getattr(page, name))


def idf(documents: int, df: int) -> float:
    """ln(1 + (N - df + 1/2) / (df + 1/2))."""
    return math.log(1.0 + (documents - df + 0.5) / (df + 0.5))


def build(
    pages: Sequence[Page],
    query: str,
    *,
    collection: Sequence[Page] | None = None,
    stop_words: Sequence[str] = (),
    phrases: Sequence[str] = (),
    boosts: Mapping[str, float] | None = None,
    fields: Mapping[str, tuple[str, ...]] | None = None,
    retrievers: Mapping[str, str] | None = None,
) -> tuple[Plan, Evidence]:
    """Plan and evidence of `pages` (the candidates, in the given order) out of `collection` (default: the same)."""
    known = list(collection if collection is not None else pages)
    terms = tuple(dict.fromkeys(tokenize(query)))
    planned = tuple(
        _planned(term, known, term in stop_words, (boosts or {}).get(term, 1.0), (fields or {}).get(term, ()))
        for term in terms
    )
    asked = Query(query, tuple(one.term for one in planned), _phrases(phrases), None, (), query)
    lengths = {name: _mean([len(tokens_of(page, name)) for page in known]) for name in FIELDS}
    statistics = CollectionStatistics("g1", len(known), len(known), lengths, "test", 2, {"en": len(known)}, 1)
    names = retrievers or {"lex": "bm25", "sem": "dense"}
    plan = Plan(
        query=asked,
        terms=planned,
        condition=None,
        retrievers=tuple(PlannedRetriever(name, kind, 100, {}) for name, kind in names.items()),
        vector=None,
        needs=frozenset({"lexical", "positions", "dense", "vectors", "attributes"}),
        minimum=10,
        statistics=statistics,
        postings=sum(one.statistics.df for one in planned),
    )
    return plan, _evidence(pages, terms, phrases, tuple(names))


def _planned(term: str, known: Sequence[Page], stop: bool, boost: float, fields: tuple[str, ...]) -> PlannedTerm:
    field_df = {name: sum(term in tokens_of(page, name) for page in known) for name in FIELDS}
    df = sum(any(term in tokens_of(page, name) for name in FIELDS) for page in known)
    statistics = TermStatistics(term, (term,), df, field_df, False)
    return PlannedTerm(ScoredTerm(term, boost, fields), statistics, idf(len(known), df), not stop, not stop)


def _phrases(phrases: Sequence[str]) -> tuple[Phrase, ...]:
    return tuple(Phrase(tuple(tokenize(phrase))) for phrase in phrases)


def _evidence(pages: Sequence[Page], terms: Sequence[str], phrases: Sequence[str], names: tuple[str, ...]) -> Evidence:
    size = len(pages)
    tf = np.zeros((len(FIELDS), len(terms), size), np.float32)
    dl = np.zeros((len(FIELDS), size), np.float32)
    offsets, hit_terms, hit_positions = [0], [], []
    for row, page in enumerate(pages):
        for index, name in enumerate(FIELDS):
            words = tokens_of(page, name)
            dl[index, row] = len(words)
            for place, term in enumerate(terms):
                tf[index, place, row] = words.count(term)
        for position, word in enumerate(tokens_of(page, "body")):
            if word in terms:
                hit_terms.append(list(terms).index(word))
                hit_positions.append(position)
        offsets.append(len(hit_terms))
    with_vectors = any(page.vector for page in pages)
    dimension = max((len(page.vector) for page in pages), default=0)
    vectors = np.array([page.vector or (0.0,) * dimension for page in pages], np.float32).reshape(size, dimension)
    return Evidence(
        generation="g1",
        ids=tuple(page.id for page in pages),
        rows=np.arange(size, dtype=np.int64),
        ranks={name: np.array([page.ranks.get(name, 0) for page in pages], np.int32) for name in names},
        tf=tf,
        dl=dl,
        cosine=np.array([page.cosine for page in pages], np.float32),
        cosine_mean=np.array([page.cosine_mean for page in pages], np.float32),
        attributes=_attributes(pages),
        phrases=np.array(
            [[_count(tokenize(phrase), page) for page in pages] for phrase in phrases], np.float32
        ).reshape(len(phrases), size),
        positions=Positions(
            np.array(offsets, np.int64), np.array(hit_terms, np.int32), np.array(hit_positions, np.int32)
        ),
        vectors=vectors if with_vectors else None,
        allowed=size,
    )


def _attributes(pages: Sequence[Page]) -> dict[str, Any]:
    floats = ("published", "modified", "fetched", "authority", "inlinks", "url_depth", "words", "quality", "passages")
    columns: dict[str, Any] = {
        name: np.array([page.attributes.get(name, math.nan) for page in pages], np.float64) for name in floats
    }
    columns["site"] = np.array([number_of(page.site) for page in pages], np.int64)
    columns["cluster"] = np.array([number_of(page.cluster_name) for page in pages], np.int64)
    columns["content"] = np.array([number_of(page.content_hash) for page in pages], np.int64)
    return columns


def _count(phrase: list[str], page: Page) -> int:
    words = [*tokens_of(page, "body"), "\x00", *tokens_of(page, "title")]
    return sum(words[start : start + len(phrase)] == phrase for start in range(len(words)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def seen(page: Page, *, seq: int = 1, rank: int = 1, calls_ago: int = 0, passages: Sequence[int] = ()) -> SeenDocument:
    """A record of showing this page as it is."""
    return SeenDocument(page.id, seq, rank, calls_ago, page.content_hash, page.cluster_name, frozenset(passages))


def session_of(*records: SeenDocument, **more: Any) -> SessionState:
    """The state of a reader who was shown these."""
    return SessionState(
        seen={record.document: record for record in records},
        clusters={record.cluster: record.document for record in records},
        snapshot_seq=max((record.seq for record in records), default=0),
        calls=1,
        **more,
    )


def params(**fields: Any) -> Params:
    """Params without the cap of results per site, which most small fixtures do not mean, unless `diversify` says so."""
    fields.setdefault("diversify", {"max_per_site": None})
    return Params.model_validate(fields)
