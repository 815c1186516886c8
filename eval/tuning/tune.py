"""One tuning, start to end: given an engine, sets and a plan, searches params and writes what they are worth.

OUT/frozen/*.npz     candidates, frozen once
OUT/trials.jsonl     every trial; an interrupted run goes on from it
OUT/profile.json     what was chosen, as a request has it
OUT/model.txt        the trees, where they were asked for
OUT/report.md        tables for reading
OUT/tune.json        everything, for programs; it and those above are new together, or none is

Nothing of the product's defaults is changed: what was chosen is saved as the next version of a profile.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from api.engine import Engine
from eval.adhoc.evaluate import check
from eval.adhoc.runs import TENANT, Progress
from eval.errors import TuneError
from eval.frozen.candidates import FrozenSet
from eval.tuning.body import checks_told, model_told, outcomes_told, parameters_told, sets_told
from eval.tuning.crossval import Fit, cross_validate
from eval.tuning.files import write
from eval.tuning.folds import by_query, by_set
from eval.tuning.graded import Graded
from eval.tuning.linear import ALL_SETS, METHODS, Linear
from eval.tuning.objective import Values, objective_of
from eval.tuning.outcome import Outcome, best_of
from eval.tuning.profile import Checked, check_profile_name, over, save_profile, searched_again
from eval.tuning.record import FILE, Record
from eval.tuning.sets import Place, check_names, fingerprint, frozen_place, read_set
from eval.tuning.space import Space, space_of
from eval.tuning.trees import Trees, stage
from eval.tuning.verdict import differences
from eval.tuning.weighing import WEIGHTS, Weighing, weighing_of
from ranking.nearest import nearest
from ranking.signals.catalogue import META_PREFIX, SIGNALS

TREES: Final = "trees"
ALL: Final = "all"
FROZEN: Final = "frozen"
MODEL_SUFFIX: Final = "-trees"
"""After a profile's name: the name of the model."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tuned, and how. `profile` is where it starts, `name` what is saved; `checked` topics of each set are
    searched again by the engine; `frozen`: where candidates are kept, if not in OUT."""

    methods: tuple[str, ...]
    measure: Graded
    params: tuple[str, ...] = ()
    trials: int = 500
    folds: int = 5
    seed: int = 20_261_123
    simplify: bool = True
    guard: float = 0.0
    threads: int = 1
    limit: int | None = None
    profile: str | None = None
    name: str = "tuned"
    allow_missing: bool = False
    checked: int = 200
    frozen: Path | None = None


@dataclass(frozen=True, slots=True)
class Tuned:
    """What all steps below share."""

    base: Mapping[str, Any]
    weighing: Weighing
    space: Space
    places: tuple[Place, ...]
    default: Values

    @property
    def sets(self) -> tuple[FrozenSet, ...]:
        return tuple(place.frozen for place in self.places)


def methods_of(asked: str) -> tuple[str, ...]:
    """TuneError for a method that does not exist."""
    known = (*METHODS, TREES)
    if asked not in (*known, ALL):
        raise TuneError(
            f"there is no method {asked!r}",
            path="--method",
            hint=f"{', '.join(known)}, or {ALL}",
            did_you_mean=nearest(asked, (*known, ALL)),
        )
    return known if asked == ALL else (asked,)


def tune(engine: Engine, sources: Sequence[Path | str], out: Path, plan: Plan, progress: Progress) -> dict[str, Any]:
    """tune.json's body. Whatever can be refused is refused before anything is indexed or searched."""
    tests = [read_set(source, plan.limit, plan.folds) for source in sources]
    base = dict(engine.read_profile(plan.profile, TENANT)["params"]) if plan.profile else {}
    weighing = weighing_of(base)
    space = space_of(plan.params, _known_signals(engine, base, plan), weighing)
    check_names(tests)
    check_profile_name(plan.name)
    findings = {test.name: check(engine, test, out, base, None, False, plan.allow_missing) for test in tests}
    places = tuple(
        frozen_place(engine, test, plan.frozen or out / FROZEN, base, space.signals, plan.threads, progress)
        for test in tests
    )
    frozen = [place.frozen for place in places]
    objective = objective_of(frozen, space.signals, weighing, plan.measure, plan.guard)
    default = objective.values({})
    tuned = Tuned(base, weighing, space, places, default)
    header = {
        "measure": str(plan.measure),
        "seed": plan.seed,
        "space": [asdict(each) for each in space.parameters],
        "sets": {each.name: fingerprint(each) for each in frozen},
        "request": base,
        "guard": plan.guard,
    }
    with Record(out / FILE, header) as record:
        outcomes = fitted_all(tuned, plan, record, progress)
    chosen = best_of(outcomes, METHODS)
    request = over(base, outcomes[chosen].told) if chosen else dict(base)
    reference = save_profile(engine, plan.name, request)  # also of what it began with, where that stays
    expected = outcomes[chosen].in_sample if chosen else default
    asked: dict[str, Any] = {"profile": reference}
    checks = {"params": _checked(engine, tuned, asked, expected, plan, progress)}
    text, model = outcomes[TREES].model if TREES in outcomes else None, None
    if text is not None:
        name = plan.name + MODEL_SUFFIX
        model = f"{name}@{engine.models.put(name, text, TENANT)['version']}"
        asked = {**base, "rerank": [stage(model)]}
        checks[TREES] = _checked(engine, tuned, asked, outcomes[TREES].in_sample, plan, progress)
    body = {
        "measure": str(plan.measure),
        "seed": plan.seed,
        "trials": plan.trials,
        "folds": plan.folds,
        "simplest": plan.simplify,
        "guard": plan.guard,
        "base": base,
        "sets": sets_told([(place.frozen, place.collection) for place in places], default, findings),
        "chosen": chosen,
        "methods": outcomes_told(str(plan.measure), default, outcomes),
        "parameters": parameters_told(objective, space, outcomes, chosen),
        "gains": model_told(outcomes.get(TREES)),
        "profile": reference,
        "request": request,
        "model": model,
        "engine": checks_told(checks),
    }
    write(out, body, request, text)
    return body


