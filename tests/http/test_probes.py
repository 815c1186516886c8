"""Probes: what is warm tells what a search would bring, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.http.conftest import STATELESS, Client, ids
from tests.http.pool_support import Counted, Serve, again, warm_client


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Client:
    return warm_client(serve, tmp_path)


def test_a_probe_answers_from_the_sessions_pools(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and titles; nothing is embedded, nothing counts as shown."""
    session_id = client.search("event loop without locks", session={"prefetch": False})["session_id"]
    again(client, "zip archive", session_id=session_id, session={"prefetch": False})
    counted = Counted(client, monkeypatch)
    probed = again(client, "sqlite cursor of Grace Hopper", session_id=session_id, effort="probe")
    assert counted.embeddings == 0
    assert probed["session"]["served_from"] == "pool"
    assert probed["results"]
    assert all(hit["title"] and not hit["passages"] for hit in probed["results"])
    counts = probed["probe"]
    assert (counts["warm"], counts["exact"], counts["pools"]) == (True, False, 2)
    assert counts["candidates"] >= counts["matching"] >= 1
    assert counts["candidates"] >= counts["unseen"]
    assert probed["follow_ups"] == []
    assert probed["session"]["stop"] is None
    shown = client("GET", f"/v1/sessions/{session_id}").json()
    assert [event["kind"] for event in shown["events"]] == ["search", "search", "note"]
    assert (shown["events"][-1]["note"], shown["events"][-1]["query"]) == ("probe", "sqlite cursor of Grace Hopper")
    assert len(shown["seen"]["main"]) == len(
        {hit["document"] for event in shown["events"][:2] for hit in event["shown"]}
    )
    assert not any(event.get("shown") for event in shown["events"][2:])


def test_a_probe_is_answered_from_guesses_too(client: Client) -> None:
    """What may be asked next is warm for it, and costs no search more."""
    counts = []
    for name, prefetch in (("plain", False), ("guessed", True)):
        few = {"retrieve": [{"type": "bm25", "k": 3}], "max_results": 3, "session": {"prefetch": prefetch}}
        client.search("event loop without locks", session_id=name, **few)
        assert client.app.state.engine.calls.settle(30)
        counts.append(again(client, "zip archive", session_id=name, effort="probe")["probe"])
    plain, guessed = counts
    assert guessed["pools"] > plain["pools"]
    assert guessed["candidates"] > plain["candidates"]


def test_a_probe_fills_its_page_with_nothing_from_elsewhere(client: Client) -> None:
    """What no search of the session found is not in its pools, however short the page is."""
    few = {"retrieve": [{"type": "bm25", "k": 2}], "max_results": 2}
    session_id = client.search("event loop", session={"prefetch": False}, **few)["session_id"]
    probed = again(client, "waits in part", session_id=session_id, effort="probe", max_results=10)
    assert probed["probe"]["candidates"] == len(probed["results"]) == 2


def test_a_probe_says_that_nothing_is_left_only_where_it_searched(client: Client) -> None:
    """Candidates of a few pools, or by words alone, are not all that there is: only of a warm query it is known."""
    few = {"retrieve": [{"type": "bm25", "k": 2}], "max_results": 5}
    found = client.search("event loop", session_id="short", session={"prefetch": False}, **few)
    assert found["session"]["exhausted"] is True
    same = again(client, "event loop", session_id="short", effort="probe", **few)
    assert (same["probe"]["exact"], same["session"]["exhausted"]) == (True, True)
    other = again(client, "waits in part", session_id="short", effort="probe", max_results=10)
    assert other["probe"]["candidates"] < 10
    assert other["session"]["exhausted"] is False
    cold = client.search("zip archive", session_id="cold", effort="probe", max_results=100)
    assert (cold["probe"]["warm"], cold["session"]["exhausted"]) == (False, False)


def test_probing_changes_nothing_of_what_comes_after(client: Client) -> None:
    """The next search is as if nobody had probed, but for its seq."""
    answers = []
    for name, probes in (("plain", 0), ("probed", 5)):
        client.search("event loop", session_id=name)
        for _ in range(probes):
            again(client, "socket of Alan Turing", session_id=name, effort="probe")
        answers.append(again(client, "socket of Alan Turing", session_id=name))
    one, other = answers
    assert one["results"] == other["results"]
    kept = ("exhausted", "low_yield", "new", "shown_before", "profile_terms")
    assert [one["session"][field] for field in kept] == [other["session"][field] for field in kept]
    assert other["session"]["seq"] == one["session"]["seq"] + 5


def test_a_probe_of_a_warm_query_finds_what_its_search_found(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same order, whoever searched; nothing is recalled."""
    found = client.search("event loop without locks")
    counted = Counted(client, monkeypatch)
    probed = again(client, "EVENT loop without locks", effort="probe")
    assert (counted.recalls, counted.embeddings) == (0, 0)
    assert probed["probe"]["exact"] is True
    assert ids(probed) == ids(found)


def test_a_probe_of_a_cold_session_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short list by words alone; filters hold, here and in pools."""
    counted = Counted(client, monkeypatch)
    probed = client.search("zip archive", effort="probe", filters={"include_sites": ["docs.example.org"]})
    assert counted.embeddings == 0
    assert probed["session"]["served_from"] == "index"
    assert "probe_cold" in {notice["code"] for notice in probed["notices"]}
    assert probed["results"]
    assert {hit["site"] for hit in probed["results"]} == {"docs.example.org"}
    session_id = client.search("event loop")["session_id"]
    warm = again(client, "zip", session_id=session_id, effort="probe", filters={"include_sites": ["docs.example.org"]})
    assert {hit["site"] for hit in warm["results"]} == {"docs.example.org"}
    stateless = client.search("zip archive", effort="probe", **STATELESS)
    assert stateless["probe"]["warm"] is False
