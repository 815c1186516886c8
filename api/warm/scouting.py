"""Scouting: given a request and an open index over the pools, fills a pool with what its words alone find.

For the outlook (sessions/follow_ups.py), which nobody asks as it stands: what its pool holds is what probes of the
session's next query are answered from (probing.py). A third of a search's cost: nothing is embedded, weighed or read.
Not for guesses that a call may be served from: those are searches.
"""

from __future__ import annotations

from dataclasses import replace

from api.preparing import Stopwatch, Synonyms, prepare
from api.requests import SearchRequest
from api.warm.index import PooledIndex
from api.warm.keys import Key
from api.warm.settings import SCOUTED
from ranking.params import Bm25Retriever, DiversifyParams, FuseParams


def scout(request: SearchRequest, index: PooledIndex, synonyms: Synonyms | None) -> Key | None:
    """The key of the pool; None for a request that asks for no words. Filters hold."""
    words = tuple(one for one in request.retrieve if isinstance(one, Bm25Retriever))[:1]
    if not words:
        return None
    unweighed: dict[str, object] = {"weights": {}, "score": None, "fuse": FuseParams(), "diversify": DiversifyParams()}
    lean = request.model_copy(update={"retrieve": words, "rerank": (), **unweighed})
    plan = prepare(lean, index, None, Stopwatch(), None, synonyms).plan
    kept = tuple(replace(one, k=min(one.k, SCOUTED)) for one in plan.retrievers)
    plan = replace(plan, retrievers=kept, needs=frozenset(), minimum=0)
    index.recall(plan)
    served = index.served(plan)
    return None if served is None else served.key
