"""Reference tables: nothing can be added to a request, the language or a formula undocumented."""

from __future__ import annotations

import pytest
from pydantic import Field

from ranking.constants import CONSTANTS, define
from ranking.operators import OPERATORS
from ranking.params import Model, Params, knob
from ranking.tables import constant_table, markdown, operator_table, parameter_table, parameters


def test_every_parameter_has_a_row_with_default_and_reason() -> None:
    """Nested fields stand there by their JSON path, aliases and tagged retrievers included."""
    rows = {row.name: row for row in parameters()}
    assert {"max_results", "filters.after", "diversify.lambda", "retrieve[bm25].terms.max_df"} <= rows.keys()
    assert rows["retrieve[bm25].k"].default == "300"
    assert rows["max_results"].range == "at least 1, at most 100"
    assert rows["precision"].range == '"fast" or "balanced" or "exact"'
    assert all(row.reason for row in rows.values())
    for name in Params.model_fields:
        assert any(row == name or row.startswith((f"{name}.", f"{name}[")) for row in rows)


def test_a_field_without_a_reason_fails() -> None:
    """The table is the test: an undocumented knob does not pass."""

    class Sloppy(Model):
        good: int = knob(1, "", "because")
        bad: int = Field(default=2)

    with pytest.raises(ValueError, match="bad has no reason"):
        parameters(Sloppy)


def test_tables_are_markdown_with_one_line_a_row() -> None:
    """Header, rule, rows; a bar inside a cell is escaped."""
    assert operator_table().count("\n") == len(OPERATORS) + 2
    assert constant_table().count("\n") == len(CONSTANTS) + 2
    assert parameter_table().count("\n") == len(parameters()) + 2
    assert markdown(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |\n"


def test_a_constant_is_defined_once() -> None:
    """Two values under one name would be a silent disagreement."""
    name = next(iter(CONSTANTS))
    with pytest.raises(ValueError, match="twice"):
        define(name, 1, "", "", "")
    assert all(constant.reason for constant in CONSTANTS.values())
