"""Servers that share sessions in one Redis, and what searches answer when it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import Client, ids
from tests.redis_server import RedisServer, running

Serve = Callable[..., Client]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    yield from running()


def recorded(client: Client, query: str, **fields: Any) -> dict[str, Any]:
    """A search that is in its session, once the Redis is found to be back."""
    until = time.monotonic() + 15
    while True:
        answer = client.search(query, **fields)
        if "session" not in answer["trace"]["degraded"]:
            return answer
        assert time.monotonic() < until
        time.sleep(0.1)


def test_two_servers_share_a_session(server: RedisServer, serve: Serve, tmp_path: Path) -> None:
    """What one showed, the other knows; a retry that reaches the other gets the same bytes; it is deleted for both."""
    one, two = (serve(tmp_path / name, documents=True, redis_url=server.url) for name in ("one", "two"))
    body = {"query": "archives", "max_results": 3, "request_id": "r-1"}
    first = one("POST", "/v1/search", body)
    session = first.json()["session_id"]
    again = two("POST", "/v1/search", body)
    assert (again.content, again.headers["Forage-Replayed"]) == (first.content, "true")
    second = two.search("archives compressed", max_results=3, session_id=session)
    assert (second["session"]["seq"], second["session"]["snapshot_seq"]) == (2, 1)
    held_back = {stub["id"] for stub in second["stubs"]} | {hit["id"] for hit in second["results"] if hit["seen"]}
    assert held_back & set(ids(first.json()))
    shapes = [client("GET", f"/v1/sessions/{session}").json() for client in (one, two)]
    assert shapes[0]["events"] == shapes[1]["events"]
    assert [event["seq"] for event in shapes[0]["events"]] == [1, 2]
    assert one("DELETE", f"/v1/sessions/{session}").status_code == 204
    assert two("GET", f"/v1/sessions/{session}").status_code == 404
    assert two.search("archives", session_id=session)["session"]["seq"] == 1


def test_with_its_redis_frozen_a_search_still_answers(server: RedisServer, serve: Serve, tmp_path: Path) -> None:
    """Stateless, named as such, and soon; what needs the session is a 503; afterwards it goes on where it was."""
    client = serve(tmp_path, documents=True, redis_url=server.url, redis_read_ms=300)
    session = client.search("archives", max_results=3)["session_id"]
    server.freeze()
    took = []
    for number in range(10):
        began = time.monotonic()
        answer = client.search(f"python module {number}", session_id=session, request_id=f"r-{number}")
        took.append(time.monotonic() - began)
        assert answer["trace"]["degraded"] == ["session"]
        assert answer["results"]
    assert max(took) < 2
    assert sorted(took)[5] < 0.3
    assert client("GET", f"/v1/sessions/{session}").status_code == 503
    ready = client("GET", "/readyz")
    assert ready.status_code == 200
    assert "does not answer" in ready.json()["sessions"]
    server.thaw()
    answer = recorded(client, "archives again", session_id=session)
    assert answer["session"]["seq"] == 2
    assert client("GET", "/readyz").json()["sessions"] == "ok"


@pytest.mark.parametrize("harm", ["freeze", "kill", "flush"])
def test_a_redis_that_goes_in_mid_call_costs_the_session_not_the_search(
    server: RedisServer, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """Between load and commit: the answer is whole, says what became of the session, and nothing is recorded of it."""
    client = serve(tmp_path, documents=True, redis_url=server.url, redis_read_ms=300)
    session = client.search("archives", max_results=3)["session_id"]
    store = client.app.state.engine._store
    commit = store.commit

    def harmed(*arguments: Any, **more: Any) -> Any:
        monkeypatch.undo()
        getattr(server, harm)()
        return commit(*arguments, **more)

    monkeypatch.setattr(store, "commit", harmed)
    answer = client.search("event loop", session_id=session, request_id="r")
    assert answer["results"]
    if harm == "flush":
        assert "session_deleted" in [notice["code"] for notice in answer["notices"]]
        assert client("GET", f"/v1/sessions/{session}").status_code == 404
    else:
        assert answer["trace"]["degraded"] == ["session"]
        server.thaw() if harm == "freeze" else server.start()
    after = recorded(client, "event loop", session_id=session, request_id="r")
    assert after["session"]["seq"] == (2 if harm == "freeze" else 1)
    events = client("GET", f"/v1/sessions/{session}").json()["events"]
    assert [event["seq"] for event in events] == list(range(1, after["session"]["seq"] + 1))


def test_a_session_may_be_kept(server: RedisServer, serve: Serve, tmp_path: Path) -> None:
    """In either store: without an end, and so it says when it is made, listed and read."""
    for name, url in (("file", None), ("redis", server.url)):
        client = serve(tmp_path / name, documents=True, redis_url=url)
        made = client("POST", "/v1/sessions", {"session_id": "mine", "keep": True})
        assert made.status_code == 201
        assert made.json()["expires"] is None
        client.search("archives", session_id="mine")
        shape = client("GET", "/v1/sessions/mine").json()["session"]
        assert (shape["keep"], shape["expires"], shape["seq"]) == (True, None, 1)
        assert [each["expires"] for each in client("GET", "/v1/sessions").json()["sessions"]] == [None]
