"""What the engine offers: given nothing, returns the catalogues as JSON-ready objects.

Not for what a collection holds (SearchIndex.describe).
"""

from __future__ import annotations

from typing import Any, Final

from ranking.constants import OPINION_MICROSECONDS
from ranking.operators import catalogue as operator_rows
from ranking.params import Params
from ranking.profiles import PROFILES
from ranking.signals.catalogue import SIGNALS, SignalSpec, families

SLOW_MICROSECONDS: Final = 1_000
"""From here on a reranker costs more than all signals of a document together."""


def signals() -> dict[str, Any]:
    """Every signal with range, formula, source, cost class, default weight and parameters. `families` are signals of
    which a request has one for each of its retrievers and one for each metadata field that it names; `rerankers` are
    what `rerank` may ask for a second opinion."""
    return {
        "signals": [_row(spec) for spec in SIGNALS.values()],
        "families": [_row(spec) for spec in families()],
        "rerankers": [
            {"type": name, "cost": "cheap" if each < SLOW_MICROSECONDS else "slow", "microseconds_a_document": each}
            for name, each in OPINION_MICROSECONDS.items()
        ],
        "also": "rank.<retriever> for each retriever of a request, meta.<field> for each metadata field that it names",
        "profiles": {name: dict(profile) for name, profile in PROFILES.items()},
    }


def _row(spec: SignalSpec) -> dict[str, Any]:
    """`parameters` are set in a score expression, `recency(half_life_days=30)`; a default of null is none, and `reason`
    says what holds instead."""
    return {
        "name": spec.name,
        "summary": spec.summary,
        "formula": spec.formula,
        "source": spec.source,
        "range": list(spec.range),
        "cost": spec.cost,
        "default_weight": spec.weight,
        "needs": sorted(spec.needs),
        "relative": spec.relative,
        "parameters": {
            name: {
                "default": parameter.default,
                "range": [parameter.least, parameter.most],
                "whole": parameter.whole,
                "unit": parameter.unit,
                "reason": parameter.reason,
            }
            for name, parameter in spec.parameters.items()
        },
    }


def operators() -> dict[str, Any]:
    """Every operator with syntax, meaning and an example."""
    return {"operators": operator_rows()}


def defaults() -> dict[str, Any]:
    """The defaults of a search request."""
    return Params().model_dump(mode="json", by_alias=True)
