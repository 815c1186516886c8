"""Trees over signals (LambdaMART), the challenger: given frozen sets, trains a model that rescores the best candidates.

LightGBM's lambdarank (Burges 2010) on the best candidates of each topic, every set counting the same. The model's text
is what `PUT /v1/models/<name>` takes; a request reads it with `rerank: [{"type": "trees", "model": ...}]`. Small on
purpose: a few thousand topics do not pay for more. Not for weights: linear.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from eval.frozen.candidates import FrozenSet, FrozenTopic, rank
from eval.tuning.crossval import Fitted
from eval.tuning.graded import Graded
from eval.tuning.objective import Values
from eval.tuning.weighing import Weighing
from indexer.rerankers.trees import TreeModel, load_trees
from ranking.rerank_params import TreesStage
from ranking.signals.catalogue import SIGNALS
from ranking.types import Doubles, Longs

LEAVES: Final = 31
LEAST_IN_LEAF: Final = 50
"""Candidates; with fewer a leaf learns single topics."""
TREES: Final = 150
LEARNING_RATE: Final = 0.05
FEATURES_A_TREE: Final = 0.5
"""Share of the signals that a tree may read: many of them say nearly the same."""
DEPTH: Final = 100
"""Best candidates of a topic that are read, in training and in a search."""
BLEND: Final = 0.7
"""Of the model against the score before it; what a search takes by default."""


@dataclass(frozen=True, slots=True)
class Trees:
    """How trees are trained: on the order that `base` gives, with all signals that no session changes."""

    base: Weighing
    measure: Graded
    seed: int
    threads: int

    def fit(self, progress: Callable[[], None], name: str, train: Sequence[FrozenSet]) -> Fitted:
        """For crossval.py, with progress bound."""
        text = self.train(train)
        progress()
        return Fitted({"trees": TREES}, lambda sets: self.values(sets, text), text)

    def train(self, sets: Sequence[FrozenSet]) -> str:
        """The model's text."""
        import lightgbm

        features = features_of(sets[0])
        rows: list[Doubles] = []
        labels: list[Longs] = []
        groups: list[int] = []
        weights: list[Doubles] = []
        for frozen in sets:
            columns = [frozen.signals.index(name) for name in features]
            for topic in frozen.topics:
                best = base_order(frozen, topic, self.base)[0][:DEPTH]
                rows.append(topic.values[best][:, columns])
                labels.append(topic.grades[best])
                groups.append(len(best))
                weights.append(np.full(len(best), 1.0 / len(frozen.topics)))
        target, weight = np.concatenate(labels), np.concatenate(weights)
        data = lightgbm.Dataset(
            np.concatenate(rows), target, group=groups, weight=weight / weight.mean(), feature_name=list(features)
        )
        booster = lightgbm.train(self._settings(int(target.max(initial=1))), data, TREES)
        text: str = booster.model_to_string(num_iteration=TREES)
        return text

    def values(self, sets: Sequence[FrozenSet], text: str) -> Values:
        """What a search that blends in the model would get."""
        model = load_trees(text)
        return {frozen.name: self._measured(frozen, model) for frozen in sets}

    def _settings(self, highest: int) -> dict[str, Any]:
        return {
            "objective": "lambdarank",
            "label_gain": list(range(max(highest, 1) + 1)),  # linear, as nDCG is measured
            "lambdarank_truncation_level": self.measure.k + 5,
            "num_leaves": LEAVES,
            "min_data_in_leaf": LEAST_IN_LEAF,
            "learning_rate": LEARNING_RATE,
            "feature_fraction": FEATURES_A_TREE,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.threads,
            "verbosity": -1,
        }

    def _measured(self, frozen: FrozenSet, model: TreeModel) -> Doubles:
        found = np.zeros((len(frozen.topics), self.measure.k))
        for row, topic in enumerate(frozen.topics):
            order = reranked(frozen, topic, self.base, model)[: self.measure.k]
            found[row, : len(order)] = topic.grades[order]
        return self.measure.of(found, [topic.gains for topic in frozen.topics])


def features_of(frozen: FrozenSet) -> tuple[str, ...]:
    """The signals that trees read: those that stay the same whatever a session did."""
    return tuple(name for name in frozen.signals if name not in SIGNALS or not SIGNALS[name].of_session)


def base_order(frozen: FrozenSet, topic: FrozenTopic, base: Weighing) -> tuple[Longs, Doubles]:
    """(rows by (-score, id), the scores [n]) before any opinion."""
    dense = base.of_dense(topic.idfs, topic.documents)
    weights = np.array([dense if name == "dense" else base.of(name) for name in frozen.signals])
    score = np.zeros(len(topic.ids))
    for column in np.flatnonzero(weights):
        score = score + topic.values[:, column] * weights[column]
    return rank(topic, weights), score


def reranked(frozen: FrozenSet, topic: FrozenTopic, base: Weighing, model: TreeModel) -> Longs:
    """[n] rows as a search with a stage of DEPTH and BLEND orders them: ranking/scores.py, operation by operation."""
    order, score = base_order(frozen, topic, base)
    rows = order[:DEPTH]
    if not len(rows):
        return order
    features = {name: topic.values[rows, frozen.signals.index(name)] for name in model.used_features}
    said = model.score(features, len(rows)).astype(np.float32).astype(np.float64)
    held = score[rows]
    low, span, spread = float(held.min()), float(held.max() - held.min()), float(said.max() - said.min())
    share = (held - low) / span if span > 0 else np.zeros(len(rows))
    opined = (said - said.min()) / spread if spread > 0 else share
    change = np.zeros(len(score))
    change[rows] = low + (span if span > 0 else 1.0) * (BLEND * opined + (1.0 - BLEND) * share) - held
    found: Longs = np.argsort(-(score + change), kind="stable")
    return found


def stage(model: str) -> dict[str, Any]:
    """What a request says to use an uploaded model as it was measured here."""
    return TreesStage(model=model, depth=DEPTH, blend=BLEND).model_dump()


def gains(text: str) -> dict[str, float]:
    """By signal its share in what the splits gained, largest first; signals without any are left out."""
    import lightgbm

    booster = lightgbm.Booster(model_str=text)
    found = dict(zip(booster.feature_name(), booster.feature_importance("gain").tolist(), strict=True))
    whole = sum(found.values()) or 1.0
    ordered = sorted(found.items(), key=lambda each: -each[1])
    return {name: gain / whole for name, gain in ordered if gain > 0}
