"""Fusions against sums written out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.fuse import linear, reciprocal_rank
from ranking.pipeline import rank
from ranking.types import SessionState
from tests.ranking.evidence import NOW, Page, build, params


def test_reciprocal_rank_equals_the_sum_worked_by_hand() -> None:
    """k 60: first and second is (61/61 + 61/62)/2; third in one list alone is (61/63)/2; found nowhere is 0."""
    ranks = {"lex": np.array([1, 0, 0], np.int32), "sem": np.array([2, 3, 0], np.int32)}
    found = reciprocal_rank(ranks, {"lex": 1.0, "sem": 1.0}, 60, 3)
    assert found == pytest.approx([(1 + 61 / 62) / 2, 61 / 63 / 2, 0.0])


def test_reciprocal_rank_follows_weights_and_k() -> None:
    """A retriever of weight 0 has no say; a small k makes the head count more."""
    ranks = {"lex": np.array([1, 2], np.int32), "sem": np.array([2, 1], np.int32)}
    only = reciprocal_rank(ranks, {"lex": 1.0, "sem": 0.0}, 60, 2)
    assert only[0] == 1.0
    assert only[0] > only[1]
    assert reciprocal_rank(ranks, {"lex": 1.0, "sem": 0.0}, 1, 2)[1] == pytest.approx(2 / 3)
    assert reciprocal_rank(ranks, {"lex": 0.0, "sem": 0.0}, 60, 2).tolist() == [0.0, 0.0]
    assert reciprocal_rank({}, {}, 60, 2).tolist() == [0.0, 0.0]


def test_linear_is_the_weighted_mean_of_theoretical_scores() -> None:
    """Scores on [0, 1] stay on [0, 1]."""
    columns = {"lex": np.array([0.2, 1.0]), "sem": np.array([0.8, 1.0])}
    assert linear(columns, {"lex": 1.0, "sem": 3.0}, "theoretical", 2) == pytest.approx([0.65, 1.0])


def test_linear_without_normalisation_keeps_the_order_of_raw_sums() -> None:
    """x / (1 + x): 3 -> 3/4; below 0 counts as 0."""
    found = linear({"lex": np.array([3.0, 12.0, -1.0])}, {"lex": 1.0}, "none", 3)
    assert found == pytest.approx([0.75, 12 / 13, 0.0])


@given(
    ranks=st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=4),
    weights=st.lists(st.floats(-1_000, 1_000), min_size=4, max_size=4),
    k=st.integers(1, 10_000),
)
def test_any_fusion_is_between_0_and_1(ranks: list[list[int]], weights: list[float], k: int) -> None:
    """Whatever the ranks and the weights."""
    columns = {str(i): np.array(column, np.int32) for i, column in enumerate(ranks)}
    weighed = {str(i): weights[i] for i in range(len(ranks))}
    scores = {name: column / 9.0 for name, column in columns.items()}
    for found in (
        reciprocal_rank(columns, weighed, k, 3),
        linear(scores, weighed, "theoretical", 3),
        linear(scores, weighed, "none", 3),
    ):
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()


def test_a_search_by_rrf_scores_by_the_ranks_of_its_retrievers() -> None:
    """With fuse.method rrf the score is the signal fused, and nothing else."""
    pages = [
        Page("a", "fox", ranks={"lex": 1}, cosine=-1.0),
        Page("b", ranks={"sem": 1, "lex": 2}, cosine=0.9),
        Page("c", ranks={"sem": 2}, cosine=1.0),
    ]
    plan, evidence = build(pages, "fox")
    ranking = rank(plan, evidence, params(fuse={"method": "rrf"}), SessionState(), NOW)
    assert [one.id for one in ranking.page] == ["b", "a", "c"]
    assert ranking.page[0].contributions == {"fused": pytest.approx((61 / 62 + 1) / 2)}


def test_a_linear_fusion_by_name_weighs_retrievers_by_fuse_weights() -> None:
    """Named with linear, `fused` is the weighted mean of each retriever's own score, raw or theoretical."""
    plan, evidence = build([Page("a", "fox", cosine=0.0), Page("b", "dog", cosine=1.0)], "fox")
    for normalize, best in (("theoretical", 1.0), ("none", 0.5)):
        asked = params(weights={"*": 0, "fused": 1}, fuse={"weights": {"lex": 0.0, "sem": 1.0}, "normalize": normalize})
        ranking = rank(plan, evidence, asked, SessionState(), NOW)
        assert ranking.page[0].id == "b"
        assert ranking.page[0].score == pytest.approx(best)


def test_weights_that_a_fusion_sets_aside_are_said() -> None:
    """Nothing happens that the answer does not name."""
    plan, evidence = build([Page("a", "fox", cosine=math.nan)], "fox")
    ranking = rank(plan, evidence, params(fuse={"method": "rrf"}, weights={"bm25": 2.0}), SessionState(), NOW)
    assert [notice.code for notice in ranking.notices] == ["weights_stood_in"]
