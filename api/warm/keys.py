"""What decides a recall: given a plan and where it runs, returns the key of its pool.

The plan is all that an index is asked for, so two requests whose plans are equal have one pool, whatever else they
differ in; and whatever changes what an index would return, changes the plan. So queries that differ only in case, width
of characters or white space share a pool exactly where the parser and the model read them alike, and stems, word order,
numbers, negations and operators never do (docs/adr/0014). Nothing of a session is in it. Not for near queries
(near.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from ranking.types import Plan

KEY_BYTES: Final = 16
"""So many that no two keys of a process are ever equal by chance."""

Key = bytes


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a plan runs. A generation's id is never used again."""

    tenant: str
    collection: str
    generation: str


def key_of(scope: Scope, plan: Plan, frame: Key | None = None) -> Key:
    """Equal for plans that recall, and passage evidence, cannot tell apart. `frame`: the plan's, where it is known."""
    terms = tuple((planned.term, planned.idf, planned.kept, planned.scored) for planned in plan.terms)
    asked = (terms, plan.query.phrases, tuple(operator.node for operator in plan.query.operators))
    return digest(asked, *_vector(plan), frame_of(scope, plan) if frame is None else frame)


def frame_of(scope: Scope, plan: Plan) -> Key:
    """Of all that decides recall but words and vector: what two near queries must have in common."""
    retrievers = tuple((one.name, one.type, one.k, _frozen(one.parameters)) for one in plan.retrievers)
    return digest(
        (scope.tenant, scope.collection, scope.generation, plan.statistics.embedder),
        (plan.condition, retrievers, tuple(sorted(plan.needs)), plan.minimum, plan.stem),
        (plan.probes, plan.numbers, plan.labels, plan.also, plan.include),
    )


def text_key(text: str) -> Key:
    """Of a query as it was written: what tells an exact repeat from a normalised one."""
    return digest(text)


def _vector(plan: Plan) -> tuple[bytes, ...]:
    return () if plan.vector is None else (plan.vector.tobytes(),)


def digest(*parts: Any) -> Key:
    """Of bytes as they are, and of whatever else by its repr, which has to tell all of it: that of the nodes of a plan,
    frozen dataclasses, names every field."""
    made = blake2b(digest_size=KEY_BYTES)
    for part in parts:
        written = part if isinstance(part, bytes) else repr(part).encode("utf-8", "surrogatepass")
        made.update(len(written).to_bytes(8, "little"))
        made.update(written)
    return made.digest()


def _frozen(value: Any) -> Any:
    """With an order where mappings have none, and all of an array, of which repr shows the ends."""
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, Mapping):
        return tuple(sorted((str(name), _frozen(each)) for name, each in value.items()))
    if isinstance(value, list | tuple):
        return tuple(_frozen(each) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value).__name__, *(_frozen(getattr(value, each.name)) for each in fields(value)))
    return value
