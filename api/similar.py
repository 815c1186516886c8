"""Documents like a document or a text: given a reference, returns the search request that finds them.

There is no second ranking: the request goes through the ordinary search, with one `like` retriever whose order is the
score. `resolved` of the answer shows it, so it can be changed and sent to /v1/search. Not for likeness itself
(api/surroundings.py, indexer/).
"""

from __future__ import annotations

from typing import Any

from api.open_requests import SimilarRequest
from api.requests import SearchRequest
from api.surroundings import likeness_of
from ranking.ports import SearchIndex
from ranking.retriever_params import LikeRetriever
from ranking.text import tokenize


def search_for(request: SimilarRequest, index: SearchIndex) -> SearchRequest:
    """The query holds the telling words, so that passages are chosen by them; `retrieve` holds the likeness.

    Raises NotFoundError for a document that is not there."""
    like = LikeRetriever(id=request.id, url=request.url, text=request.text, by=request.by)
    path = "$" if request.text is None else "$.text"
    words = [token for token, _ in likeness_of(like, index, None, path).words]
    text = " ".join(words) or " ".join(tokenize(request.text or "")) or (request.text or "anything")
    body: dict[str, Any] = {
        "query": text[:8_000],
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
    return SearchRequest.model_validate(body)
