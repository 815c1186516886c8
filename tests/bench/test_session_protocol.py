"""Tables of the session protocol from result files."""

from __future__ import annotations

from typing import Any

import pytest

from bench.session_protocol import AMONG_OTHERS, distractors_table, history_tables, strata_table, tokens_table
from bench.session_quality import QUALITY
from eval.sessions.equal_tokens import EVERY, PERFECT


def test_every_table_has_its_place() -> None:
    """Once, in docs/quality.md."""
    text = QUALITY.read_text("utf-8")
    history = ("session-history", "session-history-tests", "session-history-logs", "session-history-logs-tests")
    for name in ("session-tokens", "session-tokens-calls", "session-strata", *history, "session-distractors"):
        assert text.count(f"<!-- table: {name} -->") == 1


def test_two_readers_of_each_budget() -> None:
    """The perfect one with its baseline, all of them with the worst."""
    test = {"difference": -0.012, "p_holm": 0.5, "recall": 0.612, "baseline": "dedupe:k=10"}
    worst = {"worst": {"reader": "r", "difference": -0.02}, "worst_cell": {"reader": "r", "agent": "loop"}}
    worst["worst_cell"] |= {"difference": -0.05}
    row = {"budget": 2_000, "system": "tuned", "chosen": "session:k=8", "recall": 0.6}
    rows = [
        {**row, "reader": PERFECT, "best": test, "crossed": {"difference": 0.01}},
        {**row, "reader": EVERY, "best": test | worst, "crossed": {"difference": 0.02}},
    ]
    calls = {"session:k=8": 3.24, "dedupe:k=10": 7.0}
    systems = {name: {"measures": {"calls@2000t": value}} for name, value in calls.items()}
    line = tokens_table({"a": {"systems": systems, "tokens": {"budgets": [2_000], "rows": rows}}}).splitlines()[2]
    assert [cell.strip() for cell in line.split("|")[1:-1]] == [
        *("a", "2,000", "tuned (session:k=8)", "0.600", "dedupe:k=10 0.612", "-1.2", "0.5000", "+1.0"),
        *("-1.2", "0.5000", "+2.0", "-2.0", "-5.0 (loop, r)", "3.2 against 7.0"),
    ]


def test_parts_have_a_column_for_each_agent() -> None:
    """With the number of questions, and marks."""
    part = {"stratum": "2 hops", "system": "session", "topics": 12, "difference": -0.021, "p": 0.01}
    body = {"plan": {"agents": ["loop", "long"]}, "strata": [{**part, "agent": "loop"}]}
    assert "| a | 2 hops | - | -2.1*? (12) | - |" in strata_table({"a": body})


def history_rows(values: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {"system": system, "topic": f"t{number}", "measures": {"nDCG@10": value + 0.01 * (number % 2)}}
        for system, value in values.items()
        for number in range(10)
    ]


def test_the_session_meets_the_best_rule() -> None:
    """Of the stateless systems, in hindsight; sessions with other params are shown and not chosen."""
    values = {"stateless:k=10": 0.3, "history:all=1,k=10": 0.4, "session:k=10": 0.45, "session:k=10,seen=off": 0.5}
    means, tests = history_tables({"a": history_rows(values)}, ["nDCG@10"])
    assert len(means.splitlines()) == 2 + 4
    assert "| a | 10 | history:all=1,k=10 | 0.405 |" in means
    assert "| a | nDCG@10 | 10 | history:all=1,k=10 | 0.405 | 0.455 | +5.0 | +5.0 to +5.0 |" in tests


@pytest.mark.parametrize("count", [1, 2])
def test_each_set_stands_alone_and_among_others(count: int) -> None:
    """With how many passages were searched."""
    test = {"difference": 0.03, "p_holm": 0.01}
    own = {
        "measures": {"recall": 0.7, "all evidence": 0.4, "redundancy": 0.2, "regret": 0.0},
        "worst": {"agent": "loop", "reader": "r", "difference": 0.01},
    }
    best = {"difference": -0.04, "baseline": "dedupe"}
    body = {
        "searched": {"passages": 54_321},
        "systems": dict.fromkeys(AMONG_OTHERS, own),
        "tests": {"recall": dict.fromkeys(AMONG_OTHERS[1:], test)},
        "tokens": {"rows": [{"budget": 2_000, "system": "session", "reader": PERFECT, "best": best}]},
    }
    small = {**body, "searched": {"passages": 4_321}}
    sets = [f"s{number}" for number in range(count)]
    lines = distractors_table(dict.fromkeys(sets, body), dict.fromkeys(sets, small)).splitlines()
    assert len(lines) == 2 + count * 2 * len(AMONG_OTHERS)
    assert lines[2].startswith("| s0 | 4,321 | stateless | 0.700 | - | - | - |")
    assert (
        "| s0 | 54,321 | session | 0.700 | +3.0 | 0.0100 | +1.0 (loop, r) | 0.400 | 0.20 | 0.000 | -4.0 (dedupe) | - |"
        in lines
    )
