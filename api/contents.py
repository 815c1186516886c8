"""Contents: given ids or URLs, returns documents as an agent reads them.

Not for search results (api/answers.py).
"""

from __future__ import annotations

from typing import Any, Final

from api.answers import CHARACTERS_PER_TOKEN, cut
from api.embeddings import QueryVectors
from api.preparing import Stopwatch, prepare
from api.requests import ContentsRequest, SearchRequest
from ranking.passages import choose_passages
from ranking.ports import SearchIndex
from ranking.types import Passage, StoredDocument

COMPARED_CHARACTERS: Final = 512
"""Of a reference that is not there: comparing a longer one with its neighbours costs more than a search."""


def contents(request: ContentsRequest, index: SearchIndex, vectors: QueryVectors | None) -> dict[str, Any]:
    """`documents` in the order asked; `errors` names what is not there, with the nearest ids."""
    found: list[str] = []
    errors: list[dict[str, Any]] = []
    for reference in dict.fromkeys((*request.ids, *request.urls)):
        document = index.resolve(reference)
        if document is None:
            near = index.near_ids(reference) if len(reference) <= COMPARED_CHARACTERS else ()
            errors.append({"reference": reference, "code": "not_found", "nearest": list(near)})
        else:
            found.append(document)
    found = list(dict.fromkeys(found))
    stored = index.fetch(found, text=True)
    passages = _passages(request, found, stored, index, vectors)
    caps = [cap for cap in (request.max_chars, _characters(request.max_tokens)) if cap is not None]
    cap = min(caps) if caps else None
    return {
        "generation": index.statistics.generation,
        "documents": [_document(request, each, passages[each.document.id], cap) for each in stored],
        "errors": errors,
    }


def _characters(tokens: int | None) -> int | None:
    return None if tokens is None else tokens * CHARACTERS_PER_TOKEN


def _passages(
    request: ContentsRequest,
    ids: list[str],
    stored: tuple[StoredDocument, ...],
    index: SearchIndex,
    vectors: QueryVectors | None,
) -> dict[str, list[tuple[Passage, float | None]]]:
    """Passages of each document: the best for the query, or the first ones."""
    chosen: dict[str, list[tuple[int, float | None]]] = {}
    if request.query and request.query.strip() and ids:
        asked = SearchRequest(query=request.query)
        plan = prepare(asked, index, vectors, Stopwatch()).plan
        for evidence in index.passage_evidence(plan, ids):
            choices = choose_passages(evidence, request.passages, None, "off") if request.passages else ()
            chosen[evidence.document] = [(choice.ordinal, choice.score) for choice in choices]
    else:
        for each in stored:
            chosen[each.document.id] = [(ordinal, None) for ordinal in range(min(request.passages, each.passages))]
    wanted = [(document, ordinal) for document, rows in chosen.items() for ordinal, _ in rows]
    fetched = iter(index.fetch_passages(wanted))
    return {document: [(next(fetched), score) for _, score in rows] for document, rows in chosen.items()}


def _document(
    request: ContentsRequest, stored: StoredDocument, passages: list[tuple[Passage, float | None]], cap: int | None
) -> dict[str, Any]:
    document = stored.document
    text = cut(document.text, cap) if request.text else None
    left = cap
    rows = []
    for passage, score in passages:
        shown = cut(passage.text, left)
        if passage.text and not shown:
            break
        left = None if left is None else left - len(shown)
        rows.append(
            {
                "id": passage.id,
                "text": shown,
                "heading": passage.heading,
                "start": passage.start,
                "end": passage.end if shown == passage.text else passage.start + len(shown),
                "score": score,
            }
        )
    return {
        "id": document.id,
        "url": document.url or None,
        "title": document.title,
        "site": document.site or None,
        "language": document.language,
        "author": document.author,
        "published_at": document.published_at,
        "modified_at": document.modified_at,
        "fetched_at": document.fetched_at,
        "filetype": document.filetype,
        "metadata": dict(document.metadata),
        "words": stored.words,
        "inlinks": stored.inlinks,
        "authority": stored.authority,
        "text": text,
        "truncated": text is not None and len(text) < len(document.text),
        "passages": rows,
        "links": [{"url": link.url, "text": link.text, "nofollow": link.nofollow} for link in document.links]
        if request.links
        else None,
    }
