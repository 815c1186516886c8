"""What a plan needs beyond statistics: given a request and an open index, looks up the words, vectors and ids that its
retrievers name.

The only I/O of planning that is not a term lookup. Not for planning itself (ranking/retriever_plans.py).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np

from api.embeddings import QueryVectors
from api.errors import NotFoundError
from ranking.plan import idf
from ranking.ports import SearchIndex
from ranking.retriever_params import IdsRetriever, LikeRetriever, LinksRetriever, Retriever, SessionRetriever
from ranking.retriever_plans import Likeness, Surroundings
from ranking.shown import cut
from ranking.stopwords import stop_words
from ranking.text import tokenize
from ranking.types import Floats, SessionState

READ_CHARACTERS: Final = 50_000
"""Of a document that others are to be like: what it is about is said by then."""

READ_PASSAGES: Final = 64
"""Whose vectors are averaged, for the same reason."""

CONSIDERED: Final = 400
"""Words by frequency whose df is looked up."""


def surroundings(
    retrieve: Sequence[Retriever],
    index: SearchIndex,
    vectors: QueryVectors | None,
    session: SessionState,
    known: Mapping[str, Likeness] | None = None,
) -> Surroundings:
    """`known`: likenesses that were made before, by name of a retriever. Raises NotFoundError, with its path and the
    nearest ids, for a document that is not there."""
    likenesses: dict[str, Likeness] = dict(known or {})
    ids: dict[str, tuple[str, ...]] = {}
    earlier: Sequence[tuple[int, Sequence[str]]] = ()
    for place, retriever in enumerate(retrieve):
        path = f"$.retrieve[{place}]"
        match retriever:
            case LikeRetriever() if retriever.name not in likenesses:
                likenesses[retriever.name] = likeness_of(retriever, index, vectors, path)
            case IdsRetriever():
                found = (index.resolve(reference) for reference in retriever.ids)
                ids[retriever.name] = tuple(dict.fromkeys(each for each in found if each is not None))
            case LinksRetriever() if retriever.direction == "out":
                resolved(retriever.of, index, f"{path}.of")
            case SessionRetriever():
                earlier = shown_before(session)
    vocabulary = cache(index.vocabulary)  # several retrievers, a budget and feedback plan with the same words
    return Surroundings(index.statistics, index.term_statistics, vocabulary, index.quantiles, likenesses, earlier, ids)


def shown_before(session: SessionState) -> list[tuple[int, list[str]]]:
    """(calls ago, documents by rank) of what the reader was shown, the latest call first."""
    calls: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for name, record in session.seen.items():
        calls[record.calls_ago].append((record.rank, name))
    return [(ago, [name for _, name in sorted(calls[ago])]) for ago in sorted(calls)]


def resolved(reference: str, index: SearchIndex, path: str) -> str:
    """A document's id for an id or URL."""
    found = index.resolve(reference)
    if found is None:
        near = index.near_ids(reference) if len(reference) <= 512 else ()
        raise NotFoundError(
            f"there is no document {cut(reference)!r} in this collection",
            path=path,
            hint=f"nearest: {', '.join(near)}" if near else "ids and URLs come from search results",
            did_you_mean=next(iter(near), None),
        )
    return found


# ---------------------------------------------------------------- likeness


def likeness_of(
    retriever: LikeRetriever, index: SearchIndex, vectors: QueryVectors | None, path: str = "$.retrieve[]"
) -> Likeness:
    """Of a document by id or URL, or of a text."""
    if retriever.text is not None:
        vector = None
        if vectors is not None and index.statistics.embedder == vectors.embedder.id:
            vector = vectors.encode(retriever.text)[0]
        return Likeness(telling_words(retriever.text, index, retriever.terms), vector)
    field, reference = ("id", retriever.id) if retriever.id is not None else ("url", retriever.url)
    document = resolved(reference or "", index, f"{path}.{field}")
    (stored,) = index.fetch([document], text=True)
    text = f"{stored.document.title}\n{stored.document.text[:READ_CHARACTERS]}"
    words = telling_words(text, index, retriever.terms, least_df=2)
    return Likeness(words, mean_vector(document, stored.passages, index), document)


def telling_words(text: str, index: SearchIndex, terms: int, least_df: int = 1) -> tuple[tuple[str, float], ...]:
    """The words of the greatest tf idf with weights of mean 1, best first (as Lucene's more-like-this chooses them). A
    frequency counts as 1 + ln tf; stop words, single characters and words in fewer than `least_df` documents (2 for the
    text of a document: its own words alone find nobody else) tell nothing."""
    common = stop_words(index.statistics.languages)
    counts = Counter(token for token in tokenize(text) if len(token) > 1 and token not in common)
    asked = [token for token, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CONSIDERED]]
    known = index.term_statistics(tuple((token, False) for token in asked), stem=True)
    documents = index.statistics.documents
    weights = {
        token: (1.0 + math.log(counts[token])) * idf(documents, one.df)
        for token, one in zip(asked, known, strict=True)
        if one.df >= least_df
    }
    best = sorted(weights, key=lambda token: (-weights[token], token))[:terms]
    mean = math.fsum(weights[token] for token in best) / len(best) if best else 1.0
    return tuple((token, weights[token] / mean) for token in best)


def mean_vector(document: str, passages: int, index: SearchIndex) -> Floats | None:
    """The direction in the middle of a document's first passages; None without vectors."""
    if not index.statistics.dimension or not passages:
        return None
    wanted = [(document, ordinal) for ordinal in range(min(passages, READ_PASSAGES))]
    mean = index.passage_vectors(wanted).astype(np.float64).mean(axis=0)
    length = math.sqrt(math.fsum((mean * mean).tolist()))
    return np.asarray(mean / length, np.float32) if length > 0 else None


def synonyms_of(text: str) -> Mapping[str, tuple[str, ...]]:
    """A synonym file as the engine reads it: `a, b, c` on one line are synonyms of one another, `a, b => c, d` maps one
    way; `#` begins a comment. Lines that say nothing are skipped."""
    table: defaultdict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        left, arrow, right = line.partition("#")[0].partition("=>")
        words = [word.strip() for word in left.split(",") if word.strip()]
        others = [word.strip() for word in right.split(",") if word.strip()] if arrow else words
        for word in words:
            table[word].extend(other for other in others if other != word)
    return {word: tuple(dict.fromkeys(others)) for word, others in table.items() if others}
