"""Trees learn what weights cannot say, the same every time, and are measured as a search would blend them in."""

from __future__ import annotations

import numpy as np
import pytest

from eval.frozen.candidates import FrozenSet
from eval.tuning.graded import read_measure
from eval.tuning.objective import macro_of, objective_of
from eval.tuning.trees import LEAVES, Trees, features_of, gains
from eval.tuning.weighing import weighing_of
from indexer.rerankers.trees import load_trees
from ranking.errors import ForageError
from tests.eval.tuning.made import SIGNALS, frozen, topic

BASE = weighing_of({"weights": {"dense": 0.0}})
WAY = Trees(BASE, read_measure("nDCG@10"), seed=3, threads=1)


def either_or(name: str, seed: int) -> FrozenSet:
    """Relevant is what has exactly one of two signals: no weights say so."""
    chance = np.random.default_rng(seed)
    made = []
    for number in range(30):
        values = chance.random((60, len(SIGNALS)))
        title, pairs = (values[:, SIGNALS.index(signal)] > 0.7 for signal in ("bm25.title", "bm25.bigram"))
        made.append(topic(f"{name}{number}", values, (title ^ pairs).astype(np.int64).tolist()))
    return frozen(name, made)


def test_trees_learn_what_no_weights_say() -> None:
    """On topics that they have not seen; twice the same text."""
    text = WAY.train([either_or("a", 1), either_or("b", 2)])
    assert text == WAY.train([either_or("a", 1), either_or("b", 2)])
    unseen = [either_or("c", 3)]
    plain = objective_of(unseen, SIGNALS, BASE, WAY.measure)
    weighed = max(
        macro_of(plain.values({"weights.bm25.title": a, "weights.bm25.bigram": b})) for a in (0, 1) for b in (0, 1)
    )
    assert macro_of(WAY.values(unseen, text)) > weighed + 0.1
    assert set(list(gains(text))[:2]) == {"bm25.title", "bm25.bigram"}


def test_a_model_is_small_and_can_be_uploaded() -> None:
    """At most so many leaves a tree; what reads uploaded models reads it."""
    model = load_trees(WAY.train([either_or("a", 1)]))
    assert {*model.used_features} <= {*SIGNALS}
    assert model.steps <= model.trees * (LEAVES - 1)


def test_what_a_session_changes_is_no_feature() -> None:
    """It would be constant in training and not in a session."""
    made = frozen("s", [], ("bm25", "dense", "seen", "novelty", "rank.bm25"))
    assert features_of(made) == ("bm25", "dense", "rank.bm25")
    with pytest.raises(ForageError):
        load_trees("not a model")
