"""What each parameter is worth: given an objective and the params that were chosen, returns what changes without them.

Not for the shares that a search's own trials give (trials.importances).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from eval.tuning.objective import Objective
from eval.tuning.space import Params, Space

POINTS: Final = 11
"""Of a curve, over the whole range; the chosen value and the default come in addition."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One parameter over its range, the others as chosen."""

    values: tuple[float, ...]  # ascending
    objective: tuple[float, ...]
    sets: Mapping[str, tuple[float, ...]]


def ablation(objective: Objective, params: Params) -> dict[str, float]:
    """By parameter of `params`: what the objective loses when it alone goes back to its default."""
    whole = objective.of(objective.means(params))
    return {
        name: whole - objective.of(objective.means({other: params[other] for other in params if other != name}))
        for name in params
    }


def curves(objective: Objective, space: Space, params: Params) -> dict[str, Curve]:
    """By parameter of the space."""
    made = {}
    for each in space.parameters:
        step = (each.high - each.low) / (POINTS - 1)
        values = {each.low + place * step for place in range(POINTS - 1)} | {each.high}
        values |= {value for value in (params.get(each.name), each.default) if value is not None}
        ordered = tuple(sorted(values))
        means = [objective.means({**params, each.name: value}) for value in ordered]
        by_set = {name: tuple(found[name] for found in means) for name in objective.slabs}
        made[each.name] = Curve(ordered, tuple(objective.of(found) for found in means), by_set)
    return made
