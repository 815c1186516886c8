"""LightGBM models: predictions against lightgbm itself and against the format in plain Python."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import InvalidModelError
from indexer.rerankers import trees
from indexer.rerankers.trees import load_trees
from tests.indexer.forests import NAMES, STUMP, Tree, columns, margins, text_of

# ---------------------------------------------------------------- against lightgbm

ROWS = 400
generator = np.random.default_rng(7)
TABLE = generator.random((ROWS, 5))
TABLE[:, 4] = generator.integers(0, 90, ROWS)  # three words of categories
TABLE[generator.random((ROWS, 5)) < 0.15] = np.nan
TABLE[generator.random((ROWS, 5)) < 0.1] = 0.0
TARGET = np.nan_to_num(TABLE[:, 0]) + np.isin(TABLE[:, 4], [1, 5, 33, 70, 71]) + generator.normal(0, 0.1, ROWS)
GRADES = np.clip(TARGET * 2.5, 0, 4).astype(int)
GROUPS = [ROWS // 4] * 4
EDGES = np.array(
    [
        [value, other, 0.5, 0.5, kind]
        for value in (0.0, -0.0, np.nan, np.inf, -np.inf, 1e-36, -1e-36, 2e-35, 1e300)
        for other in (0.3, np.nan)
        for kind in (np.nan, -1.0, -0.5, 0.0, 1.9, 33.0, 71.0, 95.0, 1e9, 2.0**31, 1e300, np.inf)
    ]
)

CASES: dict[str, dict[str, Any]] = {
    "regression": {"objective": "regression"},
    "binary": {"objective": "binary"},
    "binary, another slope": {"objective": "binary", "sigmoid": 0.3},
    "binary random forest": {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1},
    "lambdarank": {"objective": "lambdarank"},
    "rank_xendcg": {"objective": "rank_xendcg", "seed": 3},
    "zero means missing": {"objective": "regression", "zero_as_missing": True},
    "nothing means missing": {"objective": "regression", "use_missing": False},
    "one category a time": {"objective": "regression", "max_cat_to_onehot": 200},
    "dart": {"objective": "regression", "boosting": "dart", "drop_seed": 5},
    "one leaf": {"objective": "regression", "min_data_in_leaf": ROWS},
}


@pytest.fixture(scope="module")
def lightgbm() -> Any:
    try:
        return importlib.import_module("lightgbm")  # comes with `make install`
    except OSError as error:  # its library wants libgomp from the system
        pytest.skip(f"lightgbm cannot be loaded: {error}")


def train(lightgbm: Any, rounds: int = 20, **settings: Any) -> Any:
    """A booster over TABLE whose last column is categorical."""
    objective = str(settings["objective"])
    target = GRADES > 1 if objective == "binary" else GRADES if "rank" in objective else TARGET
    data = lightgbm.Dataset(
        TABLE, target, group=GROUPS if "rank" in objective else None, feature_name=NAMES, categorical_feature=[4]
    )
    usual = {"num_leaves": 8, "min_data_in_leaf": 5, "min_data_per_group": 2, "cat_smooth": 1, "max_cat_to_onehot": 1}
    quiet = {"verbose": -1, "num_threads": 1, "deterministic": True}
    return lightgbm.train({**usual, **quiet, **settings}, data, rounds)


@pytest.mark.parametrize("case", CASES)
def test_predicts_what_lightgbm_predicts(lightgbm: Any, case: str) -> None:
    """Margins bit for bit, on the training rows (with missing values and categories) and at the edges of every rule."""
    booster = train(lightgbm, **CASES[case])
    model = load_trees(booster.model_to_string())
    for table in (TABLE, EDGES):
        wanted = booster.predict(table, raw_score=True, num_threads=1)
        wanted = wanted / booster.num_trees() if "forest" in case else wanted
        assert np.array_equal(margins(model, table), wanted)
    assert model.trees == booster.num_trees()
    if CASES[case]["objective"] == "binary":
        score = model.score(columns(TABLE), ROWS)
        np.testing.assert_allclose(score, booster.predict(TABLE, num_threads=1), rtol=1e-12)


def test_training_used_what_the_comparison_is_about(lightgbm: Any) -> None:
    """Categories, missing values of every kind and single leaves were really in those models."""
    texts = {case: train(lightgbm, **CASES[case]).model_to_string() for case in CASES}
    kinds = {
        case: {int(kind) for line in re.findall(r"^decision_type=(.+)$", text, re.MULTILINE) for kind in line.split()}
        for case, text in texts.items()
    }
    assert {kind >> 2 for kind in kinds["regression"]} == {2}
    assert {kind >> 2 for kind in kinds["zero means missing"]} >= {1}
    assert {kind >> 2 for kind in kinds["nothing means missing"] if not kind & 1} == {0}
    assert {kind & 1 for kind in kinds["regression"]} == {0, 1}
    assert {kind & 2 for kind in kinds["regression"]} == {0, 2}
    assert re.search(r"^threshold=.*\binf\b", texts["regression"], re.MULTILINE)  # "is it missing?"
    assert "average_output" in texts["binary random forest"]
    assert "num_leaves=1\n" in texts["one leaf"]


def test_names_and_size_are_those_of_the_booster(lightgbm: Any) -> None:
    """Names as trained, those that are read, and how much a row can cost."""
    booster = train(lightgbm, objective="regression")
    model = load_trees(booster.model_to_string())
    frame = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    assert model.feature_names == tuple(NAMES)
    used = booster.feature_importance("split") > 0
    assert model.used_features == tuple(name for name, count in zip(NAMES, used, strict=True) if count)
    assert model.steps == sum(depth(tree) for tree in frame)
    assert re.fullmatch(r"lightgbm/[0-9a-f]{12}", model.id)
    assert load_trees(booster.model_to_string()) is not model
    assert load_trees(booster.model_to_string()).fingerprint == model.fingerprint


def depth(node: dict[str, Any]) -> int:
    return 1 + max(depth(node["left_child"]), depth(node["right_child"])) if "left_child" in node else 0


def test_linear_leaves_and_several_classes_are_refused(lightgbm: Any) -> None:
    """With the setting to change."""
    data = lightgbm.Dataset(TABLE[:, :4], TARGET, params={"linear_tree": True})
    linear = lightgbm.train({"objective": "regression", "linear_tree": True, "verbose": -1}, data, 2)
    with pytest.raises(InvalidModelError, match="linear leaves") as caught:
        load_trees(linear.model_to_string())
    assert "linear_tree=false" in str(caught.value.hint)
    data = lightgbm.Dataset(TABLE, GRADES)
    classes = lightgbm.train({"objective": "multiclass", "num_class": 5, "verbose": -1}, data, 2)
    with pytest.raises(InvalidModelError, match="num_class is 5"):
        load_trees(classes.model_to_string())


# ---------------------------------------------------------------- against the format, in plain Python


def walk(tree: Tree, row: Sequence[float]) -> float:
    """The value of one row in one tree, node by node, as LightGBM's tree.h has it."""
    node = 0 if tree["split_feature"] else -1
    while node >= 0:
        value, kind = row[tree["split_feature"][node]], tree["decision_type"][node]
        if kind & 1:
            left = False
            if not math.isnan(value) and -1 < value < 2**31:
                run = int(tree["threshold"][node])
                words = tree["cat_threshold"][tree["cat_boundaries"][run] : tree["cat_boundaries"][run + 1]]
                left = int(value) // 32 < len(words) and bool(words[int(value) // 32] >> int(value) % 32 & 1)
        else:
            if math.isnan(value) and kind >> 2 != 2:
                value = 0.0
            if (kind >> 2 == 1 and abs(value) <= trees.ZERO) or (kind >> 2 == 2 and math.isnan(value)):
                left = bool(kind & 2)
            else:
                left = value <= tree["threshold"][node]
        node = tree["left_child" if left else "right_child"][node]
    return float(tree["leaf_value"][~node])


