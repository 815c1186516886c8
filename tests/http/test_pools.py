"""Nothing is done twice: pools, work in flight, probes, follow-ups and guesses, through the public door."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.warm.index import PooledIndex
from api.warm.keys import Key
from api.warm.prefetch import Task
from indexer.local import LocalIndex
from ranking.ports import SearchIndex
from ranking.types import Evidence, Plan
from tests.http.conftest import STATELESS, Client, ids
from tests.laws.test_pool_laws import PAGES

Serve = Callable[..., Client]


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Client:
    made = serve(tmp_path, search_threads=16)
    assert made("POST", "/v1/collections/default/documents", PAGES).status_code == 200
    return made


def again(client: Client, query: str, **fields: Any) -> dict[str, Any]:
    """A call that is no retry."""
    session = {"on_repeat": "continue", **fields.pop("session", {})}
    return client.search(query, session=session, **fields)


def served(client: Client, query: str, **fields: Any) -> str:
    found: str = again(client, query, **fields)["session"]["served_from"]
    return found


class Counted:
    """How often the index recalls and the model embeds; held until so many others wait for it."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch, followers: int = 0) -> None:
        self.recalls = self.embeddings = 0
        self.begun = threading.Event()
        engine = client.app.state.engine
        embedder, recall, encode = engine._vectors.embedder, LocalIndex.recall, engine._vectors.embedder.encode
        flights = [engine._vectors._flights, engine.calls._cellar.flights]

        def hold(which: int) -> None:
            until = time.monotonic() + 30
            while sum(flights[which]._followers.values()) < followers:
                assert time.monotonic() < until
                time.sleep(0.001)

        def recalled(index: LocalIndex, plan: Plan) -> Evidence:
            self.recalls += 1
            self.begun.set()
            hold(1)
            return recall(index, plan)

        def embedded(texts: list[str]) -> Any:
            self.embeddings += 1
            hold(0)
            return encode(texts)

        monkeypatch.setattr(LocalIndex, "recall", recalled)
        monkeypatch.setattr(embedder, "encode", embedded)


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
    assert set(shown["predictors"]) == {"name", "clause", "detail", "sibling", "successor"}
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


# ---------------------------------------------------------------- probes


