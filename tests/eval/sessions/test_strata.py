"""Parts of the topics: a mean that gains can hide one that loses."""

from __future__ import annotations

from typing import Any

import pytest

from eval.sessions.strata import losing, strata, strata_table

TOPICS = 40


def row(system: str, agent: str, number: int, recall: float, first: float = 0.0, reader: str = "a") -> dict[str, Any]:
    """Even topics are comparisons with two hops, odd ones bridges with three."""
    return {
        "agent": agent,
        "system": system,
        "reader": reader,
        "topic": f"t{number}",
        "type": "bridge" if number % 2 else "comparison",
        "hops": 3 if number % 2 else 2,
        "measures": {"recall": recall, "recall@1": first},
    }


def rows() -> list[dict[str, Any]]:
    """`session` gains .2 on bridges and loses .1 on comparisons; the first ten topics are solved at once by one reader of
    two, and are the same for both systems."""
    made = []
    for system in ("stateless", "session"):
        for number in range(TOPICS):
            gain = 0.0 if system == "stateless" or number < 10 else (0.2 if number % 2 else -0.1)
            for reader in "ab":
                solved = 1.0 if number < 10 and reader == "a" else 0.5
                made.append(row(system, "loop", number, 0.5 + gain, solved, reader))
    return made


def found(name: str, agent: str = "loop") -> dict[str, Any]:
    made = strata(rows(), "stateless", "recall")
    return next(each for each in made if each["stratum"] == name and each["agent"] == agent)


def test_each_part_has_its_own_difference() -> None:
    """15 of the 20 topics of a type are not solved at once."""
    assert found("type bridge")["difference"] == pytest.approx(0.2 * 15 / 20)
    assert found("3 hops")["difference"] == pytest.approx(0.2 * 15 / 20)
    assert found("type comparison")["difference"] == pytest.approx(-0.1 * 15 / 20)
    assert found("all topics")["difference"] == pytest.approx((0.2 - 0.1) * 15 / 40)
    assert found("all topics", "all agents")["topics"] == TOPICS


def test_topics_that_the_baseline_solves_at_once_are_apart() -> None:
    """Ten, where nothing can be gained; they are too few to say much."""
    solved, others = found("solved in call 1"), found("not solved in call 1")
    assert (solved["topics"], solved["difference"], solved["few"]) == (10, 0.0, True)
    assert (others["topics"], others["few"]) == (30, False)
    assert others["difference"] == pytest.approx(0.05)


def test_parts_that_lose_are_listed_with_the_worst_first() -> None:
    """Those with enough topics, below the limit; once for the agent, once for all agents."""
    made = strata(rows(), "stateless", "recall")
    lost = losing(made, "session", 0.01)
    assert {each["stratum"] for each in lost} == {"type comparison", "2 hops"}
    assert losing(made, "session", 0.08) == []


def test_one_row_a_part_and_marks_for_what_is_uncertain() -> None:
    """A star for p < 0.05, a question mark for few topics."""
    table = strata_table(strata(rows(), "stateless", "recall"), "stateless")
    assert table[0] == ["agent", "topics", "number", "stateless", "session"]
    assert ["loop", "type bridge", "20", "0.500", "+15.0*"] in table
    assert ["loop", "solved in call 1", "10", "0.500", "+0.0?"] in table


def test_rows_without_types_or_first_calls_have_one_part() -> None:
    """As those of judged turns."""
    made = [
        {"agent": "recorded", "system": system, "reader": "-", "topic": "t", "type": "", "measures": {"nDCG@10": value}}
        for system, value in (("stateless", 0.4), ("session", 0.6))
    ]
    parts = strata(made, "stateless", "nDCG@10")
    assert {(each["agent"], each["stratum"]) for each in parts} == {
        ("all agents", "all topics"),
        ("recorded", "all topics"),
    }
