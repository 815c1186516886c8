"""What each word of a query gave a candidate in each field: given the evidence, returns JSON-ready rows.

The term x field table splits the signal bm25: a term's part goes to fields in proportion to their weighted,
length-normalised frequencies, so the table sums to the signal. Not for whole rankings: rows are made one by one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ranking.params import Params
from ranking.signals.input import SignalInput
from ranking.signals.lexical import merged, normalised, shares
from ranking.types import FIELDS, Doubles, Evidence, Plan, Scored, SessionState


def term_table(plan: Plan, evidence: Evidence, params: Params, row: int, weight: float) -> list[dict[str, Any]]:
    """One entry per term of the plan; a field is listed where the term occurs in it. Reads this candidate alone."""
    ids, tf, dl = (evidence.ids[row],), evidence.tf[:, :, row : row + 1], evidence.dl[:, row : row + 1]
    given = SignalInput(plan, replace(evidence, ids=ids, tf=tf, dl=dl), SessionState(), 0.0, params)
    parts = _parts(given)
    places = {int(place): index for index, place in enumerate(given.scored)}
    table = []
    for place, planned in enumerate(plan.terms):
        index = places.get(place)
        own = parts[:, index] if index is not None else np.zeros(len(FIELDS))
        fields = {
            name: {
                "tf": float(evidence.tf[field, place, row]),
                "df": planned.statistics.field_df.get(name, 0),
                "length": float(evidence.dl[field, row]),
                "contribution": float(own[field]),
                "weighted": float(own[field] * weight),
            }
            for field, name in enumerate(FIELDS)
            if evidence.tf[field, place, row] > 0
        }
        table.append(
            {
                "term": planned.term.token,
                "from": planned.term.source,
                "df": planned.statistics.df,
                "idf": planned.idf,
                "boost": planned.term.boost,
                "scored": planned.scored,
                "kept": planned.kept,
                "why": planned.why,
                "contribution": float(own.sum()),
                "fields": fields,
            }
        )
    return table


def _parts(given: SignalInput) -> Doubles:
    """[F, T] what each field adds to bm25 of the only candidate through each scored term."""
    lexical = given.lexical
    whole = shares(given, lexical)[:, 0] if given.term_weights.sum() > 0 else np.zeros(len(given.scored))
    together = merged(given, lexical)[:, 0]
    parts = np.zeros((len(FIELDS), len(given.scored)))
    for field, weight in enumerate(lexical.weights):
        if weight:
            frequency = normalised(given, field, lexical.b)[:, 0] * weight
            parts[field] = whole * frequency / np.where(together > 0, together, 1.0)
    return parts


def bm25_weight(scored: Scored) -> float:
    """The weight of bm25, read back from its contribution."""
    signal = scored.signals.get("bm25", 0.0)
    return scored.contributions.get("bm25", 0.0) / signal if signal else 0.0