def fitted_all(tuned: Tuned, plan: Plan, record: Record, progress: Progress) -> dict[str, Outcome]:
    """Every method: on all sets, and cross-validated over queries and over sets."""
    sets = tuned.sets
    folds, lefts = by_query(sets, plan.folds, plan.seed), by_set(sets)
    fits = 1 + len(folds) + len(lefts)
    outcomes = {}
    for method in plan.methods:
        forest = method == TREES
        tick = _Ticker(progress, fits * (1 if forest else plan.trials), method)
        fit = _fit_of(method, tuned, plan, record, tick)
        whole = fit(ALL_SETS, sets)
        threads = 1 if forest else plan.threads  # trees use them all themselves
        queries = cross_validate(folds, sets, fit, threads, tick.stop)
        left = cross_validate(lefts, sets, fit, threads, tick.stop) if lefts else None
        outcomes[method] = Outcome(
            told=whole.told,
            in_sample=whole.measure(sets),
            queries=differences(tuned.default, queries.values),
            left_out=differences(tuned.default, left.values) if left else None,
            splits={**queries.told, **(left.told if left else {})},
            tried=record.tried(f"{method}: {ALL_SETS}")[: plan.trials],
            model=whole.model,
        )
    return outcomes


def _fit_of(method: str, tuned: Tuned, plan: Plan, record: Record, tick: _Ticker) -> Fit:
    if method == TREES:
        return partial(Trees(tuned.weighing, plan.measure, plan.seed, plan.threads).fit, tick)
    found = next(each for each in METHODS if each == method)
    way = Linear(found, tuned.space, tuned.weighing, plan.measure, plan.trials, plan.seed, plan.simplify, plan.guard)
    return partial(way.fit, record, tick)


def _known_signals(engine: Engine, base: Mapping[str, Any], plan: Plan) -> list[str]:
    """Those of the catalogue, of the request's retrievers, and metadata fields that are named."""
    resolved = engine.plan({**base, "query": "any"}, TENANT)["resolved"]
    named = (text.partition("=")[0].strip().removeprefix(WEIGHTS) for text in plan.params)
    fields = (name for name in named if name.startswith(META_PREFIX))
    return list(dict.fromkeys([*SIGNALS, *resolved["weights"], *fields]))


def _checked(
    engine: Engine, tuned: Tuned, asked: Mapping[str, Any], expected: Values, plan: Plan, progress: Progress
) -> list[Checked]:
    return [
        searched_again(
            engine,
            place.test,
            place.collection,
            asked,
            expected[place.frozen.name],
            plan.measure,
            topics=plan.checked,
            threads=plan.threads,
            progress=progress,
        )
        for place in tuned.places
    ]


class _Ticker:
    """Counts what is done by several threads."""

    def __init__(self, progress: Progress, total: int, note: str) -> None:
        self._progress, self._total, self._note, self._done = progress, total, note, 0
        self._guard = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Whoever counts next is stopped."""
        self._stopped = True

    def __call__(self) -> None:
        with self._guard:
            if self._stopped:
                raise TuneError("another search was stopped", hint="run the same command again to go on")
            self._done += 1
            self._progress(self._done, self._total, self._note)
