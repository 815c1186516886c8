"""Forests of decision trees, for tests: their text as LightGBM writes it, and what a model makes of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.rerankers.trees import TreeModel
from ranking.types import Doubles

NAMES = ["bm25", "dense", "authority", "freshness", "kind"]


def columns(table: Doubles) -> dict[str, Doubles]:
    return {name: table[:, i] for i, name in enumerate(NAMES[: table.shape[1]])}


def margins(model: TreeModel, table: Doubles) -> Doubles:
    return model.margin(columns(table), len(table))


Tree = dict[str, list[Any]]


def text_of(forest: Sequence[Tree], features: int = 3, header: str = "", **changed: str) -> str:
    """The text of these trees. `changed` replaces a line of the header."""
    lines = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
    lines |= {"max_feature_idx": str(features - 1), "objective": "regression"}
    lines |= {"feature_names": " ".join(NAMES[:features]), "feature_infos": "none " * features}
    lines |= {"tree_sizes": " ".join("9" for _ in forest)}
    parts = ["tree", *(f"{name}={value}" for name, value in (lines | changed).items() if value != "absent"), header, ""]
    for number, tree in enumerate(forest):
        parts += [f"Tree={number}", f"num_leaves={len(tree['leaf_value'])}"]
        parts += [f"{name}={' '.join(map(repr, values))}" for name, values in tree.items()]
        parts += ["is_linear=0", "shrinkage=1", "", ""]
    return "\n".join([*parts, "end of trees", "", "feature_importances:", "bm25=1", "", "pandas_categorical:null", ""])


STUMP: Tree = {
    "split_feature": [0],
    "threshold": [0.5],
    "decision_type": [2],
    "left_child": [-1],
    "right_child": [-2],
    "leaf_value": [-2.0, 3.0],
}


def chain(length: int) -> Tree:
    """Every node's right child is the next node."""
    return {
        "split_feature": [0] * length,
        "threshold": [0.5] * length,
        "decision_type": [2] * length,
        "left_child": [~i for i in range(length)],
        "right_child": [*range(1, length), ~length],
        "leaf_value": [0.0] * (length + 1),
    }


def ranker(value: float = 0.5, feature: str = "bm25") -> str:
    """The text of a model with one decision."""
    lines = ["tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0", "max_feature_idx=0"]
    lines += ["objective=regression", f"feature_names={feature}", "feature_infos=[0:1]", "tree_sizes=1", ""]
    lines += ["Tree=0", "num_leaves=2", "num_cat=0", "split_feature=0", "threshold=0.5", "decision_type=2"]
    lines += ["left_child=-1", "right_child=-2", f"leaf_value=-{value} {value}", "is_linear=0", "shrinkage=1", "", ""]
    return "\n".join([*lines, "end of trees", ""])
