"""Tables of sessions from result files, and the queries that their costs are measured with."""

from __future__ import annotations

from typing import Any

import pytest

from bench.session_costs import variants
from bench.session_quality import (
    AGENTS,
    FOLLOWING,
    NOTICING,
    agents_table,
    cells_table,
    replay_table,
    short,
    systems_table,
)

BASE, MODE = "stateless", "session:use_profile=false,seen=demote,demote=0.7"


def body(recall: float, difference: float) -> dict[str, Any]:
    """measures.json of a run with one mode: every cell gains the same."""
    measures = {"recall": recall, "all evidence": 0.5, "redundancy": 0.25, "tokens": 1_234.4}
    cell = {"measures": measures, "difference": difference, "p": 0.5}
    cells = [
        {**cell, "agent": agent, "system": system, "reader": f"{noticing}/stubs {follows}"}
        for system in (BASE, MODE)
        for agent in AGENTS
        for noticing in NOTICING
        for follows in FOLLOWING
    ]
    test = {"difference": difference, "p_holm": 0.01}
    return {
        "topics": 7,
        "plan": {"agents": list(AGENTS)},
        "baseline": BASE,
        "deciding": "recall",
        "systems": {
            BASE: {"measures": measures, "worst": None},
            MODE: {"measures": measures, "worst": {"difference": difference - 0.01}},
        },
        "tests": {"recall": {MODE: test}, "all evidence": {MODE: {"difference": 0.08, "p_holm": 0.2}}},
        "cells": cells,
    }


def test_systems_are_named_by_what_differs() -> None:
    """What all of a table share is left out."""
    assert short(MODE) == "demote 0.7"
    assert short("session:use_profile=false,seen=drop") == "drop"
    assert short("session:feedback_weight=0,goal_weight=0.2") == "feedback_weight 0, goal_weight 0.2"
    assert short(BASE) == BASE
    assert short("session") == "session"


def test_one_row_a_system_with_columns_of_every_set() -> None:
    """Points with their sign, four digits of p, the worst cell."""
    rows = systems_table({"a": body(0.7, 0.045), "b": body(0.9, 0.038)}).splitlines()
    assert rows[2].split("|")[1:4] == [" stateless ", " 0.700 ", " - "]
    assert [cell.strip() for cell in rows[3].split("|")[1:8]] == [
        "demote 0.7", "+4.5", "0.0100", "+3.5", "+8.0", "0.25", "1,234",
    ]  # fmt: skip


def test_cells_are_means_of_the_sets() -> None:
    """Eight places, three shares of stubs; the difference of +4 and +2 is +3."""
    rows = cells_table({"a": body(0.7, 0.04), "b": body(0.9, 0.02)}).splitlines()
    assert len(rows) == 2 + 1 + 3
    assert rows[2].count("0.800") == 8
    assert all(row.count("+3.0") == 8 for row in rows[3:])


def test_every_agent_has_a_row() -> None:
    """With its own worst reader."""
    made = body(0.7, 0.04)
    low = next(cell for cell in made["cells"] if cell["system"] == MODE and cell["agent"] == "loop")
    low["difference"] = -0.2
    made["cells"] += [
        {**cell, "system": "another", "difference": -0.9} for cell in made["cells"] if cell["system"] == MODE
    ]
    rows = agents_table([{"a": made}], MODE).splitlines()
    assert "| a | 7 | keyword | 0.700 | +4.0 | +4.0 | 1/1/stubs 1 | 0.25 to 0.25 |" in rows
    assert "| a | 7 | loop | 0.700 | +2.0 | -20.0 | 1/1/stubs 1 | 0.25 to 0.25 |" in rows


def test_recorded_sessions_have_a_row_for_each_set_and_system() -> None:
    """With the measure that decides."""
    assert "| a | 7 | stateless | recall | 0.700 | - | - | 0.25 |" in replay_table({"a": body(0.7, 0.04)})


def test_no_query_is_asked_twice() -> None:
    """And every one is made of the words of its topic."""
    texts = ["one two three four five six seven eight", "red green blue black white brown grey pink"]
    made = variants(texts, 300)
    assert len(set(made)) == 300
    assert all(any(set(query.split()) < set(text.split()) for text in texts) for query in made)
    assert made == variants(texts, 300)
    assert {len(query.split()) for query in made} == {5, 6, 7}


@pytest.mark.parametrize("count", [1, 20])
def test_as_many_as_are_wanted(count: int) -> None:
    """Exactly."""
    assert len(variants(["a b c d e f g h"], count)) == count
