"""What a method came to: given outcomes, says which one is chosen. Not for tables (report.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.tuning.objective import Values
from eval.tuning.space import Params
from eval.tuning.verdict import Tested


@dataclass(frozen=True, slots=True)
class Outcome:
    """One method. `told`: what was chosen on all sets; `queries`, `left_out`: each set and all of them, against the
    default, by fits that did not see the topic, or the set; `tried`: the trials of the search on all sets."""

    told: Mapping[str, Any]
    in_sample: Values = field(repr=False)
    queries: tuple[Tested, ...]
    left_out: tuple[Tested, ...] | None
    splits: Mapping[str, Mapping[str, Any]]
    tried: tuple[tuple[Params, float], ...] = field(default=(), repr=False)
    model: str | None = field(default=None, repr=False)

    @property
    def out_of_sample(self) -> tuple[Tested, ...]:
        """Over sets where there are several: what travels is what counts."""
        return self.queries if self.left_out is None else self.left_out


def best_of(outcomes: Mapping[str, Outcome], methods: Sequence[str]) -> str | None:
    """The one of `methods` that is best out of sample, the first of equals; None when none of them was tried."""
    tried = [method for method in methods if method in outcomes]
    return max(tried, key=lambda method: outcomes[method].out_of_sample[-1].after, default=None)
