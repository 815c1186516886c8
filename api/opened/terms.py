"""What a collection knows of words: given words, returns df, idf, cost, the forms that count as each, words that are
written like it, and words that go with it.

Companions are read off the best passages that hold the word: tf idf over them (a local analysis, after Xu and Croft
1996); neighbours are those companions and look-alikes whose vectors are nearest to the word's. Not for changing a
query: `expand` does that.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from api import answers
from api.budget import recall_ms
from api.embeddings import QueryVectors
from api.opened.requests import TermsRequest
from api.preparing import Stopwatch, prepare
from api.requests import SearchRequest
from ranking.plan import idf
from ranking.ports import SearchIndex
from ranking.shown import several
from ranking.stopwords import stop_words
from ranking.text import tokenize
from ranking.types import Notice, TermStatistics, VocabularyWord

WORDS: Final = 100
"""That are looked up, the first of those asked for: some milliseconds each with their expansions."""

RELATED_WORDS: Final = 10
"""Whose company is read, the first of those: a search and up to 25 vectors each."""

READ_DOCUMENTS: Final = 20
READ_PASSAGES: Final = 2
"""Of each document that holds the word: what it is about is said in its best passages."""

EMBEDDED: Final = 24
"""Candidates for neighbours whose vectors are computed, some milliseconds each."""

NAMED: Final = 5
"""Words that a notice quotes."""

CONSIDERED: Final = 8
"""Words for each companion wanted whose df is looked up: what is rare weighs more than what is often there."""


def terms(request: TermsRequest, index: SearchIndex, vectors: QueryVectors | None) -> dict[str, Any]:
    """JSON-ready; words in the order asked, each once. Words beyond WORDS are left out, `related` is empty for those
    beyond RELATED_WORDS, and `notices` name both."""
    asked = [token for text in (*request.terms, request.query or "") for token in tokenize(text)]
    every = list(dict.fromkeys(asked))
    words = every[:WORDS]
    known = index.term_statistics(tuple((word, False) for word in words), stem=request.stem)
    apart = None if vectors is None else vectors.apart(RELATED_WORDS * (EMBEDDED + 1))
    rows = []
    for place, (word, one) in enumerate(zip(words, known, strict=True)):
        alike = _alike(word, request.expansions, index)
        related = _related(word, one, alike["fuzzy"], request.related, index, apart) if place < RELATED_WORDS else {}
        rows.append({**_row(word, one, alike, index), "related": related})
    return {
        "generation": index.statistics.generation,
        "documents": index.statistics.documents,
        "terms": rows,
        "notices": answers.notices(_left_out(every, request.related)),
    }


def _left_out(words: Sequence[str], related: int) -> tuple[Notice, ...]:
    told = []
    if beyond := words[WORDS:]:
        message = (
            f"{len(words):,} words were asked for and the first {WORDS} looked up, without {several(beyond, NAMED)}"
        )
        told.append(Notice("terms_cut", message))
    if related and (beyond := words[RELATED_WORDS:WORDS]):
        message = f"`related` is told of the first {RELATED_WORDS} words, not of {several(beyond, NAMED)}"
        told.append(Notice("related_cut", f"{message}: ask for those apart"))
    return tuple(told)


def _alike(word: str, limit: int, index: SearchIndex) -> dict[str, list[VocabularyWord]]:
    """By kind, words that begin so and words one edit away, without the word itself."""
    if not limit:
        return {"prefix": [], "fuzzy": []}
    found = {
        "prefix": index.vocabulary("prefix", word, limit=limit + 1),
        "fuzzy": index.vocabulary("fuzzy", word, limit=limit + 1, distance=1),
    }
    return {kind: [one for one in near if one.token != word][:limit] for kind, near in found.items()}


def _row(
    word: str, known: TermStatistics, alike: Mapping[str, Sequence[VocabularyWord]], index: SearchIndex
) -> dict[str, Any]:
    postings = sum(known.field_df.values())
    return {
        "term": word,
        "df": known.df,
        "idf": idf(index.statistics.documents, known.df),
        "field_df": dict(known.field_df),
        "forms": list(known.forms),
        "cost": {"postings": postings, "ms": round(recall_ms(postings), 4)},
        "expansions": {
            "prefix": [{"term": one.token, "df": one.df} for one in alike["prefix"]],
            "fuzzy": [{"term": one.token, "df": one.df, "distance": one.distance} for one in alike["fuzzy"]],
        },
    }


def _related(
    word: str,
    known: TermStatistics,
    written: Sequence[VocabularyWord],
    limit: int,
    index: SearchIndex,
    vectors: QueryVectors | None,
) -> dict[str, list[dict[str, Any]]]:
    companions = _companions(word, limit, index) if limit and known.df else []
    candidates = [*(term for term, _, _ in companions), *(one.token for one in written)]
    return {
        "occurs_with": [{"term": term, "score": round(score, 6), "df": df} for term, score, df in companions],
        "nearest": _nearest(word, candidates, limit, vectors),
    }


def _companions(word: str, limit: int, index: SearchIndex) -> list[tuple[str, float, int]]:
    """(word, share of the best companion's tf idf, df), best first."""
    request = SearchRequest.model_validate(
        {
            "query": f"+{word}",
            "max_results": READ_DOCUMENTS,
            "retrieve": [{"type": "bm25", "k": READ_DOCUMENTS}],
            "session": {"record": False},
        }
    )
    prepared = prepare(request, index, None, Stopwatch())
    ids = list(index.recall(prepared.plan).ids)[:READ_DOCUMENTS]
    evidence = index.passage_evidence(prepared.plan, ids) if ids else ()
    wanted = []
    for one in evidence:
        best = np.lexsort((one.ordinals, -one.bm25))[:READ_PASSAGES]
        wanted += [(one.document, int(one.ordinals[place])) for place in best]
    common = stop_words(index.statistics.languages)
    counts: Counter[str] = Counter()
    for passage in index.fetch_passages(wanted):
        counts.update({token for token in tokenize(passage.text) if len(token) > 1 and token not in common})
    counts.pop(word, None)
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    often = ranked[: CONSIDERED * limit]
    found = index.term_statistics(tuple((token, False) for token in often), stem=True)
    documents = index.statistics.documents
    scored = {
        token: (counts[token] * idf(documents, one.df), one.df)
        for token, one in zip(often, found, strict=True)
        if one.df
    }
    best_words = sorted(scored, key=lambda token: (-scored[token][0], token))[:limit]
    most = max((scored[token][0] for token in best_words), default=1.0) or 1.0
    return [(token, scored[token][0] / most, scored[token][1]) for token in best_words]


def _nearest(word: str, candidates: list[str], limit: int, vectors: QueryVectors | None) -> list[dict[str, Any]]:
    """By cosine of the words' own vectors, best first."""
    chosen = list(dict.fromkeys(candidates))[:EMBEDDED]
    if vectors is None or not limit or not chosen:
        return []
    own = vectors.encode(word)[0]
    near = [(math.fsum((own * vectors.encode(one)[0]).astype(np.float64).tolist()), one) for one in chosen]
    near.sort(key=lambda item: (-item[0], item[1]))
    return [{"term": one, "cosine": round(cosine, 6)} for cosine, one in near[:limit]]