def test_a_probe_answers_from_the_sessions_pools(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and titles; nothing is embedded, nothing counts as shown."""
    session_id = client.search("event loop without locks")["session_id"]
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


# ---------------------------------------------------------------- follow-ups and guesses


QUESTION = "who wrote of the event loop without locks, and which zip archive waits in part 7"


def test_follow_ups_are_offered_in_sessions_that_want_them(client: Client) -> None:
    """At most three, each with what it may bring; the same for the same session; stateless calls have none."""
    one, other = (client.search(QUESTION, session_id=name)["follow_ups"] for name in ("one", "other"))
    assert one == other
    assert 1 <= len(one) <= 3
    for offer in one:
        assert set(offer) == {"query", "why", "covers", "new_expected", "prefetched"}
        assert offer["new_expected"] >= 2
    assert again(client, QUESTION, session={"follow_ups": False})["follow_ups"] == []
    assert client.search(QUESTION, **STATELESS)["follow_ups"] == []


def test_a_guess_that_was_right_is_served_from_it(client: Client) -> None:
    """With the results of a server that guesses nothing, and it is accounted for."""
    engine = client.app.state.engine
    first = client.search(QUESTION, session_id="guessed")
    assert engine.calls.settle(30)
    query = first["follow_ups"][0]["query"]
    plain = again(client, QUESTION, session_id="plain", session={"prefetch": False})
    assert engine.calls.settle(30)
    right = again(client, query, session_id="guessed")
    assert right["session"]["served_from"] == "prefetch"
    assert served(client, query) == "cache"
    client.app.state.engine.calls._cellar.pools.forget("", list(engine.calls._cellar.pools._pools))
    wanted = again(client, query, session_id="plain", session={"prefetch": False})
    assert wanted["session"]["served_from"] == "index"
    assert wanted["results"] == right["results"]
    assert plain["results"] == first["results"]
    account = client("GET", "/v1/sessions/guessed").json()["prefetch"]
    assert account["issued"] >= 1
    assert account["used"] == 1
    assert account["saved_ms"] > 0
    assert client("GET", "/v1/sessions/plain").json()["prefetch"]["issued"] == 0


def test_a_follow_up_that_is_warm_says_so(client: Client) -> None:
    """Offered again, and its pool is there."""
    client.search(QUESTION, session_id="s")
    assert client.app.state.engine.calls.settle(30)
    offered = again(client, QUESTION, session_id="s")["follow_ups"]
    assert any(offer["prefetched"] for offer in offered)


@pytest.mark.parametrize("session", [{"prefetch": False}, {"follow_ups": False}, {"reuse": "off"}])
def test_guesses_can_be_switched_off(client: Client, session: dict[str, Any]) -> None:
    """Per request; without follow-ups there is nothing to guess, without reuse nobody would use it."""
    client.search(QUESTION, session_id="s", session=session)
    assert client.app.state.engine.calls.settle(30)
    assert client("GET", "/v1/sessions/s").json()["prefetch"]["issued"] == 0


def test_a_guess_for_a_session_that_is_erased_meanwhile_leaves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pool would hold words of what nobody may know any more."""
    calls = client.app.state.engine.calls
    guess, ended = calls._guess, []

    def erased(task: Task, over: Callable[[SearchIndex], PooledIndex]) -> Key | None:
        key: Key | None = guess(task, over)
        calls.forget(*task.owner)
        ended.append(task)
        return key

    monkeypatch.setattr(calls, "_guess", erased)
    client.search(QUESTION, session_id="s")
    assert calls.settle(30)
    assert ended
    assert calls._cellar.pools.size() == (0, 0)


def test_metrics_count_all_of_it(client: Client) -> None:
    """Recalls by tier, guesses, follow-ups."""

    def counts() -> dict[str, float]:
        lines = client("GET", "/metrics").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("forage_p") or line.startswith("forage_f"))
        return {name: float(value) for name, value in pairs}

    def grown(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    before = counts()
    offered = client.search(QUESTION, session_id="s")["follow_ups"]
    assert client.app.state.engine.calls.settle(30)
    for query in (QUESTION, QUESTION.replace(" ", "  "), offered[0]["query"]):
        again(client, query, session_id="s", session={"prefetch": False})
    after = counts()
    tiers = {tier: grown(f'forage_pool_recalls_total{{tier="{tier}"}}') for tier in ("miss", "exact", "normalised")}
    assert tiers["miss"] >= 1
    assert tiers["exact"] >= 2
    assert tiers["normalised"] == 1
    assert grown('forage_prefetch_total{outcome="issued"}') >= 1
    assert grown('forage_prefetch_total{outcome="used"}') == 1
    assert grown('forage_prefetch_cpu_ms_total{use="all"}') > 0
    assert grown("forage_prefetch_saved_ms_count") == 1
    assert any(name.startswith("forage_follow_ups_total") for name in after)
    assert after["forage_pools"] >= 2
    assert after["forage_pool_bytes"] > 0


def test_follow_ups_cost_next_to_nothing(client: Client) -> None:
    """Of a search's time; the figure is in the benchmarks."""
    from api.warm import following

    spent: list[float] = []
    plain = following.follow_ups

    def timed(*given: Any) -> Any:
        begun = time.thread_time()
        found = plain(*given)
        spent.append((time.thread_time() - begun) * 1_000)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.warm.calls.follow_ups", timed)
        for number in range(12):
            again(client, f"{QUESTION} {number}", session_id="s")
    assert sorted(spent)[len(spent) // 2] < 5.0


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


def test_predictors_that_are_never_right_offer_nothing(client: Client) -> None:
    """They go on being judged, and come back."""
    predictors = client.app.state.engine.calls._predictors
    wanted = client.search(QUESTION, session_id="before")["follow_ups"]
    for name in predictors.beliefs():
        for _ in range(60):
            predictors.count(name, False)
    assert client.search(QUESTION, session_id="during")["follow_ups"] == []
    trials = predictors.report()
    again(client, wanted[0]["query"], session_id="during")
    after = predictors.report()
    assert any(after[name]["hits"] > trials[name]["hits"] for name in after)
    for name in predictors.beliefs():
        for _ in range(60):
            predictors.count(name, True)
    assert client.search(QUESTION, session_id="after")["follow_ups"]
