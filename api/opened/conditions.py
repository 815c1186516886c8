"""The conditions of a request one by one: given what was prepared, returns each with the words that it was written in.

For saying which of them keeps documents out. Not for deciding that: an index counts and tries them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.preparing import Prepared
from ranking.filters import condition_of
from ranking.params import FilterParams
from ranking.types import All, Node


@dataclass(frozen=True, slots=True)
class Failed:
    """A condition that the document does not satisfy, as the request wrote it."""

    text: str
    kind: str


def conditions(prepared: Prepared) -> dict[Node, Failed]:
    """Every condition of the request on its own: operators of the query, filters by field, rules that drop."""
    named: dict[Node, Failed] = {}
    for operator in prepared.query.operators:
        if operator.node is not None:
            named.setdefault(operator.node, Failed(operator.text, operator.kind))
    if prepared.query.condition is not None:
        for node in parts_of(prepared.query.condition):
            named.setdefault(node, Failed(prepared.query.text, "query"))
    for field, value in prepared.request.filters:
        if value:
            condition = condition_of(FilterParams.model_validate({field: value}))
            if condition is not None:
                named.setdefault(condition, Failed(f"filters.{field}", "filter"))
    for number, node in prepared.rules.drops:
        named.setdefault(node, Failed(f"rule:{number} drop", "rule"))
    return named


def parts_of(node: Node) -> Sequence[Node]:
    return node.children if isinstance(node, All) else (node,)
