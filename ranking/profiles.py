"""Layers of parameters: given a profile and a request as sent, returns the request with the layers merged.

Precedence is defaults < profile < request, field by field, counting only fields that were set. `weights` merges
key by key, except that a layer with "*" speaks for every signal and so replaces the layers below it.
Not for validation (params.py) or for default weights (weights.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PROFILES: Final[Mapping[str, Mapping[str, Any]]] = {
    "default": {},
    "bm25": {"weights": {"*": 0, "bm25": 1}},
    "dense": {"weights": {"*": 0, "dense": 1}},
}
"""Built in, version 1 of each; saved ones come from the store."""


def merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Layer `upper` over `lower`; objects merge, lists and scalars replace."""
    merged: dict[str, Any] = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if key == "weights" and isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = dict(value) if "*" in value else {**below, **value}
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged
