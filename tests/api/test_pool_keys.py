"""What shares a pool and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from api.warm.keys import Scope, key_of
from tests.api.pooling import SCOPE, CountingIndex, counting, documents, planned

INDEX = counting()
WORDS_ALONE = CountingIndex(documents(), None, generation="g1")
"""Without vectors, which tell nearly everything apart."""


def key(query: str, scope: Scope = SCOPE, index: CountingIndex = INDEX, **fields: Any) -> bytes:
    return key_of(scope, planned(index, query, **fields))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("event loop", "Event  LOOP"),
        ("event loop", "  event\tloop\n"),
        ("site:docs.example.org event", "site:docs.example.org  Event"),
        ('"event loop" tasks', '"Event Loop"   tasks'),
    ],
)
def test_what_is_read_alike_shares_a_pool(one: str, other: str) -> None:
    """Case and white space, where they say nothing."""
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tasks with locks", "tasks without locks"),
        ("event loop 2023", "event loop 2024"),
        ("event loop", "loop event"),
        ("event loop", "events loop"),
        ("event OR loop", "event or loop"),
        ("event NOT loop", "event not loop"),
        ("event -loop", "event loop"),
        ("event loop", '"event loop"'),
        ("event loop event", "event loop"),
        ("intitle:event loop", "event loop"),
        ("site:docs.example.org event", "site:example.org event"),
        ("event loop after:2020", "event loop after:2021"),
    ],
)
def test_what_is_read_otherwise_does_not(one: str, other: str) -> None:
    """Negations, numbers, order, forms, operators, phrases; also where words alone tell."""
    assert key(one) != key(other)
    assert key(one, index=WORDS_ALONE) != key(other, index=WORDS_ALONE)


@pytest.mark.parametrize(
    "fields",
    [
        {"filters": {"include_sites": ["docs.example.org"]}},
        {"filters": {"after": "2020"}},
        {"retrieve": [{"type": "bm25", "k": 10}]},
        {"retrieve": [{"name": "lex", "type": "bm25", "k1": 2.0}, {"name": "sem", "type": "dense"}]},
        {"expand": {"stem": False}},
        {"expand": {"synonyms": {"event": ["task"]}}},
        {"precision": "exact"},
        {"max_results": 11},
        {"budget": {"postings": 3}},
        {"why": "to compare libraries"},
        {"diversify": {"method": "mmr"}},
        {"rules": [{"match": {"site": "docs.example.org"}, "do": "boost", "by": 2}]},
    ],
)
def test_whatever_changes_a_recall_changes_the_key(fields: dict[str, Any]) -> None:
    """Filters, retrievers, expansion, precision, budgets, what is embedded, what is read of candidates."""
    assert key("event loop of tasks", **fields) != key("event loop of tasks")


@pytest.mark.parametrize(
    "fields",
    [
        {"session": {"seen": "drop"}},
        {"session_id": "s", "reader": "r", "branch": "b"},
        {"content": {"passages": 5}},
        {"weights": {"bm25": 3}},
        {"facets": ["site"]},
        {"objective": "a goal"},
    ],
)
def test_what_comes_after_recall_shares_a_pool(fields: dict[str, Any]) -> None:
    """Sessions, weights and presentation."""
    assert key("event loop", **fields) == key("event loop")


@pytest.mark.parametrize(
    "scope", [Scope("other", "c", "g1"), Scope("t", "other", "g1"), Scope("t", "c", "g2"), Scope("t", "c/g1", "")]
)
def test_places_do_not_share(scope: Scope) -> None:
    """Tenants, collections, generations."""
    assert key("event loop", scope) != key("event loop")
