"""LightGBM models that are none: what is refused, with what is wrong; and what no damage does."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import InvalidModelError
from indexer.rerankers import trees
from indexer.rerankers.trees import load_trees
from tests.indexer.forests import STUMP, chain, text_of

CATEGORY = STUMP | {"decision_type": [1], "threshold": [0.0], "cat_boundaries": [0, 1], "cat_threshold": [5]}
REFUSED: dict[str, tuple[str, str]] = {
    "nothing": ("", "begins with ''"),
    "prose": ("hello\nworld", "begins with 'hello'"),
    "JSON dump": ('{"name":"tree","version":"v4"}', "begins with"),
    "lone surrogate": ("tree\n\ud800", "not UTF-8"),
    "header alone": ("tree\nversion=v4\nnum_class=1", "no trees"),
    "cut in a tree": (text_of([STUMP, STUMP])[:-200], "cut off in tree 1"),
    "cut between trees": (text_of([STUMP, STUMP]).partition("Tree=1")[0], "cut off in tree 0"),
    "tree left out": (text_of([STUMP], tree_sizes="9 9"), "names 2 trees, and there are 1"),
    "no tree": (text_of([]), "names 0 trees"),
    "old format": (text_of([STUMP], version="v2"), "format is v2"),
    "no format": (text_of([STUMP], version="absent"), "format is not named"),
    "classes": (text_of([STUMP], num_class="3"), "num_class is 3"),
    "trees a class": (text_of([STUMP], num_tree_per_iteration="0"), "num_tree_per_iteration is 0"),
    "names too few": (text_of([STUMP], max_feature_idx="7"), "max_feature_idx is 7, but feature_names has 3"),
    "name twice": (text_of([STUMP], feature_names="bm25 bm25 dense"), "one twice"),
    "slope 0": (text_of([STUMP], objective="binary sigmoid:0"), "sigmoid is 0.0"),
    "slope no number": (text_of([STUMP], objective="binary sigmoid:1e999"), "sigmoid is inf"),
    "wrong number": (text_of([STUMP]).replace("Tree=0", "Tree=1"), "tree 0 is numbered '1'"),
    "line twice": (text_of([STUMP]).replace("is_linear=0", "threshold=0.5"), "'threshold' twice"),
    "noise": (text_of([STUMP]).replace("is_linear=0", "noise"), "a line 'noise'"),
    "linear": (text_of([STUMP]).replace("is_linear=0", "is_linear=1"), "linear leaves"),
    "leaves huge": (text_of([STUMP]).replace("num_leaves=2", "num_leaves=2000000000"), "num_leaves is 2000000000"),
    "leaves negative": (text_of([STUMP]).replace("num_leaves=2", "num_leaves=-5"), "num_leaves is -5"),
    "leaves absent": (text_of([STUMP]).replace("num_leaves=2\n", ""), "has no num_leaves"),
    "no leaf": (text_of([{"leaf_value": []}]), "num_leaves is 0"),
    "digits": (text_of([STUMP]).replace("num_leaves=2", "num_leaves=" + "9" * 9_000), "whole number of a sane size"),
    "not a number": (text_of([STUMP | {"threshold": ["x"]}]), "threshold holds something that is no number"),
    "NaN": (text_of([STUMP | {"threshold": [math.nan]}]), "threshold holds a NaN"),
    "infinite leaf": (text_of([STUMP | {"leaf_value": [1.0, math.inf]}]), "leaf_value holds a number that is not fin"),
    "short": (text_of([STUMP | {"right_child": []}]), "right_child has 0 values instead of 1"),
    "feature": (text_of([STUMP | {"split_feature": [77_777_777]}]), "a feature that has no name"),
    "feature negative": (text_of([STUMP | {"split_feature": [-1]}]), "a feature that has no name"),
    "decision": (text_of([STUMP | {"decision_type": [14]}]), "decision_type that does not exist"),
    "decision negative": (text_of([STUMP | {"decision_type": [-1]}]), "decision_type that does not exist"),
    "circle": (text_of([STUMP | {"left_child": [0]}]), "as a child once"),
    "far child": (text_of([STUMP | {"left_child": [99_999_999]}]), "as a child once"),
    "far leaf": (text_of([STUMP | {"left_child": [-99_999_999]}]), "as a child once"),
    "leaf twice": (text_of([STUMP | {"left_child": [-2]}]), "as a child once"),
    "circle off the root": (
        text_of([chain(3) | {"left_child": [-1, -2, -3], "right_child": [-4, 2, 1]}]),
        "a child before its parent",
    ),
    "its own child": (
        text_of([chain(3) | {"left_child": [-1, 1, -3], "right_child": [2, -2, -4]}]),
        "a child before its parent",
    ),
    "deep": (text_of([STUMP, chain(trees.MAX_DEPTH + 1)]), "tree 1 is more than 256 decisions deep"),
    "set": (text_of([CATEGORY | {"threshold": [1.0]}]), "set of categories that is not there"),
    "set, half": (text_of([CATEGORY | {"threshold": [0.5]}]), "set of categories that is not there"),
    "set, far": (text_of([CATEGORY | {"threshold": [1e300]}]), "set of categories that is not there"),
    "bounds": (text_of([CATEGORY | {"cat_boundaries": [0, 99_999_999]}]), "do not divide"),
    "bounds turn": (text_of([CATEGORY | {"cat_boundaries": [0, 2, 1]}]), "do not divide"),
    "bounds absent": (text_of([STUMP | {"decision_type": [1]}]), "do not divide"),
    "word": (text_of([CATEGORY | {"cat_threshold": [2**32]}]), "no 32-bit word"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_broken_text_is_refused_with_what_is_wrong(case: str) -> None:
    """422, where and what, and what would work. lightgbm itself ends the process or never returns on many of these."""
    text, message = REFUSED[case]
    with pytest.raises(InvalidModelError, match=re.escape(message)) as caught:
        load_trees(text)
    assert (caught.value.code, caught.value.status) == ("invalid_model", 422)
    assert caught.value.hint


def test_limits_are_inclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deepest tree and the most trees and bytes are read; one more is refused."""
    assert load_trees(text_of([chain(trees.MAX_DEPTH)])).steps == trees.MAX_DEPTH
    monkeypatch.setattr(trees, "MAX_STEPS", 9)
    assert load_trees(text_of([chain(4), chain(5)])).steps == 9
    with pytest.raises(InvalidModelError, match="up to 10 decisions"):
        load_trees(text_of([chain(5), chain(5)]))
    monkeypatch.setattr(trees, "MAX_TREES", 3)
    assert load_trees(text_of([STUMP] * 3)).trees == 3
    with pytest.raises(InvalidModelError, match="more than 3 trees"):
        load_trees(text_of([STUMP] * 4))
    monkeypatch.setattr(trees, "MAX_BYTES", len(text_of([STUMP])))
    assert load_trees(text_of([STUMP])).trees == 1
    with pytest.raises(InvalidModelError, match="bytes, more than"):
        load_trees(text_of([STUMP]) + "\n")


@settings(max_examples=300)
@given(st.data())
def test_any_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    """Lines lost, doubled or swapped, numbers replaced, the end cut: an InvalidModelError, or scores in [0, 1]."""
    lines = text_of([CATEGORY, chain(3), STUMP]).split("\n")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        deed = data.draw(st.sampled_from(["lose", "double", "swap", "number", "cut"]))
        if deed == "lose":
            del lines[at]
        elif deed == "double":
            lines.insert(at, lines[at])
        elif deed == "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif deed == "number":
            value = data.draw(
                st.sampled_from(["-1", "0", "1", "2", "3", "nan", "1e999", "99999999999999999999", "", "1_0"])
            )
            words = re.split(r"([ =])", lines[at])
            words[data.draw(st.integers(0, len(words) - 1))] = value
            lines[at] = "".join(words)
        else:
            lines[at:] = [lines[at][: data.draw(st.integers(0, len(lines[at])))]]
        lines = lines or [""]
    try:
        model = load_trees("\n".join(lines))
    except InvalidModelError:
        return
    values = np.array([0.0, 1.0, np.nan, -3.0, 40.0])
    scores = model.score(dict.fromkeys(model.feature_names, values), len(values))
    assert ((scores >= 0.0) & (scores <= 1.0)).all()
