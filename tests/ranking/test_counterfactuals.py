"""The least change of one weight that brings a candidate up, against trying weights one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from ranking.constants import COUNTERFACTUAL_MARGIN
from ranking.counterfactuals import weight_changes
from ranking.signals.catalogue import Signals
from ranking.types import Doubles

VALUES = st.floats(0, 1).map(lambda value: round(value, 2))


def rank_of(scores: Doubles, row: int, ids: list[str]) -> int:
    order = sorted(range(len(ids)), key=lambda one: (-scores[one], ids[one]))
    return order.index(row) + 1


def test_by_hand() -> None:
    """b has half of a's bm25 and twice its recency: recency must weigh more than (1 - .5) / (.8 - .4)."""
    signals = Signals(("bm25", "recency"), np.array([[1.0, 0.5], [0.4, 0.8]]), (None, None))
    scores = np.array([1.0, 0.5])
    changes = weight_changes(signals, {"bm25": 1.0, "recency": 0.0}, scores, 1, 1, ["a", "b"])
    recency = next(change for change in changes if change.signal == "recency")
    assert 1.25 < recency.weight < 1.2503
    assert recency.rank == 1
    bm25 = next(change for change in changes if change.signal == "bm25")
    assert -0.01 < bm25.weight < 0  # from 1 down to where a is no longer ahead


def test_ties_that_rounding_parts_are_one_tie() -> None:
    """b and c meet g at the same weight, 3, but for the last bit of one: the answer lies beyond both."""
    values = np.array([0.0, 0.5, 0.0, 0.0, 1.0, 1.0, 0.88])
    other = np.array([0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.88])
    scores = values * 2.2 + other * -3.0
    signals = Signals(("s0", "s1"), np.stack([values, other]), (None, None))
    changes = weight_changes(signals, {"s0": 2.2, "s1": -3.0}, scores, 6, 4, list("abcdefg"))
    first = next(change for change in changes if change.signal == "s0")
    assert 3.0 < first.weight < 3.001
    assert rank_of(scores + (first.weight - 2.2) * values, 6, list("abcdefg")) == first.rank <= 4


@given(st.data())
def test_it_is_the_least_one(data: st.DataObject) -> None:
    """The suggested weight brings the rank, and no weight on a grid between it and the present one does."""
    size = data.draw(st.integers(2, 8))
    count = data.draw(st.integers(1, 3))
    matrix = np.array([data.draw(st.lists(VALUES, min_size=size, max_size=size)) for _ in range(count)])
    names = tuple(f"s{i}" for i in range(count))
    weights = {name: data.draw(st.floats(-3, 3).map(lambda value: round(value, 1))) for name in names}
    scores = np.zeros(size)
    for name, values in zip(names, matrix, strict=True):
        scores = scores + values * weights[name]
    ids = [chr(97 + i) for i in range(size)]
    row, target = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assume(rank_of(scores, row, ids) > target)
    signals = Signals(names, matrix, (None,) * count)
    for change in weight_changes(signals, weights, scores, row, target, ids):
        values = matrix[names.index(change.signal)]
        moved = scores + (change.weight - weights[change.signal]) * values
        assert rank_of(np.round(moved, 12), row, ids) <= target or rank_of(moved, row, ids) <= target
        slack = 1.1 * COUNTERFACTUAL_MARGIN * max(change.size, 1.0)
        for share in np.linspace(0.05, 0.95, 19):
            step = share * (change.weight - weights[change.signal])
            if abs(step) < change.size - slack:
                assert rank_of(np.round(scores + step * values, 9), row, ids) > target
