"""Nothing is done twice: pools and work in flight, through the public door."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.http.conftest import STATELESS, Client, ids
from tests.http.pool_support import Counted, Serve, again, served, warm_client
from tests.laws.test_pool_laws import PAGES


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Client:
    return warm_client(serve, tmp_path)


# ---------------------------------------------------------------- pools


def test_a_repeat_is_served_from_the_cache_to_any_session(client: Client) -> None:
    """Exact, normalised, and for another session; the results say the same."""
    first = client.search("event loop without locks")
    assert first["session"]["served_from"] == "index"
    for query in ("event loop without locks", "Event  Loop WITHOUT locks "):
        other = again(client, query)
        assert other["session"]["served_from"] == "cache"
        assert other["results"] == first["results"]
    assert served(client, "event loop without locks", session_id=first["session_id"]) == "cache"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tasks with locks", "tasks without locks"),
        ("event loop 2023", "event loop 2024"),
        ("event OR loop", "event or loop"),
        ("event loop", "loop event"),
        ("event loop", "event loops"),
        ("zip archive", "-zip archive"),
    ],
)
def test_what_means_something_else_never_shares_a_pool(client: Client, one: str, other: str) -> None:
    """Negations, numbers, operators, order and forms."""
    assert served(client, one) == "index"
    assert served(client, other) == "index"
    assert served(client, other.upper() if other.islower() and " or " not in other else other) == "cache"


@pytest.mark.parametrize(
    ("one", "other"), [("tasks with locks", "tasks without locks"), ("event loop of 2023", "event loop of 2024")]
)
def test_opposites_are_not_near(client: Client, one: str, other: str) -> None:
    """However close their vectors are, and where near queries may lend candidates."""
    assert [served(client, text, session={"reuse": "near"}) for text in (one, other)] == ["index", "index"]


def test_near_queries_lend_candidates_on_request(client: Client) -> None:
    """And the answer says so."""
    one, other = "how do tasks run without locks in the event loop", "how do tasks run without locks in an event loop"
    assert served(client, one) == "index"
    assert served(client, other) == "index"
    client.app.state.engine.calls._cellar.pools.forget("", list(client.app.state.engine.calls._cellar.pools._pools)[1:])
    near = again(client, other, session={"reuse": "near"})
    assert near["session"]["served_from"] == "pool"
    assert near["query"]["exact"] is None
    assert "pool_reused" in {notice["code"] for notice in near["notices"]}


def test_what_looks_up_nothing(client: Client) -> None:
    """An explanation, a request that wants none, a stateless call, a server without memory for it."""
    client.search("event loop")
    assert served(client, "event loop", explain=True) == "index"
    assert served(client, "event loop", session={"reuse": "off"}) == "index"
    before = client.app.state.engine.calls._cellar.pools.size()
    assert client.search("zip archive", **STATELESS)["session"] is None
    assert client.app.state.engine.calls._cellar.pools.size() == before
    assert served(client, "zip archive") == "index"


def test_without_memory_everything_is_recalled(serve: Serve, tmp_path: Path) -> None:
    """FORAGE_POOL_MB=0."""
    client = serve(tmp_path, documents=True, pool_mb=0)
    assert [served(client, "event loop") for _ in range(2)] == ["index", "index"]


def test_a_new_generation_has_new_pools(client: Client) -> None:
    """In the middle of a session."""
    first = client.search("event loop")
    page = {"id": "new", "url": "https://new.example.org/", "title": "Event loop", "text": "event loop " * 9}
    assert client("POST", "/v1/collections/default/documents", page).status_code == 200
    second = again(client, "event loop", session_id=first["session_id"])
    assert second["generation"] != first["generation"]
    assert second["session"]["served_from"] == "index"
    assert "new" in ids(second)
    old = again(client, "event loop", generation=first["generation"])
    assert (old["session"]["served_from"], ids(old)) == ("cache", ids(first))


def test_tenants_share_nothing(serve: Serve, tmp_path: Path) -> None:
    """Not even that somebody asked: time would tell."""
    client = serve(tmp_path, api_keys="a:ka,b:kb")
    for key in ("ka", "kb"):
        headers = {"authorization": f"Bearer {key}"}
        assert client("POST", "/v1/collections/default/documents", PAGES, headers=headers).status_code == 200
        response = client("POST", "/v1/search", {"query": "event loop"}, headers=headers)
        assert response.json()["session"]["served_from"] == "index"


def test_a_session_shows_its_pools_until_it_is_deleted(client: Client) -> None:
    """Its first and its latest calls; then nothing of it is left."""
    session_id = client.search("event loop")["session_id"]
    for query in ("zip archive", "tar archive", "file path", "socket"):
        again(client, query, session_id=session_id, session={"prefetch": False})
    assert client.app.state.engine.calls.settle(30)
    shown = client("GET", f"/v1/sessions/{session_id}").json()
    assert [pool["first"] for pool in shown["pools"]["warm"]] == [True, False, False, False]
    assert all(pool["candidates"] and pool["bytes"] for pool in shown["pools"]["warm"])
    assert shown["pools"]["recalls"]["miss"] >= 5
    assert set(shown["predictors"]) == {"entity", "name", "clause", "detail", "sibling", "successor"}
    assert client("DELETE", f"/v1/sessions/{session_id}").status_code == 204
    assert client.app.state.engine.calls._cellar.pools.size() == (0, 0)


# ---------------------------------------------------------------- in flight


@pytest.mark.parametrize("stateless", [True, False])
def test_sixteen_at_once_are_one_computation(client: Client, monkeypatch: pytest.MonkeyPatch, stateless: bool) -> None:
    """One embedding, one recall, sixteen equal answers."""
    counted = Counted(client, monkeypatch, followers=15)
    body = {"query": "event loop without locks", "session": {"record": not stateless, "prefetch": False}}
    answers = client.together(*[("POST", "/v1/search", body)] * 16)
    assert {answer.status_code for answer in answers} == {200}
    assert (counted.recalls, counted.embeddings) == (1, 1)
    results = [answer.json()["results"] for answer in answers]
    assert all(found == results[0] for found in results)


def test_a_client_that_goes_away_takes_nobody_along(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its search leads; those who wait for it get their answers, from the one computation."""
    client.app.state.engine._vectors.encode("event loop")
    counted = Counted(client, monkeypatch, followers=2)
    body = {"query": "event loop", "session": {"prefetch": False}}

    async def run() -> list[int]:
        leader = asyncio.create_task(client._http.post("/v1/search", json=body))
        while not counted.begun.is_set():
            await asyncio.sleep(0.001)
        leader.cancel()
        others = await asyncio.gather(*(client._http.post("/v1/search", json=body) for _ in range(2)))
        with pytest.raises(asyncio.CancelledError):
            await leader
        return [each.status_code for each in others]

    assert client._loop.run_until_complete(run()) == [200, 200]
    assert counted.recalls == 1


def test_a_batch_fills_and_uses_pools(client: Client) -> None:
    """Each of its searches says where it came from; a probe among them shows nothing."""
    searches = [{"query": "event loop"}, {"query": "zip archive"}, {"query": "event", "effort": "probe"}]
    first = client("POST", "/v1/search/batch", {"searches": searches}).json()
    assert [each["session"]["served_from"] for each in first["answers"]] == ["index", "index", "index"]
    assert "probe" in first["answers"][2]
    assert client.app.state.engine.calls.settle(30)
    body = {"searches": searches, "session_id": first["session_id"], "session": {"on_repeat": "continue"}}
    again = client("POST", "/v1/search/batch", body).json()
    assert [each["session"]["served_from"] for each in again["answers"]] == ["cache", "cache", "pool"]
    assert served(client, "Event LOOP") == "cache"
    events = client("GET", f"/v1/sessions/{first['session_id']}").json()["events"]
    assert [event["kind"] for event in events] == ["search", "search", "note"] * 2
