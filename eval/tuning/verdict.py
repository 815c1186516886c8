"""What a difference is worth: given values by topic of the default and of what was tuned, returns tests, a sentence.

Paired randomisation in each set, Holm over the sets; over all sets together the same test on the macro mean, where a
topic counts by one over the size of its set. Not for in-sample figures: those are always better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from eval.compare import SIGNIFICANCE, holm, randomisation_p
from eval.tuning.objective import Values, macro_of

ALL: Final = "all sets"


@dataclass(frozen=True, slots=True)
class Tested:
    """One set, or all of them; `difference` is after - before."""

    name: str
    topics: int
    before: float
    after: float
    p: float
    p_holm: float

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def significant(self) -> bool:
        return self.p_holm < SIGNIFICANCE


def differences(before: Values, after: Values) -> tuple[Tested, ...]:
    """Every set, then ALL; the last is one test and corrected for none."""
    names = list(before)
    ps = [randomisation_p(before[name], after[name]) for name in names]
    rows = [
        Tested(name, len(before[name]), float(before[name].mean()), float(after[name].mean()), p, corrected)
        for name, p, corrected in zip(names, ps, holm(ps), strict=True)
    ]
    topics = sum(row.topics for row in rows)
    share = np.concatenate([np.full(row.topics, topics / (len(rows) * row.topics)) for row in rows])
    whole = [np.concatenate([values[name] for name in names]) * share for values in (before, after)]
    p = randomisation_p(whole[0], whole[1])
    return (*rows, Tested(ALL, topics, macro_of(before), macro_of(after), p, p))


def sentence(what: str, measure: str, how: str, rows: Sequence[Tested], changed: bool) -> str:
    """Whether `what` was tuned beats the default on what it was not tuned on, in words."""
    *sets, overall = rows
    if not changed:
        return "The defaults stay: nothing that was tried is better by more than one standard error."
    worse = [row.name for row in sets if row.significant and row.difference < 0]
    figures = f"{overall.difference:+.4f} {measure} over all sets {how}, p = {overall.p:.4f}"
    if overall.difference > 0 and overall.significant:
        told = f"{what} beat the defaults out of sample: {figures}."
    else:
        told = f"{what} do NOT beat the defaults out of sample: {figures}."
    return told + (f" They are significantly worse on {', '.join(worse)}." if worse else "")
