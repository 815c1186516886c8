"""What a request names and a collection does not have: given both, returns notices. What a search cannot go on without
is refused before (api/surroundings.py); here it goes on, and says so."""

from __future__ import annotations

from typing import Final

from api.requests import SearchRequest
from ranking.ports import SearchIndex
from ranking.retriever_params import IdsRetriever
from ranking.shown import cut
from ranking.signals.catalogue import META_PREFIX
from ranking.types import Notice, Plan

DOCUMENTS_MISSING: Final = "documents_missing"
SIGNALS_EMPTY: Final = "signals_empty"
CODES: Final = frozenset({DOCUMENTS_MISSING, SIGNALS_EMPTY})
"""Of notices that say what the request asked in vain, and nothing that was given up."""

NAMED: Final = 5
"""Of many, so many are named."""


def absent(request: SearchRequest, plan: Plan, index: SearchIndex) -> tuple[Notice, ...]:
    """Documents of an `ids` retriever that are not in the collection, and metadata fields of signals that hold no
    number in any document."""
    told = []
    for retriever in request.retrieve:
        if isinstance(retriever, IdsRetriever):
            missing = [reference for reference in retriever.ids if index.resolve(reference) is None]
            if missing:
                named = ", ".join(cut(reference) for reference in missing[:NAMED])
                many = f"{len(missing)} of {len(retriever.ids)} documents"
                told.append(Notice(DOCUMENTS_MISSING, f"{retriever.name}: {many} are not in the collection: {named}"))
    empty = [META_PREFIX + name for name in plan.numbers if not len(plan.number_scales.get(name, ()))]
    if empty and index.statistics.documents:
        told.append(Notice(SIGNALS_EMPTY, f"no document has a number for {', '.join(empty[:NAMED])}: worth 0 to all"))
    return tuple(told)
