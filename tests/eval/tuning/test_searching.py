"""Searches find weights that were planted, go on where they were interrupted, and keep to what is simple."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eval.errors import TuneError
from eval.frozen.candidates import FrozenSet
from eval.tuning.graded import read_measure
from eval.tuning.importance import ablation, curves
from eval.tuning.linear import Linear, Method
from eval.tuning.objective import macro_of
from eval.tuning.record import FILE, Record
from eval.tuning.simplest import significant, simplest, standard_error
from eval.tuning.space import space_of
from eval.tuning.trials import importances
from eval.tuning.weighing import weighing_of
from ranking.signals.catalogue import SIGNALS
from tests.eval.tuning.made import planted

BASE = weighing_of({"weights": {"dense": 0.0, "bm25.bigram": 0.0}})
BEST = {"bm25": 1.0, "bm25.bigram": 0.6}
SPACE = space_of(["weights.bm25.bigram=0..2", "weights.coverage_idf=0..2"], list(SIGNALS), BASE)
SETS = (planted("one", BEST, seed=1), planted("two", BEST, topics=15, seed=2))
METHODS: tuple[Method, ...] = ("tpe", "coordinate")


def way(method: Method = "tpe", trials: int = 60, simplify: bool = True, seed: int = 7) -> Linear:
    return Linear(method, SPACE, BASE, read_measure("nDCG@10"), trials, seed, simplify)


def searched(folder: Path, made: Linear, sets: tuple[FrozenSet, ...] = SETS) -> list[tuple[dict[str, float], float]]:
    """The trials of one search in a folder."""
    folder.mkdir(exist_ok=True)
    with Record(folder / FILE, {"seed": made.seed}) as record:
        return made.search(made.objective(sets), record, "all", lambda: None).tried


@pytest.mark.parametrize("method", METHODS)
def test_planted_weights_are_recovered(tmp_path: Path, method: Method) -> None:
    """The weight that matters near its place, the one that does not at its default."""
    made = way(method)
    tried = searched(tmp_path, made)
    objective = made.objective(SETS)
    best = max(tried, key=lambda each: each[1])
    assert best[1] > macro_of(objective.values({})) + 0.1
    chosen = simplest(objective, SPACE, best[0])
    assert chosen.keys() == {"weights.bm25.bigram"}
    assert chosen["weights.bm25.bigram"] == pytest.approx(0.6, abs=0.15)
    assert macro_of(objective.values(chosen)) > 0.95


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_search_goes_on_and_ends_alike(tmp_path: Path, method: Method) -> None:
    """Cut in the middle of a line: the same trials, the same bytes, and none is measured twice."""
    whole = searched(tmp_path / "a", way(method))
    searched(tmp_path / "b", way(method, trials=20))
    path = tmp_path / "b" / FILE
    path.write_bytes(path.read_bytes()[:-30])
    measured = []

    made = way(method)
    with Record(path, {"seed": made.seed}) as record:
        objective = made.objective(SETS)

        def counted(params: Mapping[str, float]) -> dict[str, float]:
            measured.append(params)
            return objective.means(params)

        trials = record.trials(f"{method}: all", counted, objective.of)
        if method == "tpe":
            from eval.tuning.trials import search_tpe

            search_tpe(SPACE, trials, made.trials, made.seed)
        else:
            from eval.tuning.coordinate import search_coordinates

            search_coordinates(SPACE, trials, made.trials)
    assert trials.tried == whole
    assert len(measured) == len(whole) - 19
    assert path.read_bytes() == (tmp_path / "a" / FILE).read_bytes()


def test_another_seed_tries_other_params(tmp_path: Path) -> None:
    """After the defaults, which come first under every seed."""
    one, other = (searched(tmp_path / str(seed), way(seed=seed, trials=5)) for seed in (1, 2))
    assert one[0] == other[0]
    assert one[0][0] == SPACE.defaults()
    assert one[1] != other[1]


def test_trials_of_another_tuning_are_refused(tmp_path: Path) -> None:
    """What differs is named, and so is a line that cannot be read, and a trial that this version would not make."""
    searched(tmp_path, way(trials=3))
    path = tmp_path / FILE
    with pytest.raises(TuneError, match="seed differ"):
        Record(path, {"seed": 8})
    lines = path.read_text().splitlines()
    row = json.loads(lines[2])
    path.write_text("\n".join([*lines[:2], json.dumps({**row, "params": {"weights.rrf": 1.0}}), *lines[3:]]) + "\n")
    with pytest.raises(TuneError, match="trial 1 of tpe: all tried other params"):
        searched(tmp_path, way(trials=3))
    path.write_text("\n".join([lines[0], lines[1][:-5], *lines[2:]]) + "\n")
    with pytest.raises(TuneError, match="line 2"):
        Record(path, {"seed": 7})


def test_the_defaults_stay_where_nothing_is_better() -> None:
    """Chance wins by less than a standard error."""
    noise = tuple(planted(name, {"bm25": 1.0}, seed=seed) for seed, name in enumerate("ab"))
    objective = way().objective(noise)
    assert simplest(objective, SPACE, {"weights.bm25.bigram": 0.001, "weights.coverage_idf": 0.0}) == {}


def test_the_standard_error_is_that_of_the_macro_mean() -> None:
    """By hand: differences (0, 1) have variance 1/2, so of their mean 1/4; (0, 0, 0) none. sqrt(1/4) / 2 sets."""
    one = {"a": np.array([1.0, 2.0]), "b": np.zeros(3)}
    other = {"a": np.array([1.0, 1.0]), "b": np.zeros(3)}
    assert standard_error(one, other) == pytest.approx(0.25)


def test_numbers_are_rounded_to_significant_digits() -> None:
    """Not to decimals: weights are of all sizes."""
    assert [significant(value, 2) for value in (13.37, 0.0123, -0.555)] == [13.0, 0.012, -0.56]


def test_what_matters_is_seen_to_matter(tmp_path: Path) -> None:
    """In the trials, by going back to the default, and in the curve, which peaks at the planted weight."""
    narrow = space_of(["weights.bm25.bigram=0..2", "weights.coverage_idf=0..0.01"], list(SIGNALS), BASE)
    made = replace(way(), space=narrow)
    shares = importances(narrow, searched(tmp_path, made))
    assert shares["weights.bm25.bigram"] > 0.6
    assert sum(shares.values()) == pytest.approx(1.0)
    objective = made.objective(SETS)
    lost = ablation(objective, {"weights.bm25.bigram": 0.6, "weights.coverage_idf": 0.01})
    assert lost["weights.bm25.bigram"] > 0.1 > lost["weights.coverage_idf"]
    curve = curves(objective, narrow, {"weights.bm25.bigram": 0.6})["weights.bm25.bigram"]
    assert curve.values[int(np.argmax(curve.objective))] == 0.6
    assert curve.sets.keys() == {"one", "two"}
    assert list(curve.values) == sorted(curve.values)


def test_shares_of_a_search_that_found_nothing_are_zero() -> None:
    """No trial is better than another."""
    tried = [({"weights.bm25.bigram": n / 9, "weights.coverage_idf": 1 - n / 9}, 0.5) for n in range(10)]
    assert importances(SPACE, tried) == {"weights.bm25.bigram": 0.0, "weights.coverage_idf": 0.0}
