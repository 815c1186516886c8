"""tune.json: given a tuning's outcomes, returns all of it, JSON-ready. Not for reading by people (report.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from eval.frozen.candidates import FrozenSet
from eval.sets.checks import Findings
from eval.tuning.importance import ablation, curves
from eval.tuning.objective import Objective, Values, macro_of
from eval.tuning.outcome import Outcome
from eval.tuning.profile import Checked
from eval.tuning.space import Space
from eval.tuning.trees import gains
from eval.tuning.trials import importances
from eval.tuning.verdict import Tested, sentence

QUERIES: Final = "by cross-validation over queries"
SETS: Final = "by leaving each set out"
SEARCHED: Final = "tpe"
"""The method whose trials lie all over the space: what parameters are worth is read off them."""


def outcomes_told(measure: str, default: Values, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """By method, with a row for each set."""
    return {method: _told(measure, default, outcome) for method, outcome in outcomes.items()}


def parameters_told(
    objective: Objective, space: Space, outcomes: Mapping[str, Outcome], chosen: str | None
) -> list[dict[str, Any]]:
    """What each parameter is worth, and the curves around what was chosen (the defaults where nothing was)."""
    params = outcomes[chosen].told if chosen else {}
    shares = importances(space, outcomes[SEARCHED].tried) if SEARCHED in outcomes else {}
    lost = ablation(objective, params)
    drawn = curves(objective, space, params)
    rows = []
    for each in space.parameters:
        curve = drawn[each.name]
        rows.append(
            {
                **asdict(each),
                "chosen": params.get(each.name, each.default),
                "changed": each.name in params,
                "importance": shares.get(each.name),
                "lost_without": lost.get(each.name, 0.0),
                "curve": {"values": curve.values, "objective": curve.objective, "sets": curve.sets},
            }
        )
    return rows


def model_told(outcome: Outcome | None) -> dict[str, float]:
    """By signal its share of what the trees gained."""
    return gains(outcome.model) if outcome is not None and outcome.model is not None else {}


def sets_told(
    sets: Sequence[tuple[FrozenSet, str]], default: Values, findings: Mapping[str, Findings]
) -> list[dict[str, Any]]:
    """What was tuned on."""
    return [
        {
            "set": frozen.name,
            "topics": len(frozen.topics),
            "collection": collection,
            "generation": frozen.generation,
            "default": float(default[frozen.name].mean()),
            "input": asdict(findings[frozen.name]),
        }
        for frozen, collection in sets
    ]


def checks_told(checks: Mapping[str, Sequence[Checked]]) -> dict[str, Any]:
    """By what was searched with: each set, by the engine and from frozen candidates."""
    return {what: [each.told() for each in rows] for what, rows in checks.items()}


def _told(measure: str, default: Values, outcome: Outcome) -> dict[str, Any]:
    *queries, all_queries = outcome.queries
    lefts = outcome.left_out or ()
    by_set = {row.name: row for row in lefts}
    rows = [
        {
            "set": row.name,
            "topics": row.topics,
            "default": row.before,
            "in_sample": float(outcome.in_sample[row.name].mean()),
            "queries": _tested(row),
            "left_out": _tested(by_set[row.name]) if lefts else None,
        }
        for row in queries
    ]
    how = SETS if lefts else QUERIES
    what = "The tuned params" if outcome.model is None else "Trees"
    return {
        "params": outcome.told,
        "best": max(outcome.tried, key=lambda each: each[1])[0] if outcome.tried else None,
        "trials": len(outcome.tried),
        "objective": {
            "default": macro_of(default),
            "in_sample": macro_of(outcome.in_sample),
            "queries": _tested(all_queries),
            "left_out": _tested(lefts[-1]) if lefts else None,
        },
        "sets": rows,
        "splits": outcome.splits,
        "verdict": sentence(what, measure, how, outcome.out_of_sample, bool(outcome.told)),
    }


def _tested(row: Tested) -> dict[str, float]:
    return {"mean": row.after, "difference": row.difference, "p": row.p, "p_holm": row.p_holm}
