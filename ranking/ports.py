"""What the engine asks of the world: small Protocols, each with one contract suite in tests/contract.

Not for implementations. No method takes a weight: evidence goes in one direction, scores are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ranking.types import (
    CollectionStatistics,
    Document,
    Doubles,
    Evidence,
    Floats,
    Node,
    Passage,
    PassageEvidence,
    Plan,
    StoredDocument,
    TermStatistics,
    VocabularyWord,
)


class SearchIndex(Protocol):
    """One immutable generation, open for reading by any number of threads."""

    @property
    def statistics(self) -> CollectionStatistics:
        """Sizes; `statistics.generation` names the generation."""
        ...

    def term_statistics(self, tokens: Sequence[tuple[str, bool]], *, stem: bool) -> tuple[TermStatistics, ...]:
        """df of each (token, exact). With `stem`, tokens that are not exact match by their stem."""
        ...

    def count(self, node: Node | None) -> int:
        """How many documents satisfy the node (None: all). Exact."""
        ...

    def vocabulary(self, kind: str, text: str, *, limit: int, distance: int = 1) -> tuple[VocabularyWord, ...]:
        """Words of the collection (folded, as written there) that fit: `prefix` (begin with text), `regex` (RE2, the
        whole word) or `fuzzy` (at most `distance` edits away, transpositions one: Damerau's optimal string alignment).
        The commonest `limit` by (distance, -df, token). Raises ParamsError for a pattern that is none."""
        ...

    def quantiles(self, name: str) -> Doubles | None:
        """[101] quantiles (0 %, 1 %, ... 100 %, by linear interpolation) of the numbers that live documents have in
        this metadata field; None when none has any."""
        ...

    def facets(self, node: Node | None, names: Sequence[str], limit: int) -> Mapping[str, tuple[tuple[str, int], ...]]:
        """Exact counts of values over the documents that satisfy the node, largest first, ties by value, at most
        `limit` of each. Names: site, domain, language, filetype, author, year (of publication), or a metadata field;
        a document with a list of values counts once for each. Unknown fields have no values."""
        ...

    def recall(self, plan: Plan) -> Evidence:
        """Candidates of every retriever of the plan (a union), each satisfying `plan.condition`, with evidence
        for each. When fewer than `plan.minimum` were found and more satisfy the condition, others are added
        (by authority, then id), with rank 0 in every retriever. Order of rows: ascending id."""
        ...

    def passage_evidence(self, plan: Plan, ids: Sequence[str]) -> tuple[PassageEvidence, ...]:
        """Every passage of these documents under this plan, in the order of `ids`."""
        ...

    def fetch(self, ids: Sequence[str], *, text: bool = False) -> tuple[StoredDocument, ...]:
        """These documents, in order; KeyError names the first that is not there."""
        ...

    def fetch_passages(self, wanted: Sequence[tuple[str, int]]) -> tuple[Passage, ...]:
        """Passages by (document id, ordinal), in order."""
        ...

    def names_in(self, passages: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], ...]:
        """For each passage (document, ordinal), in order: ids (ascending) of the other live documents whose name
        (ranking.names.name_of their titles) stands in its text, all its tokens in a row. Names that say too little are
        none (ranking.names.says_enough, by the df of exact tokens in live documents), nor are those that more than
        NAMED_MOST others share. KeyError for a passage that is not there, as fetch_passages."""
        ...

    def passage_vectors(self, wanted: Sequence[tuple[str, int]]) -> Floats:
        """[len(wanted), d] unit vectors, as stored."""
        ...

    def resolve(self, reference: str) -> str | None:
        """A document id for an id or a URL (canonical or as crawled), or None."""
        ...

    def near_ids(self, reference: str, limit: int = 3) -> tuple[str, ...]:
        """Ids or URLs that look like this one, for an error message."""
        ...

    def describe(self) -> dict[str, Any]:
        """sites, languages, filetypes: name -> documents (largest first, at most 100 each); dates
        {oldest, newest}; sample titles. JSON-ready."""
        ...

    def close(self) -> None:
        """Let go of files. Idempotent."""
        ...


class Embedder(Protocol):
    """Text to unit vectors; the same text gives the same vector on every call."""

    @property
    def id(self) -> str:
        """Model, revision and quantisation: vectors of different ids must not meet."""
        ...

    @property
    def dimension(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """[len(texts), dimension] float32, unit length. Safe to call from several threads."""
        ...


class Reranker(Protocol):
    """A slow second opinion on few candidates."""

    @property
    def id(self) -> str: ...

    def score(self, query: str, texts: Sequence[str]) -> Floats:
        """[len(texts)] in [0, 1], higher is better."""
        ...


class DocumentSink(Protocol):
    """Where a crawler or an importer puts documents. Upsert by id: the last one wins."""

    def add(self, documents: Iterable[Document]) -> int:
        """Store them, all or none; returns how many were new or changed."""
        ...

    def remove(self, ids: Iterable[str]) -> int:
        """Forget them; unknown ids are no error; returns how many were there."""
        ...


class Clock(Protocol):
    """The only source of time in ranking and sessions."""

    def now(self) -> float:
        """Epoch seconds, UTC."""
        ...
