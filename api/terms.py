"""What a collection knows of words: given words, returns df, idf, cost, the forms that count as each, words that are
written like it, and words that go with it.

Companions are read off the best passages that hold the word: tf idf over them (a local analysis, after Xu and Croft
1996); neighbours are those companions and look-alikes whose vectors are nearest to the word's. Not for changing a
query: `expand` does that.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final

import numpy as np

from api.embeddings import QueryVectors
from api.open_requests import TermsRequest
from api.preparing import Stopwatch, prepare
from api.requests import SearchRequest
from ranking.constants import POSTING_NANOSECONDS
from ranking.plan import idf
from ranking.ports import SearchIndex
from ranking.stopwords import stop_words
from ranking.text import tokenize
from ranking.types import TermStatistics

READ_DOCUMENTS: Final = 20
READ_PASSAGES: Final = 2
"""Of each document that holds the word: what it is about is said in its best passages."""

EMBEDDED: Final = 24
"""Candidates for neighbours whose vectors are computed, some milliseconds each."""


def terms(request: TermsRequest, index: SearchIndex, vectors: QueryVectors | None) -> dict[str, Any]:
    """JSON-ready; words in the order asked, each once."""
    asked = [token for text in (*request.terms, request.query or "") for token in tokenize(text)]
    words = list(dict.fromkeys(asked))[:100]
    known = index.term_statistics(tuple((word, False) for word in words), stem=request.stem)
    return {
        "generation": index.statistics.generation,
        "documents": index.statistics.documents,
        "terms": [_row(word, one, request, index, vectors) for word, one in zip(words, known, strict=True)],
    }


def _row(
    word: str, known: TermStatistics, request: TermsRequest, index: SearchIndex, vectors: QueryVectors | None
) -> dict[str, Any]:
    postings = sum(known.field_df.values())
    prefix = index.vocabulary("prefix", word, limit=request.expansions + 1) if request.expansions else ()
    fuzzy = index.vocabulary("fuzzy", word, limit=request.expansions + 1, distance=1) if request.expansions else ()
    companions = _companions(word, request.related, index) if request.related and known.df else []
    written = [one.token for one in fuzzy if one.token != word]
    return {
        "term": word,
        "df": known.df,
        "idf": idf(index.statistics.documents, known.df),
        "field_df": dict(known.field_df),
        "forms": list(known.forms),
        "cost": {"postings": postings, "ms": round(postings * POSTING_NANOSECONDS / 1e6, 4)},
        "expansions": {
            "prefix": [{"term": one.token, "df": one.df} for one in prefix if one.token != word][: request.expansions],
            "fuzzy": [
                {"term": one.token, "df": one.df, "distance": one.distance} for one in fuzzy if one.token != word
            ][: request.expansions],
        },
        "related": {
            "occurs_with": [{"term": term, "score": round(score, 6), "df": df} for term, score, df in companions],
            "nearest": _nearest(word, [*(term for term, _, _ in companions), *written], request.related, vectors),
        },
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
    often = [token for token, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: 8 * limit]]
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
