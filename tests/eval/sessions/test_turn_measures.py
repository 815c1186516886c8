"""Measures of judged turns: values computed by hand, and ir_measures as the oracle of nDCG."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.measures import measure
from eval.sessions.calls import Call
from eval.sessions.turn_measures import ndcg, ndcg_once, put_back, session_values, turn_measures

GRADES = st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.integers(0, 3), min_size=1)
PAGES = st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), unique=True, min_size=1, max_size=12)


def call(shown: str, stubs: str = "", ranks: tuple[int, ...] = ()) -> Call:
    pages = (tuple((name, 10) for name in shown), tuple((name, 2) for name in stubs))
    return Call("q", None, None, *pages, ranks=ranks)


@given(PAGES, GRADES)
def test_ndcg_is_that_of_ir_measures(page: list[str], grades: dict[str, int]) -> None:
    """Linear gains, ten deep."""
    expected = measure({"t": [(name, 0.0) for name in page]}, {"t": grades}, ["t"]).per_topic["nDCG@10"]["t"]
    assert ndcg(page, grades) == pytest.approx(expected)


def test_a_repeat_gains_nothing_and_is_not_asked_for() -> None:
    """a was shown before: b at the second place, against b first and c second."""
    calls = [call("ax"), call("abx")]
    grades = {"a": 3, "b": 2, "c": 1, "z": 0}
    assert ndcg_once(calls, 1, grades) == pytest.approx((2 / math.log2(3)) / (2 + 1 / math.log2(3)))
    assert ndcg_once(calls, 0, grades) == pytest.approx(ndcg("ax", grades)), "nothing was shown before the first"


def test_where_nothing_is_left_a_turn_says_nothing() -> None:
    """It is left out of the mean, and of the session when it is all there is."""
    calls = [call("ab"), call("ab"), call("ca")]
    assert ndcg_once(calls, 1, {"a": 1, "b": 2}) is None
    assert "nDCG@10 once" not in turn_measures(calls, {1: {"a": 1, "b": 2}}, k=2)
    assert turn_measures(calls, {1: {"a": 1}, 2: {"c": 1}}, k=2)["nDCG@10 once"] == pytest.approx(1.0)


def test_stubs_stand_where_they_say() -> None:
    """s was second and t third; the page moves down."""
    assert put_back(call("xyz", stubs="ts", ranks=(3, 2))) == ["x", "s", "t", "y", "z"]
    assert put_back(call("xyz")) == ["x", "y", "z"]
    values = turn_measures([call("xyz", stubs="s", ranks=(1,))], {0: {"s": 1}}, k=3)
    assert values["nDCG@10 with stubs"] == pytest.approx(1.0)


def test_a_stub_pushes_the_last_result_off_the_page() -> None:
    """The eleventh is not on a page of ten."""
    page = "abcdefghij"
    assert turn_measures([call(page, "s", (1,))], {0: {"j": 1}}, k=10)["nDCG@10 with stubs"] == 0


def test_the_whole_session_by_hand() -> None:
    """The first call has no judgements of its own: b has its best grade, 2, at (1, 2), and none again; a at (2, 1) has 1."""
    calls = [call("xb"), call("ab")]
    values = session_values(calls, {1: {"a": 1, "b": 2}}, k=2)
    assert values["sDCG"] == pytest.approx(2 / 2 + 1 / 1.5)
    assert values["nsDCG"] == pytest.approx((2 / 2 + 1 / 1.5) / (2 + 1 / 1.5)), "the ideal: b at (1, 1), a at (2, 1)"


def test_turns_with_judgements_of_their_own() -> None:
    """b is asked for by the second turn alone: shown in the first it gains nothing yet."""
    calls = [call("ba"), call("b")]
    assert session_values(calls, {0: {"a": 1}, 1: {"b": 1}}, k=2)["sDCG"] == pytest.approx(1 / 2 + 1 / 1.5)


@given(st.lists(PAGES, min_size=1, max_size=4), GRADES, GRADES)
def test_no_session_is_better_than_the_ideal(
    pages: list[list[str]], first: dict[str, int], last: dict[str, int]
) -> None:
    """Whatever is judged, whatever is shown."""
    calls = [call("".join(page)) for page in pages]
    judged = {0: first, len(calls) - 1: last}
    values = turn_measures(calls, judged, k=12)
    assert all(0 <= values[name] <= 1 + 1e-9 for name in values if name != "sDCG")
