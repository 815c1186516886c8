"""Measures of calls against values computed by hand."""

from __future__ import annotations

import pytest

from eval.sessions.call_measures import call_measures, kinds, regretted, u_measure
from eval.sessions.calls import Call
from eval.sessions.readers import CallRead, Reading

GOLD = {"a", "b", "c"}


def call(shown: str, stubs: str = "", stateless: str = "") -> Call:
    pages = (tuple((name, 10) for name in shown), tuple((name, 2) for name in stubs))
    return Call("q", None, None, *pages, stateless=tuple(stateless))


def reading(calls: int, found: dict[str, tuple[int, int]]) -> Reading:
    return Reading("t", 3, (CallRead(2, 0, 100, ()),) * calls, found)


def test_calls_by_kind() -> None:
    """a is new, then it is all there is, then nothing, then b is new beside it; two calls after it bring nothing."""
    found = kinds([call("ax"), call("ay"), call("xy"), call("ab"), call("b"), call("z")], GOLD)
    assert found == pytest.approx(
        {"productive calls": 2 / 6, "redundant calls": 2 / 6, "unproductive calls": 2 / 6, "wasted tail": 2 / 6}
    )


def test_what_was_withheld_and_named_nowhere_is_regretted() -> None:
    """b is on a stub, a was noticed before, x is no evidence, c is withheld; on the page later it was withheld still."""
    calls = [call("a"), call("xy", stubs="b", stateless="abcx"), call("c", stateless="c")]
    assert regretted(calls, reading(3, {"a": (1, 10), "c": (3, 90)}), GOLD) == {"c"}
    assert regretted(calls, reading(3, {}), GOLD) == {"a", "c"}, "who missed a wants it again"


def test_of_the_regretted_some_are_lost() -> None:
    """c came back and was noticed; b never."""
    calls = [call("a", stateless="bc"), call("c", stateless="bc"), call("x", stateless="b")]
    found = call_measures(calls, reading(2, {"a": (1, 10), "c": (2, 30)}), GOLD)
    assert found["regret"] == pytest.approx(2 / 3)
    assert found["lost"] == pytest.approx(1 / 3)
    assert found["cube test"] == pytest.approx(2 / 3 / 2)
    assert found["productive calls"] == 1, "the third call was not made"


def test_what_is_found_late_is_worth_less() -> None:
    """At 2,000 of 8,000 tokens three quarters, beyond the trail nothing."""
    assert u_measure(reading(1, {"a": (1, 2_000), "b": (1, 9_000)})) == pytest.approx(0.75 / 3)


def test_no_call_is_worth_nothing() -> None:
    """An agent may have nothing to ask."""
    assert set(call_measures([], reading(0, {}), GOLD).values()) == {0.0}
