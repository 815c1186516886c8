"""Follow-ups and guesses: what may be asked next is offered, and warm when it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.warm.index import PooledIndex
from api.warm.keys import Key
from api.warm.prefetch import Task
from ranking.ports import SearchIndex
from tests.http.conftest import STATELESS, Client
from tests.http.pool_support import Serve, again, served, warm_client


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> Client:
    return warm_client(serve, tmp_path)


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
    plain = following.look_ahead

    def timed(*given: Any) -> Any:
        begun = time.thread_time()
        found = plain(*given)
        spent.append((time.thread_time() - begun) * 1_000)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.warm.calls.look_ahead", timed)
        for number in range(12):
            again(client, f"{QUESTION} {number}", session_id="s")
    assert sorted(spent)[len(spent) // 2] < 5.0


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
