"""Measures of sessions against values computed by hand."""

from __future__ import annotations

import math

import pytest

from eval.sessions.calls import Call, Trajectory
from eval.sessions.measures import (
    alpha_ndcg,
    list_measures,
    measures,
    normalised_session_dcg,
    recall_at_tokens,
    session_dcg,
    token_measures,
)
from eval.sessions.readers import CallRead, Reading, first_calls

READING = Reading(
    "t",
    evidence=3,
    calls=(
        CallRead(shown=2, repeated=0, tokens=400, noticed=("a",)),
        CallRead(shown=2, repeated=1, tokens=900, noticed=()),
        CallRead(shown=1, repeated=1, tokens=1_400, noticed=("b",)),
    ),
    found={"a": (1, 200), "b": (3, 1_400)},
)


def test_recall_by_calls() -> None:
    """One of three at once, another with the third call; calls that were not made find nothing."""
    found = measures(READING, budget=4)
    assert [found[f"recall@{number}"] for number in (1, 2, 3, 4)] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["recall mean"] == pytest.approx((1 / 3 + 1 / 3 + 2 / 3 + 2 / 3) / 4)
    assert found["all evidence"] == 0
    assert found["calls to all"] == 4, "never all: as many as could be made"
    assert found["new per call"] == pytest.approx(2 / 3)


def test_recall_by_tokens() -> None:
    """What is noticed counts when all that was displayed up to it fits."""
    assert recall_at_tokens(READING, 199) == 0
    assert recall_at_tokens(READING, 200) == pytest.approx(1 / 3)
    assert recall_at_tokens(READING, 1_399) == pytest.approx(1 / 3)
    assert recall_at_tokens(READING, 1_400) == pytest.approx(2 / 3)


def test_redundancy_is_the_share_of_results_shown_before() -> None:
    """Two of five."""
    assert measures(READING, 4)["redundancy"] == pytest.approx(2 / 5)


def test_a_session_that_found_all_ends_there() -> None:
    """Calls to all evidence are the calls made."""
    reading = Reading("t", 1, (CallRead(5, 0, 10, ()), CallRead(5, 0, 20, ("a",))), {"a": (2, 15)})
    found = measures(reading, budget=8)
    assert found["calls to all"] == 2
    assert found["all evidence"] == 1
    assert found["recall@8"] == 1


def test_a_session_without_a_call_is_worth_nothing() -> None:
    """An agent may have nothing to ask."""
    found = measures(Reading("t", 2, (), {}), budget=2)
    assert found["recall"] == found["redundancy"] == found["tokens"] == 0


def test_session_dcg_counts_a_document_once() -> None:
    """a at (1, 1): 1; b (grade 2) at (2, 2): 2 / (1.5 x 2); a again and c without a grade: nothing."""
    lists = [["a", "c"], ["a", "b"]]
    assert session_dcg(lists, {"a": 1, "b": 2}) == pytest.approx(1 + 2 / (1.5 * 2))


def test_normalised_session_dcg() -> None:
    """The ideal has the better at (1, 1) and the other at the next weight: (2, 1) has 2/3, (1, 2) has 1/2."""
    assert normalised_session_dcg([["b"], ["a"]], {"a": 1, "b": 2}, calls=2, k=2) == pytest.approx(1.0)
    assert normalised_session_dcg([["a", "b"]], {"a": 1, "b": 2}, calls=2, k=2) == pytest.approx(
        (1 + 2 / 2) / (2 + 2 / 3)
    )
    assert normalised_session_dcg([["a"]], {}, calls=2, k=2) == 0


def test_alpha_ndcg() -> None:
    """x covers two aspects, y one of them again: its gain is halved. The ideal is x, z, y."""
    aspects = {"x": frozenset({"1", "2"}), "y": frozenset({"1"}), "z": frozenset({"3"})}
    ideal = 2 + 1 / math.log2(3) + 0.5 / 2
    got = 1 + (0.5 + 1) / math.log2(3) + 1 / 2
    assert alpha_ndcg(["y", "x", "z"], aspects, depth=5) == pytest.approx(got / ideal)
    assert alpha_ndcg(["x", "z", "y"], aspects, depth=5) == pytest.approx(1.0)
    assert alpha_ndcg(["q", "x"], aspects, depth=1) == 0


def test_alpha_ndcg_gives_a_repeated_document_nothing() -> None:
    """But it takes a place."""
    aspects = {"x": frozenset({"1"}), "z": frozenset({"3"})}
    ideal = 1 + 1 / math.log2(3)
    assert alpha_ndcg(["x", "x", "z"], aspects, depth=5) == pytest.approx((1 + 1 / 2) / ideal)


def test_lists_of_a_trajectory() -> None:
    """Evidence on the first page, at both first places, is ideal for what alpha-nDCG sees."""
    trajectory = Trajectory("t", (Call("q", None, None, (("a", 10), ("b", 10)), ()),))
    found = list_measures(trajectory, {"a": 1, "b": 1}, budget=8, k=5)
    assert found["alpha-nDCG@20"] == pytest.approx(1.0)
    assert found["sDCG"] == pytest.approx(1 + 1 / 2)
    assert found["nsDCG"] == pytest.approx((1 + 1 / 2) / (1 + 2 / 3)), "the second best place is (2, 1)"


def test_calls_within_a_budget_of_tokens() -> None:
    """A call begins with what was displayed before it: 0, 400 and 900; within 500 two had begun."""
    found = token_measures(READING)
    assert found["calls@500t"] == 2
    assert found["calls@1000t"] == 3
    assert (found["recall@500t"], found["recall@2000t"]) == pytest.approx((1 / 3, 2 / 3))


def test_calls_may_cost_something_themselves() -> None:
    """100 each: a is noticed at 300, b at 1,700; calls begin at 0, 500 and 1,100."""
    found = token_measures(READING, per_call=100)
    assert (found["recall@500t"], found["recall@1000t"], found["recall@2000t"]) == pytest.approx((1 / 3, 1 / 3, 2 / 3))
    assert (found["calls@500t"], found["calls@1000t"], found["calls@2000t"]) == (1, 2, 3)
    late = Reading("t", 3, READING.calls, {"a": (1, 450), "b": (3, 1_400)})
    assert token_measures(late)["recall@500t"] == pytest.approx(1 / 3)
    assert token_measures(late, per_call=100)["recall@500t"] == 0


def test_the_first_calls_of_a_reading() -> None:
    """As if it had ended there."""
    short = first_calls(READING, 2)
    assert short == Reading("t", 3, READING.calls[:2], {"a": (1, 200)})
    assert first_calls(READING, 8) == READING
