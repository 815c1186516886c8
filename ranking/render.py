"""A condition as query text: given a node that the parser can make, returns text that parses to the same condition.

For follow-up queries and for reading logs. Not for filters of a request that have no operator (url_prefix,
metadata): those raise ValueError. Not the words that only score: join those yourself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ranking.types import All, Any_, Filter, Node, Not, Phrase, Prefix, Query, Term

_FIELD_PREFIX: Final[Mapping[str | None, str]] = {
    None: "",
    "title": "intitle:",
    "heading": "heading:",
    "body": "inbody:",
    "anchor": "inanchor:",
}
_NO_OPERATOR: Final = ("url_prefix", "metadata")


def render(query: Query) -> str:
    """Plain words first, then what is demanded: the canonical form of a query."""
    words = [term.token for term in query.terms if not term.exact and not term.fields]
    demands = demand(query.condition) if query.condition else ""
    return " ".join([*words, demands]).strip()


def demand(node: Node) -> str:
    """The node as it stands beside other words."""
    if isinstance(node, All):
        return " ".join(map(demand, node.children))
    if isinstance(node, Term) and node.field is None:
        return f"+{node.token}"
    return f"-{_operand(node.child)}" if isinstance(node, Not) else _operand(node)


def _operand(node: Node) -> str:
    """The node inside OR, NOT or a bracket, where a plain word is demanded already."""
    match node:
        case Term(token, field):
            return f"{_FIELD_PREFIX[field]}{token}"
        case Prefix(token, field):
            return f"{_FIELD_PREFIX[field]}{token}*"
        case Phrase(tokens, field, slop, ordered):
            if ordered:
                return f'{_FIELD_PREFIX[field]}"{" ".join(tokens)}"' + (f"~{slop}" if slop else "")
            return f"({' '.join(tokens[:-1])} AROUND({slop}) {tokens[-1]})"
        case Filter(kind, value):
            if kind in _NO_OPERATOR:
                raise ValueError(f"{kind} has no operator to write it with")
            return f"{kind}:{value}" if '"' in value else f'{kind}:"{value}"'
        case Not(child):
            return f"-{_operand(child)}"
        case All(children):
            return f"({' '.join(map(_operand, children))})"
        case Any_(children):
            return f"({' OR '.join(map(_operand, children))})"
