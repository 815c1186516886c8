"""The nouns of Forage: given nothing, names everything that the other parts pass to each other.

Frozen, slotted dataclasses; arrays are numpy and must not be written to. Not for behaviour: a noun
here has at most a derived property. The nouns of what was asked stand in query_types.py and are named here
too, those of sessions in session_types.py. Shapes: n candidates, T query terms, F fields, d dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ranking.query_types import All as All
from ranking.query_types import Any_ as Any_
from ranking.query_types import Filter as Filter
from ranking.query_types import FilterKind as FilterKind
from ranking.query_types import Node as Node
from ranking.query_types import Not as Not
from ranking.query_types import Notice as Notice
from ranking.query_types import Operator as Operator
from ranking.query_types import Phrase as Phrase
from ranking.query_types import Prefix as Prefix
from ranking.query_types import Query as Query
from ranking.query_types import ScoredTerm as ScoredTerm
from ranking.query_types import Term as Term
from ranking.session_types import FeedbackMark as FeedbackMark
from ranking.session_types import Influence as Influence
from ranking.session_types import SeenDocument as SeenDocument
from ranking.session_types import SessionState as SessionState
from ranking.session_types import ShownClusters as ShownClusters
from ranking.session_types import ShownDocuments as ShownDocuments

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Hashes = NDArray[np.uint64]
Mask = NDArray[np.bool_]

FIELDS: Final = ("title", "heading", "body", "url", "anchor")
"""The lexical fields, in the order of every array with an F axis."""

META_PREFIX: Final = "meta."
"""Before a metadata field in the name of a label or a signal."""

# ---------------------------------------------------------------- what is indexed


@dataclass(frozen=True, slots=True)
class Link:
    """An outgoing link: absolute target URL and the text it was given."""

    url: str
    text: str = ""
    nofollow: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a page. `text` is Markdown; dates are YYYY, YYYY-MM, YYYY-MM-DD or RFC 3339."""

    id: str
    url: str
    title: str
    text: str
    site: str = ""  # host, lower case, without port
    language: str | None = None  # ISO 639-1
    author: str | None = None
    published_at: str | None = None
    modified_at: str | None = None
    fetched_at: str | None = None
    filetype: str = "html"  # html | txt | md | pdf | ...
    content_hash: str = ""  # of title and text: equal hash, equal content
    links: tuple[Link, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of a document's text, the unit that carries a vector; id is `document#ordinal`."""

    document: str
    ordinal: int
    text: str
    heading: str = ""  # the headings above it, joined with " > "
    start: int = 0  # character offsets into Document.text
    end: int = 0

    @property
    def id(self) -> str:
        return f"{self.document}#{self.ordinal}"


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the index gives it back, with what the index itself knows of it."""

    document: Document  # `text` is "" unless it was asked for
    passages: int  # how many it has
    words: int
    inlinks: int
    authority: float  # [0, 1]: see the signal of that name
    cluster: str  # near-duplicates share it
    quality: float = 0.0


# ---------------------------------------------------------------- what the index knows


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    """Sizes of one generation."""

    generation: str
    documents: int
    passages: int
    average_length: Mapping[str, float]  # tokens, by field, over all documents
    embedder: str | None  # id of the model behind the vectors; None: no vectors
    dimension: int
    languages: Mapping[str, int]
    sites: int
    newest: float | None = None  # epoch seconds of the newest known date


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """df of one query token. `forms`: the index forms (surface tokens or stems) that count as it."""

    token: str
    forms: tuple[str, ...]
    df: int  # documents with it in any field
    field_df: Mapping[str, int]
    exact: bool  # forms are surface tokens


@dataclass(frozen=True, slots=True)
class PlannedTerm:
    """A term with the decision on it. `kept`: it takes part in recall; every term takes part in scoring
    unless `scored` is False (a stop word beside other words)."""

    term: ScoredTerm
    statistics: TermStatistics
    idf: float
    kept: bool = True
    scored: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class VocabularyWord:
    """A word that documents hold, as it is written there."""

    token: str
    df: int  # documents with it in any field
    distance: int = 0  # edits away from what was asked for


@dataclass(frozen=True, slots=True)
class WordGroup:
    """Words that count as one: their frequencies add up, and they weigh what `idf` x `boost` says."""

    words: tuple[TermStatistics, ...]
    idf: float
    boost: float = 1.0


@dataclass(frozen=True, slots=True)
class PlannedRetriever:
    """One retriever with its depth. `parameters` by type:

    bm25          the request's own: fields, k1, b, terms; reads Plan.terms
    dense         exact; vector: [d] or None for Plan.vector
    phrase        phrase: Phrase without a field; fields
    prefix, regex, fuzzy, words    groups: tuple[WordGroup, ...]; fields, k1, b
    like          groups, fields, k1, b; vector: [d] or None; itself: id or None, which is left out
    links         of: id or URL; direction: in | out
    site_listing  node: Filter; order: authority | url | newest
    ids           ids: tuple of ids, best first
    """

    name: str
    type: str
    k: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the index is asked for. Carries no weight: an index returns evidence, never a score."""

    query: Query
    terms: tuple[PlannedTerm, ...]
    condition: Node | None  # filters of the request and of the query text together
    retrievers: tuple[PlannedRetriever, ...]
    vector: Floats | None  # [d], unit length
    needs: frozenset[str]  # of: lexical, positions, dense, dense_mean, vectors, attributes
    minimum: int  # return at least so many documents when so many satisfy the condition
    statistics: CollectionStatistics
    postings: int  # predicted cost of lexical recall
    stem: bool = True  # Term nodes of the condition match by stem, as the scored terms that are not exact do
    probes: tuple[Node, ...] = ()  # conditions whose truth of each candidate is wanted: Evidence.probes
    numbers: tuple[str, ...] = ()  # metadata fields whose number of each candidate is wanted: Evidence.numbers
    labels: tuple[str, ...] = ()  # fields whose value of each candidate is wanted: Evidence.labels
    number_scales: Mapping[str, Doubles] = field(default_factory=dict)
    """By metadata field of `numbers`: [101] its quantiles over the collection, ascending; absent without numbers."""
    also: Node | None = None  # up to ALSO_RECALLED documents that satisfy it and the condition are candidates too
    include: tuple[str, ...] = ()  # and these, where they satisfy the condition; rank 0 in every retriever


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the trace; `came` in, `went` out."""

    name: str
    ms: float
    came: int = 0
    went: int = 0
    postings: int | None = None


@dataclass(frozen=True, slots=True)
class Positions:
    """Body hits of the query's terms in document order: row i owns [offsets[i], offsets[i+1])."""

    offsets: Longs  # [n+1]
    term: Ints  # index into Plan.terms
    position: Ints  # token position in the body


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the index knows of n candidate documents; row i of every array is candidate i.

    `rows` are the index's own numbers. `ranks[name][i]` is 1 for a retriever's best, 0 for not found.
    `attributes` holds float64 columns: published, modified, fetched (epoch seconds, NaN unknown), authority,
    inlinks, url_depth, words, quality, passages (how many); and int64 columns site, cluster, content, which are
    `ranking.identity.number_of` of Document.site, StoredDocument.cluster and Document.content_hash.
    `phrases[p, i]`: how often Query.phrases[p] occurs (body or title), when there are phrases.
    """

    generation: str
    ids: tuple[str, ...]
    rows: Longs
    ranks: Mapping[str, Ints]
    tf: Floats  # [F, T, n]; an all-zero F row for a field that is not indexed
    dl: Floats  # [F, n] tokens
    cosine: Floats  # [n] best passage; NaN without vectors
    cosine_mean: Floats  # [n] mean of the best three; NaN unless Plan.needs has dense_mean
    attributes: Mapping[str, NDArray[Any]]
    phrases: Floats  # [P, n]
    positions: Positions | None = None
    vectors: Floats | None = None  # [n, d] of the best passage
    operator_matches: tuple[int, ...] = ()  # per Query.operators: documents that it matches alone, -1 unknown
    allowed: int = 0  # documents that satisfy the condition
    stages: tuple[Stage, ...] = ()
    degraded: tuple[str, ...] = ()
    floors: Mapping[str, float] = field(default_factory=dict)
    """By bm25 retriever: no allowed document outside its list has a greater sum over its fields of weight x BM25
    (k1 1.2, b 0.75) of the kept terms. Absent: unknown. Needed for `query.exact` when the list is full."""
    scores: Mapping[str, Doubles] = field(default_factory=dict)
    """By retriever other than the first bm25 and a dense one of Plan.vector: [n] in [0, 1] on the retriever's own
    fixed scale, NaN where it did not find the candidate. Absent: its list has an order and no scores.

    bm25          BM25 / sum idf boost (k1+1) / sum of |field weights|
    dense         (1 + cos)/2
    phrase        x/(1+x), x the count weighted by field
    prefix, regex, fuzzy, words    as bm25, over groups
    like          reciprocal ranks, over what the first of every list gets
    """
    probes: Mask | None = None  # [Plan.probes, n]
    numbers: Mapping[str, Doubles] = field(default_factory=dict)  # by metadata field: [n], NaN without a number
    labels: Mapping[str, Longs] = field(default_factory=dict)  # by field: [n] equal where the value is, -1 without one

    @property
    def size(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class PassageEvidence:
    """The passages of one document under one plan, by ordinal."""

    document: str
    ordinals: Ints  # [m]
    cosine: Floats  # [m]; NaN without vectors
    bm25: Floats  # [m] in [0, 1], theoretical scale


# ---------------------------------------------------------------- what comes out


@dataclass(frozen=True, slots=True)
class SeenMark:
    """How the session saw a result before: the first showing, and other readers who were shown it."""

    seq: int
    rank: int
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its score and the account of it: `contributions` sum to `score`."""

    id: str
    row: int  # row of Evidence
    score: float
    stateless_rank: int  # 1-based rank before anything a session did
    signals: Mapping[str, float]
    signals_missing: tuple[str, ...]
    contributions: Mapping[str, float]
    moves: tuple[str, ...] = ()
    seen: SeenMark | None = None
    updated: bool = False  # seen, but its content changed since


@dataclass(frozen=True, slots=True)
class Stub:
    """A seen document that would have made the page."""

    id: str
    shown_at: int
    rank_now: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order, best first. `page` is what to show; `scored` the head of the list by (-score, id)."""

    page: tuple[Scored, ...]
    scored: tuple[Scored, ...]
    stubs: tuple[Stub, ...] = ()
    exact: bool | None = None
    exhausted: bool = False
    unseen: int = 0  # unseen candidates recalled
    named: tuple[str, ...] = ()  # ids on the page that are there because the reader was shown their names
    brought: frozenset[str] = frozenset()  # those of them that no retriever found: `row` is of their own evidence
    notices: tuple[Notice, ...] = ()
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """A passage as it goes into the answer."""

    passage: Passage
    score: float
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What one event records of one result; enough to fold `seen` and to read the session back."""

    document: str
    url: str
    title: str
    rank: int
    score: float
    content_hash: str
    cluster: str
    passages: tuple[int, ...] = ()
    shingles: tuple[int, ...] = ()
