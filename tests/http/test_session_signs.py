"""What a session says of itself, through the door: exhausted, low yield, stop, and the notices of its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.search import find
from tests.http.conftest import Client

Serve = Callable[..., Client]


def test_exhausted_does_not_count_what_only_fills_the_page(client: Client) -> None:
    """Two documents hold the word; the page is full, and there is no third to find at this k."""
    words = {"retrieve": [{"type": "bm25"}], "session": {"record": True}}
    answer = client.search("coroutines", max_results=3, **words)
    assert len(answer["results"]) == 3
    assert [bool(hit["found_by"]) for hit in answer["results"]].count(True) == 2
    assert answer["session"]["exhausted"]
    assert not client.search("coroutines", max_results=2, **words)["session"]["exhausted"]


def test_what_was_shown_first_is_on_the_page_or_in_the_stubs_five_steps_later(client: Client) -> None:
    """A reader that missed the evidence once gets it again, in every mode."""
    for mode in ("demote", "new_passages", "drop"):
        first = client.search("zip archives", max_results=2, session={"seen": mode})
        gold = first["results"][0]["id"]
        for query in ("tar compression", "threads and locks", "paths", "sqlite rows"):
            client.search(query, max_results=2, session_id=first["session_id"], session={"seen": mode})
        again = client.search(
            "archives in zip files", max_results=2, session_id=first["session_id"], session={"seen": mode}
        )
        assert gold in {hit["id"] for hit in (*again["results"], *again["stubs"])}, mode


def test_a_session_says_when_searching_on_brings_little(client: Client) -> None:
    """Two calls in a row without anything new; the request's own rule is answered in words."""
    again = {"session": {"on_repeat": "continue", "stop": {"min_new": 1}}, "max_results": 8}
    session = client.search("archives", **again)["session_id"]
    answers = [client.search("archives", session_id=session, **again)["session"] for _ in range(2)]
    assert [one["low_yield"] for one in answers] == [False, True]
    assert answers[0]["stop"]["now"]
    assert "0 new" in answers[0]["stop"]["reason"]
    assert answers[0]["exhausted"]


# ---------------------------------------------------------------- names and notices


def test_a_later_objective_does_not_take_the_place_of_the_first(client: Client) -> None:
    """It may come with any call; one that has no effect is named."""
    session = client.search("no objective yet")["session_id"]
    for objective, told in (("learn asyncio", False), ("learn asyncio", False), ("something else", True)):
        answer = client.search(f"and {objective} {told}", session_id=session, objective=objective)
        assert ("objective_kept" in {notice["code"] for notice in answer["notices"]}) == told
    body = client("GET", f"/v1/sessions/{session}").json()
    assert body["session"]["objective"] == body["profile"]["goal"] == "learn asyncio"


def test_an_expired_session_begins_anew_and_says_so(tmp_path: Path, serve: Serve) -> None:
    """Its id is known to have been one; nothing of the old session is left."""
    client = serve(tmp_path, documents=True, session_ttl_s=1)
    session = client.search("zip archives")["session_id"]
    time.sleep(1.1)
    assert client("GET", f"/v1/sessions/{session}").status_code == 404
    answer = client.search("zip archives", session_id=session)
    assert "session_expired" in {notice["code"] for notice in answer["notices"]}
    assert (answer["session_id"], answer["session"]["seq"], answer["session"]["shown_before"]) == (session, 1, 0)
    assert sum(client("GET", f"/v1/sessions/{session}").json()["pools"]["recalls"].values()) == 1


def test_nothing_is_warm_of_a_session_that_expired(tmp_path: Path, serve: Serve) -> None:
    """A probe under its id does not tell what it had found."""
    client = serve(tmp_path, documents=True, session_ttl_s=1)
    session = client.search("zip archives", session={"prefetch": False})["session_id"]
    assert client.search("tar", session_id=session, effort="probe")["probe"]["pools"] == 1
    time.sleep(1.1)
    assert client.search("rows", session_id=session, effort="probe")["probe"]["pools"] == 0
    client.search("a file", session_id=session, session={"prefetch": False})
    assert client.search("rows", session_id=session, effort="probe")["probe"]["pools"] == 1


@pytest.mark.parametrize("known", [True, False])
def test_an_unknown_branch_is_named_by_its_path(client: Client, known: bool) -> None:
    """And frees its request id."""
    session = client.search("a session")["session_id"] if known else None
    body = {"query": "on a branch", "session_id": session, "branch": "nope", "request_id": f"branch-{known}"}
    response = client("POST", "/v1/search", body)
    assert response.status_code == 404
    assert (response.json()["error"]["code"], response.json()["error"]["path"]) == ("branch_not_found", "$.branch")
    assert client("POST", "/v1/search", {**body, "branch": "main"}).status_code == 200


# ---------------------------------------------------------------- deletion


def deleting(monkeypatch: pytest.MonkeyPatch, client: Client, session: str) -> None:
    """The next search of the word `deleted` is overtaken by a DELETE of the session."""

    def overtaken(request: Any, *rest: Any) -> Any:
        found = find(request, *rest)
        if request.query == "deleted":
            client.app.state.engine.sessions.delete(session, "default")
        return found

    monkeypatch.setattr("api.searches.find", overtaken)


def test_a_search_that_a_delete_overtakes_is_answered_and_brings_nothing_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer says that it was not recorded; its request id is free, as those of the session are."""
    session = client.search("begin")["session_id"]
    deleting(monkeypatch, client, session)
    body = {"query": "deleted", "session_id": session, "request_id": "overtaken"}
    pools = client.app.state.engine.calls._cellar.pools
    before = pools.size()
    response = client("POST", "/v1/search", body)
    assert response.status_code == 200
    assert pools.size() < before  # neither its own, nor that of the session's first search
    answer = response.json()
    assert answer["results"]
    assert (answer["session_id"], answer["session"]) == (session, None)
    assert "session_deleted" in {notice["code"] for notice in answer["notices"]}
    assert client("GET", f"/v1/sessions/{session}").status_code == 404
    assert session not in {one["id"] for one in client("GET", "/v1/sessions").json()["sessions"]}
    monkeypatch.undo()
    anew = client("POST", "/v1/search", {**body, "query": "another body"})
    assert anew.status_code == 200
    assert anew.json()["session"]["seq"] == 1
