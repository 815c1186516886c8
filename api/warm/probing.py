"""`effort: probe`: given a request and the warm pools of its session, returns counts and titles in milliseconds.

Nothing is embedded and no passage is read: the words of the query score the candidates that the session's first and
latest searches found; where this very query is warm, that is its answer. Of a cold session a short list by words alone,
and a notice. It shows no passage, so nothing counts as shown; an agent that wants to read searches. Not for full
searches (search.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from api.embeddings import QueryVectors
from api.preparing import Stopwatch, prepare, text_to_embed
from api.requests import SearchRequest
from api.search import Found, Outcome, Surrounding, assemble, find
from api.session.door import tell
from api.session.profile import Learned
from api.session.reading import Reading
from api.warm.index import PooledIndex
from api.warm.keys import Key
from api.warm.near import POOL, as_asked
from api.warm.pools import Pool
from api.warm.settings import COLD_PROBE, PROBE_CANDIDATES
from ranking.pipeline import order, page_of
from ranking.query import parse
from ranking.types import Plan, PlannedRetriever, SessionState

DENSE_NEEDS = frozenset({"dense", "dense_mean", "vectors"})


def guess(
    request: SearchRequest, index: PooledIndex, vectors: QueryVectors, now: float, surrounding: Surrounding
) -> Key | None:
    """A search up to its passages, for nobody: what it read stays in the pools. Returns the key of its own."""
    found = find(request, index, vectors, SessionState(), now, surrounding)
    plan = found.prepared.plan
    assemble(page_of(found.ordered), plan, index, found.prepared.request, found.session, found.reading)
    served = index.served(plan)
    return None if served is None else served.key


def probe(
    request: SearchRequest,
    index: PooledIndex,
    vectors: QueryVectors,
    session: SessionState,
    now: float,
    surrounding: Surrounding,
    pools: Sequence[Pool],
) -> Found:
    """A search up to its order. `pools`: of the session's first and latest calls, on this generation."""
    watch = Stopwatch()
    titles = request.content.model_copy(update={"passages": 0})
    lean = request.model_copy(update={"content": titles, "rerank": (), "explain": False})
    text, _ = text_to_embed(request, parse(request.query), index, vectors)
    known = vectors if text is not None and vectors.remembered(text) is not None else None
    prepared = prepare(lean, index, known, watch, session, surrounding.synonyms, likenesses=surrounding.likenesses)
    prepared = replace(prepared, asked=request, notices=())
    warm = index.warm(prepared.plan)
    if warm is not None:
        evidence = index.recall(prepared.plan)
    else:
        evidence = as_asked(index.bare.recall(_cheaper(prepared.plan, pools)), prepared.plan)
    watch.lap("recall", 0, evidence.size)
    ordered = order(prepared.plan, evidence, prepared.request, session, now, None, prepared.rules)
    watch.lap("rank", evidence.size, len(ordered.order))
    reading = Reading(SessionState(), prepared.request)
    return Found(prepared, evidence, ordered, index, session, reading, Learned(), watch)


def _cheaper(plan: Plan, pools: Sequence[Pool]) -> Plan:
    """The pools' candidates; without pools the best by words. No page is filled with what nobody found."""
    needs = plan.needs if plan.vector is not None else plan.needs - DENSE_NEEDS
    ids = tuple(dict.fromkeys(_in_turns([pool.best() for pool in pools])))[:PROBE_CANDIDATES]
    kept: tuple[PlannedRetriever, ...] = (PlannedRetriever(POOL, "ids", len(ids), {"ids": ids}),)
    if not ids:
        words = [replace(one, k=min(one.k, COLD_PROBE)) for one in plan.retrievers if one.type == "bm25"]
        kept = (*words, *kept) if words else (*plan.retrievers, *kept)
    return replace(plan, retrievers=kept, needs=needs, minimum=0)


def _in_turns(lists: Sequence[Sequence[str]]) -> Iterator[str]:
    """The best of each, then the second of each, and so on."""
    return (each for each in chain.from_iterable(zip_longest(*lists)) if each is not None)


def probed(outcome: Outcome, found: Found, pools: Sequence[Pool]) -> Outcome:
    """With the counts, and where they come from; it showed nothing."""
    evidence, plan = found.evidence, found.prepared.plan
    exact = isinstance(found.index, PooledIndex) and found.index.served(plan) is not None
    scored = [number for number, planned in enumerate(plan.terms) if planned.scored]
    holds = evidence.tf[:, scored].max(axis=(0, 1), initial=0.0) > 0
    results: list[dict[str, Any]] = outcome.body["results"]
    warm = exact or bool(pools)
    outcome.body["probe"] = {
        "warm": warm,
        "exact": exact,
        "pools": len(pools),
        "candidates": evidence.size,
        "matching": int(np.count_nonzero(holds)),
        "unseen": outcome.ranking.unseen,
        "new_on_page": sum(not hit["seen"] or not hit["seen"]["seq"] for hit in results),
    }
    if not exact:
        outcome.body["query"]["exact"] = None  # of a part of the collection nothing is proven
    if not warm:
        tell(outcome.body, "probe_cold", "nothing of this session is warm: these are the best by words alone")
    return replace(outcome, shown=(), served_from="pool" if warm else "index")