@st.composite
def grown(draw: st.DrawFn) -> Tree:
    """A tree grown as LightGBM grows one: each split turns a leaf into a node and adds a leaf."""
    splits = draw(st.integers(0, 12))
    left: list[Any] = []
    right: list[Any] = []
    for node in range(splits):
        leaf = draw(st.integers(0, node))
        for children in (left, right):
            children[:] = [node if child == ~leaf else child for child in children]
        left.append(~leaf)
        right.append(~(node + 1))
    runs = draw(st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=3), min_size=1, max_size=3))
    kinds = draw(st.lists(st.sampled_from([0, 2, 4, 6, 8, 10, 1, 9]), min_size=splits, max_size=splits))
    number = st.sampled_from([0.0, trees.ZERO, -trees.ZERO, 0.25, 0.5, 1e300, -1.0, math.inf])
    return {
        "split_feature": draw(st.lists(st.integers(0, 2), min_size=splits, max_size=splits)),
        "threshold": [float(draw(st.integers(0, len(runs) - 1))) if kind & 1 else draw(number) for kind in kinds],
        "decision_type": kinds,
        "left_child": left,
        "right_child": right,
        "leaf_value": draw(st.lists(st.floats(-9, 9), min_size=splits + 1, max_size=splits + 1)),
        "cat_boundaries": [sum(map(len, runs[:i])) for i in range(len(runs) + 1)],
        "cat_threshold": [word for run in runs for word in run],
    }


VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e-36, 0.25, 0.5, -0.5, 31.0, 32.0, 64.5, 95.0]),
    st.floats(allow_nan=True),
)


@given(st.lists(grown(), min_size=1, max_size=5), st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=0, max_size=9))
def test_any_forest_and_any_row(forest: list[Tree], rows: list[tuple[float, float, float]]) -> None:
    """Against the walk in plain Python, bit for bit; scores are in [0, 1] and in the order of the margins; and a row
    alone gets what it gets among others."""
    model = load_trees(text_of(forest))
    table = np.array(rows).reshape(len(rows), 3)
    wanted = [sum((walk(tree, row) for tree in forest), 0.0) for row in rows]
    assert margins(model, table).tolist() == wanted
    scores = model.score(columns(table), len(rows))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.diff(scores[np.argsort(wanted, kind="stable")]) >= 0).all()
    for i in range(len(rows)):
        assert model.score(columns(table[i : i + 1]), 1)[0] == scores[i]


def test_score_is_the_sigmoid_of_the_margin() -> None:
    """By hand; saturated at both ends without a warning, also for leaves as large as numbers get."""
    score = load_trees(text_of([STUMP])).score({"bm25": np.array([0.5, 0.6])}, 2)
    np.testing.assert_allclose(score, [1 / (1 + math.exp(2)), 1 / (1 + math.exp(-3))], rtol=1e-15)
    for large in (800.0, 1.7e308):
        model = load_trees(text_of([STUMP | {"leaf_value": [-large, large]}] * 3))
        assert model.score({"bm25": np.array([0.0, 1.0])}, 2).tolist() == [0.0, 1.0]
    steep = load_trees(text_of([STUMP], objective="binary sigmoid:2.5"))
    assert steep.score({"bm25": np.array([1.0])}, 1)[0] == pytest.approx(1 / (1 + math.exp(-7.5)), rel=1e-15)


def test_no_rows_many_rows_and_absent_features() -> None:
    """Only what is read must be there; what is read is named when it is not, and must have the right shape."""
    model = load_trees(text_of([STUMP]))
    assert model.feature_names == ("bm25", "dense", "authority")
    assert model.used_features == ("bm25",)
    assert model.score({"bm25": np.zeros(0)}, 0).shape == (0,)
    many = np.linspace(0, 1, 100_001)
    assert np.array_equal(model.margin({"bm25": many}, len(many)), np.where(many <= 0.5, -2.0, 3.0))
    with pytest.raises(InvalidModelError, match="not there: bm25"):
        model.score({"dense": np.zeros(3)}, 3)
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        model.score({"bm25": np.zeros(4)}, 3)


def test_line_ends_of_other_systems_are_read() -> None:
    """The text went through an editor on Windows."""
    text = text_of([STUMP, STUMP])
    assert load_trees(text.replace("\n", "\r\n")).steps == load_trees(text).steps == 2
