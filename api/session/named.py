"""Pages named in what a reader was shown: given a search up to its order and what the reader has read, returns the
pages whose titles stand there, ranked under the query by the same score as everyone else.

A page that is spoken of in one that was found is often the next that is needed, and no word of the question need be
in it (docs/adr/0018). Nothing on a reader's first call, with `seen: off`, for fused scores, for expressions that
normalise over the candidates (they would be others), for probes, or when a budget was short. Not for their places
(ranking/named.py), for batches (batch.py) nor for which names a text holds (SearchIndex.names_in).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from api.preparing import Prepared
from api.session.reading import Reading, still_there
from api.warm.index import PooledIndex
from ranking.constants import NAMED_MOST, NAMED_READ
from ranking.named import places_of
from ranking.pipeline import Ordered, order
from ranking.ports import SearchIndex
from ranking.types import Plan, SessionState
from ranking.weights import fuses, score_of


@dataclass(frozen=True, slots=True)
class Named:
    """`ordered`: nothing but the named pages; `by`: page -> those that name it."""

    ordered: Ordered
    by: dict[str, tuple[str, ...]]

    def told(self, ids: Sequence[str]) -> tuple[dict[str, Any], ...]:
        """For the answer: each of these pages with those that name it."""
        return tuple({"id": identifier, "in": list(self.by[identifier])} for identifier in ids)


def named_pages(
    prepared: Prepared, index: SearchIndex, session: SessionState, reading: Reading, now: float
) -> Named | None:
    """None where there are none. `session` with what it learned, so that its goal counts here as it does elsewhere."""
    request = prepared.request
    wanted = request.session.record and places_of(request) and reading
    if not wanted or request.effort == "probe" or fuses(request) or prepared.degraded:
        return None
    expression = score_of(request)
    if expression is not None and expression.normalises:
        return None
    by = names_of(index, session, reading)
    if not by:
        return None
    alone = plan_of(prepared.plan, tuple(by))
    bare = index.bare if isinstance(index, PooledIndex) else index  # no pool: the plan says what a session was shown
    found = bare.recall(alone)
    if not found.size:
        return None
    nowhere = np.zeros(found.size, np.int32)
    evidence = replace(found, ranks={one.name: nowhere for one in prepared.plan.retrievers})
    once = request.model_copy(update={"rerank": ()})
    rules = replace(prepared.rules, pins=())  # what is pinned has its place among what was found
    return Named(order(alone, evidence, once, session, now, None, rules), by)


def names_of(index: SearchIndex, session: SessionState, reading: Reading) -> dict[str, tuple[str, ...]]:
    """Unseen page -> the pages that name it; those that were named last, at most NAMED_MOST."""
    shown: list[tuple[str, int]] = []
    for record in islice(reading.recent(), NAMED_READ):
        shown += still_there(record, index)
    by: dict[str, tuple[str, ...]] = {}
    for (document, _), names in zip(shown, index.names_in(shown), strict=True):
        for name in names:
            if name not in session.seen and document not in by.get(name, ()):
                by[name] = (*by.get(name, ()), document)
    return dict(islice(by.items(), NAMED_MOST))


def plan_of(plan: Plan, ids: tuple[str, ...]) -> Plan:
    """The plan for nothing but these documents, as far as they satisfy its condition."""
    return replace(plan, retrievers=(), include=ids, also=None, minimum=0)
