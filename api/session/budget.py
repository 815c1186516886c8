"""What a session may cost, and what calls took of it: given an outcome and a snapshot, returns amounts by resource.

`calls` are searches, `results` the pages that they showed, `tokens` those of the passages as they were shown, counted
as content.max_tokens_total counts. A spent budget refuses nothing: it is advice to stop, in every answer from then on.
Not for the budget of one search (api/budget.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

from api.answers import CHARACTERS_PER_TOKEN
from api.search import Outcome
from sessions.store import Snapshot

Resource = Literal["calls", "results", "tokens"]
RESOURCES: Final[tuple[str, ...]] = get_args(Resource)


def cost_of(outcome: Outcome, snapshot: Snapshot | None) -> dict[str, float]:
    """What the log keeps of it: nothing for a session without a budget. A probe costs nothing."""
    if snapshot is None or not snapshot.session.budget or "probe" in outcome.body:
        return {}
    results = outcome.body["results"]
    characters = sum(len(passage["text"]) for result in results for passage in result["passages"])
    return {"calls": 1.0, "results": float(len(results)), "tokens": float(-(-characters // CHARACTERS_PER_TOKEN))}


def together(costs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Of several calls that are committed as one."""
    total: dict[str, float] = {}
    for cost in costs:
        for name, amount in cost.items():
            total[name] = total.get(name, 0.0) + amount
    return total


def left_after(snapshot: Snapshot | None, cost: Mapping[str, float]) -> dict[str, float] | None:
    """What the call leaves; None for a session without a budget."""
    left = snapshot.budget_left() if snapshot else None
    return None if left is None else {name: max(0.0, amount - cost.get(name, 0.0)) for name, amount in left.items()}


def advice(stop: dict[str, Any] | None, left: Mapping[str, float] | None) -> dict[str, Any] | None:
    """`session.stop` with the word of the budget."""
    spent = [name for name, amount in (left or {}).items() if amount <= 0]
    if not spent:
        return stop
    ruled = [stop["reason"]] if stop and stop["reason"] else []
    return {"now": True, "reason": "; ".join([*ruled, f"the session's budget of {' and '.join(spent)} is spent"])}
