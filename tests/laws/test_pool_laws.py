"""Laws of pools: whatever is kept, guessed or switched off, every answer is the one that a server without pools gives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.engine import Engine
from api.settings import Settings

NAMES = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Edsger Dijkstra", "Barbara Liskov")
TOPICS = ("event loop", "zip archive", "sqlite cursor", "file path", "regular expression", "socket")
PAGES: list[dict[str, Any]] = [
    {
        "id": f"p{number:02}",
        "url": f"https://{'docs' if number % 2 else 'blog'}.example.org/{number}",
        "title": f"{TOPICS[number % 6].title()} by {NAMES[number % 5]}",
        "text": f"# {TOPICS[number % 6]}\n\nIn 20{number:02} {NAMES[number % 5]} wrote of the {TOPICS[(number + 1) % 6]} with "
        f"{NAMES[(number + 2) % 5]}. Tasks run without locks.\n\n## More\n\nA {TOPICS[number % 6]} waits in part {number}.",
        "published_at": f"20{10 + number % 14}-01-01",
    }
    for number in range(48)
]  # fmt: skip

READ_ON = ("Difference Engine", "Bombe of Bletchley", "Flow-Matic", "Semaphore Paper", "Substitution Essay")
NAMING: list[dict[str, Any]] = [
    {
        "id": f"n{number:02}",
        "url": f"https://{'docs' if number % 2 else 'blog'}.example.org/n{number}",
        "title": f"{READ_ON[number % 5]} (part {number})" if number % 2 else f"Notes {number} on the {TOPICS[number % 6]}",
        "text": f"{NAMES[number % 5]} and the {TOPICS[number % 6]}, by way of the {READ_ON[(number + 1) % 5]} and of the "
        f"{READ_ON[(number + 3) % 5]}, in words of number {number * 7_919}.",
    }
    for number in range(20)
]  # fmt: skip
"""Pages that name each other."""

_numbers = itertools.count()


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Engine]]:
    """One with pools and one without, on the same folder."""
    folder = tmp_path_factory.mktemp("laws")
    with_pools, without = (Engine(Settings(data=Path(folder), pool_mb=size)) for size in (16, 0))
    with_pools.ingest_objects("default", [*PAGES, *NAMING], "default")
    yield with_pools, without
    with_pools.close()
    without.close()


BASES = (
    "event loop without locks",
    "Zip archive 2012",
    "zip archive 2013",
    "Ada Lovelace",
    "sqlite cursor OR socket",
    "notes in words of",
)
WRITTEN = st.sampled_from([str, str.lower, str.upper, lambda text: text.replace(" ", "  "), lambda text: f" {text}\n"])
QUERIES = st.builds(lambda text, written: written(text), st.sampled_from(BASES), WRITTEN)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "max_results": st.integers(1, 12),
        "filters": st.sampled_from([{"include_sites": ["docs.example.org"]}, {"after": "2015"}]),
        "retrieve": st.sampled_from([[{"type": "bm25", "k": 5}], [{"type": "dense", "k": 7}]]),
        "weights": st.sampled_from([{"*": 0, "bm25": 1}, {"recency": 0.3}, {"novelty": 0.2}]),
        "expand": st.sampled_from([{"fuzzy": 1}, {"feedback": {"docs": 3, "terms": 5}}]),
        "diversify": st.sampled_from([{"method": "mmr"}, {"max_per_site": 1}]),
        "precision": st.sampled_from(["fast", "exact"]),
        "content": st.sampled_from([{"passages": 1}, {"passages": 5, "max_chars_per_result": 200}]),
        "explain": st.booleans(),
        "reader": st.sampled_from(["a", "b"]),
        "why": st.just("to compare"),
    },
)
SESSION = st.fixed_dictionaries(
    {},
    optional={
        "seen": st.sampled_from(["demote", "new_passages", "drop", "off"]),
        "prefetch": st.booleans(),
        "follow_ups": st.booleans(),
        "reuse": st.sampled_from(["exact", "off"]),
        "use_profile": st.booleans(),
        "named": st.sampled_from([0, 0.2, 0.5]),
        "fill": st.booleans(),
        "previous_weight": st.sampled_from([0, 0.5]),
    },
)
CALLS = st.lists(st.tuples(QUERIES, FIELDS, SESSION), min_size=1, max_size=6)


def answered(engine: Engine, session_id: str, query: str, fields: dict[str, Any], session: dict[str, Any]) -> Any:
    """What an answer says of the collection, and of what is new."""
    request = {"query": query, "session_id": session_id, **fields, "session": {"on_repeat": "continue", **session}}
    body = orjson.loads(engine.search(request, "default").body)
    kept = {name: body[name] for name in ("results", "stubs", "query", "facets")}
    return kept | {
        name: body["session"][name] for name in ("exhausted", "new", "shown_before", "profile_terms", "named")
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CALLS)
def test_pools_change_no_answer(engines: tuple[Engine, Engine], calls: list[Any]) -> None:
    """Exact and normalised repeats, over any settings, whoever asked before."""
    number = next(_numbers)
    for call in calls:
        one, other = (answered(engine, f"{kind}-{number}", *call) for engine, kind in zip(engines, "ab", strict=True))
        assert one == other


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(QUERIES, st.integers(0, 2)), min_size=1, max_size=4))
def test_guesses_change_no_answer(engines: tuple[Engine, Engine], steps: list[tuple[str, int]]) -> None:
    """Also where the next query is one that was offered, and its pool is warm."""
    number, query = next(_numbers), ""
    for start, pick in steps:
        query = query or start
        call: tuple[str, dict[str, Any], dict[str, Any]] = (query, {}, {})
        one, other = (answered(engine, f"{kind}-{number}", *call) for engine, kind in zip(engines, "gh", strict=True))
        assert one == other
        assert engines[0].calls.settle(30)
        request = {"query": query, "session_id": f"g-{number}", "session": {"on_repeat": "continue"}}
        offered = orjson.loads(engines[0].search(request, "default").body)["follow_ups"]
        answered(engines[1], f"h-{number}", *call)
        query = offered[pick]["query"] if pick < len(offered) else ""
