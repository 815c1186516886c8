"""GET /v1/signals: every signal that a request can weigh, with all that an agent needs to use it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api import catalogue
from ranking.expression import parse_expression
from ranking.params import Params
from ranking.signals.catalogue import SIGNALS, known_parameters, signals_for

OFFER: dict[str, Any] = json.loads(json.dumps(catalogue.signals(), allow_nan=False))


def test_every_signal_and_family_has_a_row() -> None:
    """In the order of the catalogue; families are named after what stands in angle brackets."""
    assert [row["name"] for row in OFFER["signals"]] == list(SIGNALS)
    assert [row["name"] for row in OFFER["families"]] == ["rank.<retriever>", "meta.<field>"]
    assert {"default", "bm25", "dense"} <= set(OFFER["profiles"])


@pytest.mark.parametrize("row", [*OFFER["signals"], *OFFER["families"]], ids=lambda row: row["name"])
def test_a_row_says_all_there_is(row: dict[str, Any]) -> None:
    """Formula, source, cost class and default of the signal; default, range, unit and reason of its parameters."""
    assert row["summary"]
    assert row["formula"]
    assert row["source"]
    assert row["range"] == [0.0, 1.0]
    assert row["cost"] in ("free", "cheap", "moderate")
    assert isinstance(row["default_weight"], float)
    assert isinstance(row["relative"], bool)
    for parameter in row["parameters"].values():
        low, high = parameter["range"]
        assert low < high
        assert parameter["reason"]
        assert parameter["default"] is None or low <= parameter["default"] <= high


def test_what_the_rows_offer_a_request_can_send() -> None:
    """Each name as a weight, and each call with its defaults as a score, written from the rows alone."""
    known = known_parameters(signals_for(("lex", "sem")))
    names = {row["name"]: 0.25 for row in OFFER["signals"]}
    assert Params.model_validate({"weights": names}).weights == names
    for row in OFFER["signals"]:
        written = [f"{name}={p['default']!r}" for name, p in row["parameters"].items() if p["default"] is not None]
        call = f"{row['name']}({', '.join(written)})" if written else row["name"]
        assert [one.name for one in parse_expression(call, known).reads] == [row["name"]]


def test_one_row_word_for_word() -> None:
    """The shape that clients read."""
    (row,) = (row for row in OFFER["signals"] if row["name"] == "recency")
    assert row == {
        "name": "recency",
        "summary": "published or modified lately",
        "formula": "2^(-age/half_life_days)",
        "source": "Li and Croft 2003",
        "range": [0.0, 1.0],
        "cost": "free",
        "default_weight": 0.0,
        "needs": ["attributes"],
        "relative": False,
        "parameters": {
            "half_life_days": {
                "default": 365.0, "range": [0.001, 1_000_000.0], "whole": False, "unit": "days",
                "reason": "each halves the signal",
            }
        },
    }  # fmt: skip


def test_every_reranker_has_a_cost_class() -> None:
    """Whoever encodes passages is slow, and says how slow."""
    told = {row["type"]: (row["cost"], row["microseconds_a_document"] >= 1_000) for row in OFFER["rerankers"]}
    assert told == {"cross_encoder": ("slow", True), "late_interaction": ("slow", True), "trees": ("cheap", False)}
