"""Measures against values worked out by hand."""

from __future__ import annotations

from math import log2

import pytest

from eval.measures import measure

QRELS = {"q1": {"a": 2, "b": 1, "c": 0}, "q2": {"x": 1}}


def test_ndcg_has_linear_gains_as_trec_eval() -> None:
    """b before a: (1 + 2/log2(3)) / (2 + 1/log2(3))."""
    run = {"q1": [("b", 0.9), ("a", 0.5)]}
    measured = measure(run, QRELS, ["q1"])
    expected = (1 + 2 / log2(3)) / (2 + 1 / log2(3))
    assert measured.per_topic["nDCG@10"]["q1"] == pytest.approx(expected)


def test_rank_order_decides_not_the_score() -> None:
    """Equal scores keep the order of the answer."""
    run = {"q1": [("c", 0.5), ("a", 0.5)], "q2": [("x", 0.1)]}
    measured = measure(run, QRELS, ["q1", "q2"])
    assert measured.per_topic["RR"] == {"q1": 0.5, "q2": 1.0}


def test_an_unanswered_topic_counts_nothing_but_counts() -> None:
    """The mean is over the judged topics, answered or not."""
    measured = measure({"q2": [("x", 1.0)]}, QRELS, ["q1", "q2"])
    assert measured.mean("P@5") == pytest.approx((0 + 0.2) / 2)
    low, high = measured.interval("P@5")
    assert low <= measured.mean("P@5") <= high
