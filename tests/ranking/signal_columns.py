"""One signal over small pages, for tests: given its name, a plan and evidence, returns its column as a list, NaN where
it has no data."""

from __future__ import annotations

import math

import numpy as np

from ranking.expression_nodes import SignalCall
from ranking.params import Params
from ranking.signals.catalogue import compute, compute_call, signals_for
from ranking.signals.input import SignalInput
from ranking.types import Evidence, Plan, SessionState
from tests.ranking.evidence import NOW, params

TITLE_AND_BODY = {"title": 3.0, "body": 1.0}


def lexical(**fields: object) -> Params:
    return params(retrieve=[{"type": "bm25", "fields": TITLE_AND_BODY, **fields}, {"type": "dense"}])


def values(
    name: str,
    plan: Plan,
    evidence: Evidence,
    asked: Params | None = None,
    session: SessionState | None = None,
    **arguments: float,
) -> list[float]:
    """One signal's column; NaN where it is missing, having checked that a missing value is 0. `arguments` are set as a
    score expression sets them; fields of the catalogue's families that the evidence holds are known."""
    given = SignalInput(plan, evidence, session or SessionState(), NOW, asked or lexical())
    specs = signals_for(tuple(evidence.ranks), tuple(sorted(evidence.numbers)))
    if arguments:
        column, missing = compute_call(given, specs, SignalCall(name, tuple(sorted(arguments.items()))))
    else:
        signals = compute(given, [specs[name]])
        column, missing = signals.values[0], signals.missing[0]
    if missing is None:
        return column.tolist()
    assert not column[missing].any()
    return np.where(missing, math.nan, column).tolist()
