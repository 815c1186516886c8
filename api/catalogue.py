"""What the engine offers: given nothing, returns the catalogues as JSON-ready objects.

Not for what a collection holds (SearchIndex.describe).
"""

from __future__ import annotations

from typing import Any

from ranking.operators import catalogue as operator_rows
from ranking.params import Params
from ranking.profiles import PROFILES
from ranking.signals.catalogue import SIGNALS


def signals() -> dict[str, Any]:
    """Every signal with range, formula, source, cost class and default weight."""
    return {
        "signals": [
            {
                "name": spec.name,
                "summary": spec.summary,
                "formula": spec.formula,
                "source": spec.source,
                "range": list(spec.range),
                "cost": spec.cost,
                "default_weight": spec.weight,
                "needs": sorted(spec.needs),
            }
            for spec in SIGNALS.values()
        ],
        "also": "rank.<retriever> for each retriever of a request",
        "profiles": {name: dict(profile) for name, profile in PROFILES.items()},
    }


def operators() -> dict[str, Any]:
    """Every operator with syntax, meaning and an example."""
    return {"operators": operator_rows()}


def defaults() -> dict[str, Any]:
    """The defaults of a search request."""
    return Params().model_dump(mode="json", by_alias=True)
