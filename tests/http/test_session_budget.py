"""A session's budget: what its searches took is counted, what is left is told, and spent it is advice."""

from __future__ import annotations

import pytest

from tests.http.conftest import Client, ok, refused


def test_each_search_takes_of_the_budget(client: Client) -> None:
    """As much as its answer shows; the log has it, and the read-back agrees with the last answer."""
    ok_body = {"session_id": "b", "budget": {"calls": 3, "results": 100, "tokens": 5_000}}
    assert client("POST", "/v1/sessions", ok_body).status_code == 201
    calls, results, tokens = 3.0, 100.0, 5_000.0
    for query in ("archives", "event loop"):
        answer = client.search(query, session_id="b", max_results=3)
        calls, results = calls - 1, results - len(answer["results"])
        tokens -= -(-sum(len(one["text"]) for hit in answer["results"] for one in hit["passages"]) // 4)
        assert answer["session"]["budget_left"] == {"calls": calls, "results": results, "tokens": tokens}
        assert answer["session"]["stop"] is None
    told = client("GET", "/v1/sessions/b").json()
    assert told["session"]["budget_left"] == answer["session"]["budget_left"]
    assert [event["cost"]["calls"] for event in told["events"]] == [1.0, 1.0]
    last = client.search("paths", session_id="b", max_results=3)["session"]
    assert last["stop"] == {"now": True, "reason": "the session's budget of calls is spent"}
    beyond = client.search("threads", session_id="b", max_results=3)
    assert beyond["results"]
    assert beyond["session"]["budget_left"]["calls"] == 0.0


def test_a_batch_takes_of_it_once_for_all(client: Client) -> None:
    """Every answer tells what the whole batch leaves; a probe and a stateless call take nothing."""
    assert client("POST", "/v1/sessions", {"session_id": "c", "budget": {"calls": 10}}).status_code == 201
    batch = ok(client, "/v1/search/batch", {"session_id": "c", "searches": [{"query": "paths"}, {"query": "archives"}]})
    assert [each["session"]["budget_left"] for each in batch["answers"]] == [{"calls": 8.0}] * 2
    client.search("paths", session={"record": False})
    probe = client.search("paths", session_id="c", effort="probe")
    assert probe["session"]["budget_left"] == {"calls": 8.0}


def test_without_a_budget_nothing_is_counted(client: Client) -> None:
    """Null, and the log is as small as it was."""
    assert client.search("paths", session_id="free")["session"]["budget_left"] is None
    assert "cost" not in client("GET", "/v1/sessions/free").json()["events"][0]


@pytest.mark.parametrize("budget", [{"money": 3}, {"calls": 0}, {"calls": "many"}, 5])
def test_a_budget_that_means_nothing_is_refused(client: Client, budget: object) -> None:
    """With its path."""
    error = refused(client, {"session_id": "c", "budget": budget}, "/v1/sessions")
    assert error["path"].startswith("$.budget")
