"""Reports of sessions: the baseline is the first system, topics are paired, the worst cell is named."""

from __future__ import annotations

from typing import Any

import pytest

from eval.sessions.plan import Plan
from eval.sessions.report import markdown, summary
from eval.sessions.systems import systems_of

TOPICS = [f"t{number}" for number in range(20)]


def row(system: str, agent: str, reader: str, topic: str, recall: float) -> dict[str, Any]:
    return {
        "agent": agent,
        "system": system,
        "reader": reader,
        "topic": topic,
        "measures": {"recall": recall, "redundancy": 0.5},
    }


def body() -> dict[str, Any]:
    """`session` gains .2 with one agent and loses .1 with the other, on every topic."""
    plan = Plan(("one", "two"), systems_of(["stateless", "session"]))
    gains = {("stateless", "one"): 0.0, ("stateless", "two"): 0.0, ("session", "one"): 0.2, ("session", "two"): -0.1}
    rows = [
        row(system, agent, reader, topic, 0.5 + gain)
        for (system, agent), gain in gains.items()
        for reader in ("a", "b")
        for topic in TOPICS
    ]
    return summary("set", len(TOPICS), "g1", plan, rows)


def test_differences_are_means_over_agents_and_readers() -> None:
    """.05, the same on all topics: as sure as a test of twenty can be."""
    test = body()["tests"]["recall"]["session"]
    assert test["difference"] == pytest.approx(0.05)
    assert (test["low"], test["high"]) == pytest.approx((0.05, 0.05))
    assert test["p"] < 0.001
    assert body()["systems"]["session"]["measures"]["recall"] == pytest.approx(0.55)
    assert list(body()["tests"]) == ["recall", "redundancy"], "those that were measured"


def test_the_worst_cell_is_named() -> None:
    """The agent that loses."""
    worst = body()["systems"]["session"]["worst"]
    assert worst["agent"] == "two"
    assert worst["difference"] == pytest.approx(-0.1)
    assert body()["systems"]["stateless"]["worst"] is None


def test_p_is_corrected_over_systems() -> None:
    """Three systems alike have three times the p of one."""
    names = ["stateless", "session", "session:demote=0.5", "session:demote=0.6"]
    values = [0.1 if number % 3 else -0.12 for number in range(len(TOPICS))]
    rows = [
        row(name, "one", "a", topic, 0.5 + (value if name != "stateless" else 0))
        for name in names
        for topic, value in zip(TOPICS, values, strict=True)
    ]
    tests = summary("set", 20, "g", Plan(("one",), systems_of(names)), rows)["tests"]["recall"]
    assert all(each["p_holm"] == pytest.approx(min(1, 3 * each["p"])) for each in tests.values())


def test_the_report_has_every_system_and_cell() -> None:
    """In points."""
    text = markdown(body())
    assert "| session | 0.550 |" in text
    assert "| one | a | 0.500 | +20.0* |" in text
    assert "| two | b | 0.500 | -10.0* |" in text
    assert "-10.0 (two, a)" in text
