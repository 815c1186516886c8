"""Laws of named pages, over histories of calls of any settings: what a page with them keeps to, and that the same answer
comes out again, from every store and once its bytes are gone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from api.engine import Engine
from api.settings import Settings
from ranking.named import places_of
from ranking.params import Params
from tests.laws.test_pool_laws import NAMING, PAGES, QUERIES

STATELESS = {"record": False}
EVERY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_numbers = itertools.count()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(Settings(data=Path(tmp_path_factory.mktemp("named"))))
    made.ingest_objects("default", [*PAGES[:12], *NAMING], "default")
    yield made
    made.close()


FIELDS = st.fixed_dictionaries(
    {"max_results": st.sampled_from([1, 2, 3, 5, 10])},
    optional={
        "filters": st.sampled_from([{"include_sites": ["docs.example.org"]}, {"exclude_sites": ["docs.example.org"]}]),
        "retrieve": st.sampled_from([[{"type": "bm25", "k": 5}], [{"type": "ids", "ids": ["p01", "n03"]}]]),
        "weights": st.sampled_from([{"novelty": 1.5}, {"novelty": -0.5}, {"seen": -0.3}, {"authority": 0.4}]),
        "score": st.sampled_from(["bm25 + 0.5*dense", "bm25 - 0.2*novelty", "bm25 * unread"]),
        "rules": st.sampled_from(
            [
                [{"match": {"site": "blog.example.org"}, "do": "boost", "by": 3}],
                [{"match": {"site": "docs.example.org"}, "do": "bury", "by": 3}],
                [{"match": {"title": "part"}, "do": "pin", "at": 2}],
                [{"match": {"title": "part"}, "do": "drop"}],
            ]
        ),
        "diversify": st.sampled_from(
            [{"method": "mmr"}, {"max_per_site": 1}, {"collapse": True}, {"max_per": {"language": 2}}]
        ),
        "reader": st.sampled_from(["a", "b"]),
    },
)
PINNED = {
    "max_results": 1,
    "weights": {"novelty": -0.5},
    "rules": [{"match": {"title": "part"}, "do": "pin", "at": 1}],
}
"""Several pages fit the rule; which is pinned depends on scores."""
SESSION = st.fixed_dictionaries(
    {},
    optional={
        "seen": st.sampled_from(["demote", "new_passages", "drop", "off"]),
        "named": st.sampled_from([0, 0.2, 0.5]),
        "fill": st.booleans(),
        "stubs": st.sampled_from([0, 1]),
        "previous_weight": st.sampled_from([0, 1]),
        "prefetch": st.booleans(),
    },
)
CALLS = st.lists(st.tuples(QUERIES, FIELDS, SESSION), min_size=3, max_size=6)


def asked(engine: Engine, session_id: str, query: str, fields: dict[str, Any], session: dict[str, Any]) -> Any:
    request = {
        "query": query, "session_id": session_id, "explain": True, **fields, "session": {"on_repeat": "continue", **session}
    }  # fmt: skip
    return orjson.loads(engine.search(request, "default").body)


@EVERY
@given(CALLS)
@example([("zip archive 2013", {"max_results": 5}, {}), ("Ada Lovelace", {"max_results": 5}, {"named": 0.5})])
@example([("event loop without locks", {"max_results": 5, "score": "bm25 * unread"}, {"fill": False})])
@example([(query, PINNED, {"fill": False, "named": 0}) for query in ("notes in words of", "event loop")])
def test_pages_with_named_ones(engine: Engine, calls: list[Any]) -> None:
    """At most the share is named, all unseen and each once; the first place, the stateless best and everybody's sums are
    as they were; a page is as long as it would be without. Where nothing fills it all others are of the stateless page."""
    session_id, known = f"s-{next(_numbers)}", dict[str, set[str]]()
    for query, fields, session in calls:
        reader = known.setdefault(fields.get("reader", "main"), set())
        plain = orjson.loads(engine.search({"query": query, **fields, "session": STATELESS}, "default").body)
        answer = asked(engine, session_id, query, fields, session)
        found = [hit["id"] for hit in answer["results"]]
        named = [one["id"] for one in answer["session"]["named"]]
        event(f"{len(named)} named")
        request = Params.model_validate({"max_results": fields["max_results"], "session": session})
        assert len(named) <= places_of(request)
        assert len(set(found)) == len(found) <= fields["max_results"]
        assert set(named) <= set(found[1:]) or found == named
        assert not set(named) & reader
        assert all(set(one["in"]) <= reader for one in answer["session"]["named"])
        ids = [hit["id"] for hit in plain["results"]]
        if session.get("seen") != "drop":
            assert len(found) == len(ids)
        elif not session.get("fill", True):
            assert not set(found) & reader
        if not session.get("fill", True):
            assert set(found) - set(named) <= set(ids)
        if ids and ids[0] not in reader:
            assert ids[0] in found
        for hit in answer["results"]:
            assert sum(hit["contributions"].values()) == pytest.approx(hit["score"], abs=1e-9)
            assert any(move.startswith("named: ") for move in hit["moves"]) == (hit["id"] in named)
        assert answer["session"]["new"] + answer["session"]["shown_before"] == len(found)
        reader |= set(found)


@EVERY
@given(CALLS)
@example([("zip archive 2013", {"max_results": 5}, {}), ("Ada Lovelace", {"max_results": 5}, {"named": 0.5})])
def test_answers_with_named_pages_are_made_anew(engine: Engine, calls: list[Any]) -> None:
    """Without its bytes a call is run again, and so it is for the rows of its signals: nothing is missing there."""
    session_id = f"r-{next(_numbers)}"
    answers = [asked(engine, session_id, *call) for call in calls]
    rows = [row for made in engine.sessions.export(session_id, "signals", "default") for row in made]
    assert {row["type"] for row in rows} == {"signal"}
    for answer in answers:
        seq = answer["session"]["seq"]
        for hit in answer["results"]:
            told = {
                row["signal"]: row["contribution"] for row in rows if (row["seq"], row["document"]) == (seq, hit["id"])
            }
            assert {name: told[name] for name in hit["contributions"]} == hit["contributions"]
