"""Searching by a model of what was tried (optuna's TPE): given a space and trials, tries so many params.

Tree-structured Parzen estimators over all parameters together (Bergstra et al. 2011; multivariate: Falkner, Klein,
Hutter 2018). The defaults come first, then some at random. Seeded: the same seed tries the same params, also after an
interruption. Not for the choice among what was tried (simplest.py).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

from eval.tuning.record import Trials
from eval.tuning.space import Params, Space

AT_RANDOM: Final = 24
"""Trials before anything is modelled; not a share of all, so that a search with more trials goes on from one with
fewer."""


def search_tpe(space: Space, trials: Trials, count: int, seed: int) -> None:
    """`count` trials into `trials`."""
    optuna = _optuna()
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=AT_RANDOM)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial({each.name: each.middle for each in space.parameters if each.low <= each.middle <= each.high})
    ranges = distributions(space)
    for _ in range(count):
        trial = study.ask(ranges)
        study.tell(trial, trials.objective(trial.params))


def importances(space: Space, tried: Sequence[tuple[Params, float]]) -> dict[str, float]:
    """Of each parameter its share in what separates the best tenth of the trials from the rest (PED-ANOVA: Watanabe,
    Bansal, Hutter 2023); they add up to 1. Zeros where nothing separates them."""
    optuna = _optuna()
    ranges = distributions(space)
    study = optuna.create_study(direction="maximize")
    names = {*space.names}
    rows = [(params, value) for params, value in tried if {*params} == names]
    for params, value in rows:
        study.add_trial(optuna.trial.create_trial(params=dict(params), distributions=ranges, value=value))
    if len({value for _, value in rows}) < 2 or len(names) < 2:
        return dict.fromkeys(space.names, 1.0 if len(names) == 1 else 0.0)
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(shares.get(name, 0.0)) for name in space.names}


def distributions(space: Space) -> dict[str, Any]:
    """The ranges in optuna's terms."""
    uniform = _optuna().distributions.FloatDistribution
    return {each.name: uniform(each.low, each.high) for each in space.parameters}


def _optuna() -> Any:
    """Searches may run in several threads, so what is set is set for the process."""
    import optuna

    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
