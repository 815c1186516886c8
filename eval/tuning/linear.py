"""Params from frozen sets: given a space and a method, searches and chooses; the way to fit of tpe and coordinate.

Not for trees, which weigh nothing (trees.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from eval.frozen.candidates import FrozenSet
from eval.tuning.coordinate import search_coordinates
from eval.tuning.crossval import Fitted
from eval.tuning.graded import Graded
from eval.tuning.objective import Objective, Values, objective_of
from eval.tuning.record import Record, Trials
from eval.tuning.simplest import simplest
from eval.tuning.space import Params, Space
from eval.tuning.trials import search_tpe
from eval.tuning.weighing import Weighing

Method = Literal["tpe", "coordinate"]
METHODS: Final[tuple[Method, ...]] = ("tpe", "coordinate")
ALL_SETS: Final = "all sets"
"""The search on everything there is."""


@dataclass(frozen=True, slots=True)
class Linear:
    """How weights are tuned. `simplify`: the simplest within one standard error in place of the best."""

    method: Method
    space: Space
    base: Weighing
    measure: Graded
    trials: int
    seed: int
    simplify: bool
    guard: float = 0.0

    def objective(self, sets: Sequence[FrozenSet]) -> Objective:
        return objective_of(sets, self.space.signals, self.base, self.measure, self.guard)

    def search(self, objective: Objective, record: Record, name: str, progress: Callable[[], None]) -> Trials:
        """All trials of one search; those that are on disk are not made again."""
        trials = record.trials(f"{self.method}: {name}", objective.means, objective.of, progress)
        if self.method == "tpe":
            search_tpe(self.space, trials, self.trials, self.seed)
        else:
            search_coordinates(self.space, trials, self.trials)
        return trials

    def choose(self, objective: Objective, trials: Trials) -> dict[str, float]:
        """The params that are not defaults."""
        best = trials.best()
        return simplest(objective, self.space, best) if self.simplify else self.space.changed(best)

    def fit(self, record: Record, progress: Callable[[], None], name: str, train: Sequence[FrozenSet]) -> Fitted:
        """For crossval.py, with record and progress bound."""
        objective = self.objective(train)
        chosen = self.choose(objective, self.search(objective, record, name, progress))
        return Fitted(chosen, lambda sets: self.values(sets, chosen))

    def values(self, sets: Sequence[FrozenSet], params: Params) -> Values:
        """What the params give on any sets."""
        return self.objective(sets).values(params)
