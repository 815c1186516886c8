"""Simple rules of history: given the queries of a session, returns the one text that a stateless engine is asked.

A rule says how often the words of the first, the previous and the current query, and of all earlier ones, stand in that
text: repeated words weigh more with words (the engine's k3 levels that off) and fill more of what the embedding reads.
Such rules are the baseline that specialised session models hardly beat (Van Gysel, Kanoulas, de Rijke 2017). Not for
what the product's session does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ranking.params import MAX_QUERY_CHARACTERS

MOST: Final = 10
"""The largest weight."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How often the words of each are sent. `all`: of every query before the current one, each."""

    first: int = 0
    previous: int = 0
    current: int = 1
    all: int = 0


def compose(rule: Rule, earlier: Sequence[str], current: str) -> str:
    """Oldest first; a query that is first and previous counts as both. What is longer than a query may be loses its
    oldest words."""
    parts: list[str] = []
    for place, query in enumerate(earlier):
        weight = rule.all + (rule.first if place == 0 else 0) + (rule.previous if place == len(earlier) - 1 else 0)
        parts += [query] * weight
    text = " ".join([*parts, *[current] * rule.current])
    if len(text) <= MAX_QUERY_CHARACTERS:
        return text
    _, space, kept = text[-MAX_QUERY_CHARACTERS:].partition(" ")
    return kept if space else text[-MAX_QUERY_CHARACTERS:]
