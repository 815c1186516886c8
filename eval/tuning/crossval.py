"""Cross-validation: given splits and a way to fit, returns what every topic got from a fit that never saw it.

A fit is given its training sets and nothing else, and the whole of tuning runs inside it: search, and the choice of the
simplest. Not for how sets are split (folds.py) nor for tests of the difference (verdict.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eval.frozen.candidates import FrozenSet
from eval.tuning.folds import Split
from eval.tuning.objective import Values

Measure = Callable[[Sequence[FrozenSet]], Values]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a fit chose, JSON-ready, and how it measures sets."""

    told: Mapping[str, Any]
    measure: Measure
    model: str | None = field(default=None, repr=False)  # text of trees


Fit = Callable[[str, Sequence[FrozenSet]], Fitted]
"""(name of the search, training sets) -> what was chosen on them."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """`values` of every topic that was kept back, in the order of `sets`; `told` by split what was chosen."""

    values: Values
    told: Mapping[str, Mapping[str, Any]]


def cross_validate(
    splits: Sequence[Split],
    sets: Sequence[FrozenSet],
    fit: Fit,
    threads: int = 1,
    stop: Callable[[], None] = lambda: None,
) -> HeldOut:
    """Each topic of `sets` must be kept back by one split. `stop` is called when anything fails, or the user has had
    enough: fits that run in other threads should end soon then."""
    found: dict[tuple[str, str], float] = {}
    told = {}
    with ThreadPoolExecutor(threads) as pool:
        try:
            fits = pool.map(lambda split: fit(split.name, split.train), splits)
            for split, fitted in zip(splits, fits, strict=True):
                told[split.name] = fitted.told
                measured = fitted.measure(split.held)
                for frozen in split.held:
                    for topic, value in zip(frozen.topics, measured[frozen.name].tolist(), strict=True):
                        found[frozen.name, topic.topic] = value
        except BaseException:
            stop()
            raise
    values = {frozen.name: np.array([found[frozen.name, topic.topic] for topic in frozen.topics]) for frozen in sets}
    return HeldOut(values, told)
