"""What is maximised: given frozen sets, returns a function from params to one value a topic, and their macro mean.

The objective is the mean over sets of the mean over topics, so that a large set does not win by its size, and what the
set that loses most loses against the defaults, `guard` times: gains of one set do not buy losses of another. Scores are
added up signal after signal as ranking/scores.py does, so that ties are the engine's ties, and settled by id. Topics
lie in slabs that fit the CPU's cache. Not for searching (trials.py) nor for what a set is (eval/frozen/candidates.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from eval.errors import TuneError
from eval.frozen.candidates import FrozenSet, FrozenTopic
from eval.tuning.graded import Graded, top
from eval.tuning.space import Params
from eval.tuning.weighing import Weighing
from ranking.types import Doubles

Values = Mapping[str, Doubles]
"""By set: [topics] one value each, in the order of the set."""

SLAB_CELLS: Final = 64_000
"""Topics x candidates of a slab: half a megabyte for the scores, and as much for a part of them."""


@dataclass(frozen=True, slots=True)
class Slab:
    """t topics of one set, padded to n candidates; those of a topic ascend by id."""

    topics: tuple[FrozenTopic, ...] = field(repr=False)
    columns: Doubles = field(repr=False)  # [signals, t, n]
    grades: Doubles = field(repr=False)  # [t, n]
    start: Doubles = field(repr=False)  # [t, n] 0, or -inf where nobody is


@dataclass(frozen=True, slots=True)
class Objective:
    """Of some topics of some sets. `signals` name the columns of the slabs."""

    measure: Graded
    base: Weighing
    signals: tuple[str, ...]
    guard: float
    slabs: Mapping[str, tuple[Slab, ...]] = field(repr=False)
    default: Mapping[str, float]  # mean of each set under the defaults

    def values(self, params: Params) -> Values:
        """Of every topic."""
        weighing = self.base.under(params)
        return {
            name: np.concatenate([self._measured(slab, self._scores(slab, weighing)) for slab in slabs])
            for name, slabs in self.slabs.items()
        }

    def means(self, params: Params) -> dict[str, float]:
        """By set."""
        return means_of(self.values(params))

    def of(self, means: Mapping[str, float]) -> float:
        """What is maximised, of the mean of each set."""
        worst = min(means[name] - self.default[name] for name in self.default)
        return macro(means) + self.guard * min(0.0, worst)

    def _scores(self, slab: Slab, weighing: Weighing) -> Doubles:
        scores, part = slab.start.copy(), np.empty_like(slab.start)
        for signal, column in zip(self.signals, slab.columns, strict=True):
            if signal == "dense":
                weights = [weighing.of_dense(topic.idfs, topic.documents) for topic in slab.topics]
                np.multiply(column, np.array(weights)[:, None], out=part)
            elif weight := weighing.of(signal):
                np.multiply(column, weight, out=part)
            else:
                continue
            np.add(scores, part, out=scores)
        return scores

    def _measured(self, slab: Slab, scores: Doubles) -> Doubles:
        return self.measure.of(top(scores, slab.grades, self.measure.k), [topic.gains for topic in slab.topics])


def objective_of(
    sets: Sequence[FrozenSet], searched: Sequence[str], base: Weighing, measure: Graded, guard: float = 0.0
) -> Objective:
    """`searched`: signals whose weights may change. TuneError for a signal that a set was frozen without."""
    wanted = {"dense", *searched}
    for frozen in sets:
        missing = sorted(wanted - {*frozen.signals})
        if missing:
            raise TuneError(
                f"{frozen.name} was frozen without {', '.join(missing)}", hint="freeze it anew, in another folder"
            )
        wanted.update(name for name in frozen.signals if base.of(name))
    signals = tuple(name for name in sets[0].signals if name in wanted)
    slabs = {frozen.name: _slabs(frozen, signals) for frozen in sets}
    made = Objective(measure, base, signals, guard, slabs, {})
    return replace(made, default=made.means({}))


def macro(means: Mapping[str, float]) -> float:
    """The mean over sets."""
    return float(np.mean(list(means.values())))


def means_of(values: Values) -> dict[str, float]:
    """By set."""
    return {name: float(each.mean()) for name, each in values.items()}


def macro_of(values: Values) -> float:
    """The mean over sets of the mean over topics."""
    return macro(means_of(values))


def _slabs(frozen: FrozenSet, signals: Sequence[str]) -> tuple[Slab, ...]:
    """In the order of the set, cut where the padded slab would be too large."""
    columns = [frozen.signals.index(name) for name in signals]
    slabs: list[Slab] = []
    waiting: list[FrozenTopic] = []
    widest = 0
    for topic in frozen.topics:
        widest = max(widest, len(topic.ids))
        if waiting and widest * (len(waiting) + 1) > SLAB_CELLS:
            slabs.append(_slab(waiting, columns))
            waiting, widest = [], len(topic.ids)
        waiting.append(topic)
    return (*slabs, _slab(waiting, columns)) if waiting else tuple(slabs)


def _slab(topics: Sequence[FrozenTopic], columns: Sequence[int]) -> Slab:
    width = max(1, *(len(topic.ids) for topic in topics)) if topics else 1
    values = np.zeros((len(columns), len(topics), width))
    grades, start = np.zeros((len(topics), width)), np.full((len(topics), width), -np.inf)
    for row, topic in enumerate(topics):
        size = len(topic.ids)
        values[:, row, :size] = topic.values[:, columns].T
        grades[row, :size] = topic.grades
        start[row, :size] = 0.0
    return Slab(tuple(topics), values, grades, start)
