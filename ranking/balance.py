"""The default weight of dense for 1 of bm25: given a plan, returns it. The place for a choice that reads the query
and the collection; `resolved.weights` shows the outcome. Not consulted when a request sets the weight itself."""

from __future__ import annotations

from ranking.constants import DENSE_TO_BM25
from ranking.types import Plan


def balance(plan: Plan) -> float:
    """Weight of (1 + cos)/2. A constant so far: no feature of query or collection has been shown to settle it."""
    return DENSE_TO_BM25
