"""What a parsed query holds, in short."""

from __future__ import annotations

from ranking.types import Operator, Query


def tokens(query: Query) -> list[str]:
    return [term.token for term in query.terms]


def kinds(query: Query) -> list[tuple[str, str]]:
    return [(operator.kind, operator.text) for operator in query.operators]


def only(query: Query, kind: str) -> Operator:
    (found,) = [operator for operator in query.operators if operator.kind == kind]
    return found
