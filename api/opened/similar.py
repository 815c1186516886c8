"""Documents like a document or a text: given a reference, returns the search request that finds them, and the likeness.

There is no second ranking: the request goes through the ordinary search, with one `like` retriever whose order is the
score. `resolved` of the answer shows it, so it can be changed and sent to /v1/search. Not for likeness itself
(api/surroundings.py, indexer/).
"""

from __future__ import annotations

from typing import Any

from api.embeddings import QueryVectors
from api.opened.requests import SimilarRequest
from api.requests import SearchRequest
from api.surroundings import likeness_of
from ranking.params import MAX_QUERY_CHARACTERS
from ranking.ports import SearchIndex
from ranking.retriever_params import LikeRetriever
from ranking.retriever_plans import Likeness
from ranking.text import tokenize


def search_for(
    request: SimilarRequest, index: SearchIndex, vectors: QueryVectors | None
) -> tuple[SearchRequest, dict[str, Likeness]]:
    """The query holds the telling words, so that passages are chosen by them; `retrieve` holds the likeness, which
    comes along by the retriever's name so that the search need not make it again.

    Raises NotFoundError for a document that is not there."""
    like = LikeRetriever(id=request.id, url=request.url, text=request.text, by=request.by)
    likeness = likeness_of(like, index, vectors, "$" if request.text is None else "$.text")
    words = " ".join(token for token, _ in likeness.words)
    text = words or " ".join(tokenize(request.text or "")) or (request.text or "anything")
    body: dict[str, Any] = {
        "query": text[:MAX_QUERY_CHARACTERS],
        "collection": request.collection,
        "generation": request.generation,
        "max_results": request.max_results,
        "filters": request.filters.model_dump(mode="json"),
        "retrieve": [like.model_dump(mode="json")],
        "fuse": {"method": "max"},
        "weights": {"*": 0, "fused": 1},
        "diversify": {"max_per_site": request.max_per_site},
        "session": {"record": False},
        "explain": request.explain,
    }
    made = SearchRequest.model_validate(body)
    return made, {made.retrieve[0].name: likeness}
