"""The catalogue of operators: what it says is what the parser does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ranking.operators import OPERATORS, PREFIXES, OperatorSpec, catalogue
from ranking.query import parse

NAMED_IN_THE_CONTRACT = (
    "phrase near exclude require or group site domain inurl intitle inbody inanchor filetype lang after before link "
    "related prefix around boost"
)


def test_every_operator_of_the_contract_is_listed() -> None:
    """No operator is parsed that the catalogue does not name, and the reverse."""
    assert set(NAMED_IN_THE_CONTRACT.split()) <= {spec.kind for spec in OPERATORS}
    assert len({spec.kind for spec in OPERATORS}) == len(OPERATORS)


@pytest.mark.parametrize("spec", OPERATORS, ids=lambda spec: spec.kind)
def test_each_example_is_read_as_its_operator(spec: OperatorSpec) -> None:
    """The example of a row parses to that operator, executed as the row says, with nothing left as text."""
    operators = parse(spec.example).operators
    found = [operator for operator in operators if operator.kind == spec.kind]
    assert found
    assert all(operator.executed == spec.executed for operator in found)
    assert "text" not in {operator.kind for operator in operators}


@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_every_prefix_is_read_in_any_case(prefix: str) -> None:
    """name:value works for each name of a row, upper case too."""
    value = {"after": "2020", "before": "2020", "lang": "en", "filetype": "pdf"}.get(prefix, "example.org")
    for name in (prefix, prefix.upper()):
        (operator,) = parse(f"{name}:{value}").operators
        assert operator.kind == PREFIXES[prefix].kind


def test_catalogue_is_json_with_name_syntax_meaning_and_example() -> None:
    """GET /v1/operators can send the rows as they are."""
    rows = json.loads(json.dumps(catalogue()))
    assert {"name", "syntax", "meaning", "example", "executed", "aliases"} <= rows[0].keys()
    assert next(row for row in rows if row["name"] == "intitle")["aliases"] == ["title"]


def test_parser_has_no_operator_names_of_its_own() -> None:
    """The lexer looks names up in the catalogue: no `site:` stands in its source."""
    import ranking.lexer

    source = Path(ranking.lexer.__file__).read_text()
    assert not re.search(r'"(site|intitle|filetype|lang|after|before)', source)
