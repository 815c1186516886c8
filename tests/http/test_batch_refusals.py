"""Batches that are refused, or go wrong on the way: whole or in place, named either way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.errors import DeadlineError
from tests.http.batch_support import Serve, batch, refused, shown
from tests.http.conftest import Client


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"searches": [{"query": "x"}] * 33}, "$.searches"),
        ({"searches": []}, "$.searches"),
        ({}, "$.searches"),
        ({"searches": "x"}, "$.searches"),
        ({"searches": ["x"]}, "$.searches[0]"),
        ({"searches": [{"query": "x"}, {"query": "y", "max_results": 0}]}, "$.searches[1].max_results"),
        ({"searches": [{"query": "x"}, {"query": ""}]}, "$.searches[1].query"),
        ({"searches": [{"query": "x"}, {}]}, "$.searches[1].query"),
        ({"searches": [{"query": "x"}, {"query": "y", "weights": {"bm52": 1}}]}, "$.searches[1].weights.bm52"),
        ({"searches": [{"query": "x"}, {"query": "y", "profile": "no-such"}]}, "$.searches[1].profile"),
        ({"searches": [{"query": "x"}, {"query": "y", "generation": "no-such"}]}, "$.searches[1].generation"),
        ({"searches": [{"query": "x"}], "query": "y"}, "$.query"),
        ({"searches": [{"query": "x"}], "reader": "r" * 10_000}, "$.reader"),
        ({"searches": [{"query": "x"}], "branch": "no-such"}, "$.branch"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_whole_and_named(client: Client, body: dict[str, Any], path: str) -> None:
    """Nothing runs, nothing is recorded; the path has the number of the search."""
    before = client("GET", "/v1/sessions").json()
    response = client("POST", "/v1/search/batch", body)
    assert response.status_code in (404, 422), response.text
    assert response.json()["error"]["path"] == path
    assert client("GET", "/v1/sessions").json() == before


@pytest.mark.parametrize(
    ("top", "searches", "path"),
    [
        ({"session_id": "a"}, [{}, {"session_id": "b"}], "$.searches[1].session_id"),
        ({}, [{"session_id": "a"}, {"session_id": "b"}], "$.searches[1].session_id"),
        ({"branch": "main"}, [{"branch": "b2"}], "$.searches[0].branch"),
        ({}, [{"reader": "r"}, {}, {"reader": "s"}], "$.searches[2].reader"),
        ({"objective": "a"}, [{"objective": "b"}], "$.searches[0].objective"),
        ({}, [{"request_id": "r"}], "$.searches[0].request_id"),
        ({"request_id": "r"}, [{"request_id": "s"}], "$.searches[0].request_id"),
        ({"budget": {"ms": 9}}, [{}, {"budget": {"ms": 9}}], "$.searches[1].budget"),
        ({}, [{"session": {"overlap": "stub"}}, {"session": {"overlap": "allow"}}], "$.searches[1].session.overlap"),
        ({}, [{}, {"session": {"record": False}}], "$.searches[1].session.record"),
    ],
)
def test_searches_that_contradict_each_other_are_refused(
    client: Client, top: dict[str, Any], searches: list[Any], path: str
) -> None:
    """By the second of the two; the hint says what the first says."""
    error = refused(client, searches=[{"query": "x", **search} for search in searches], **top)
    assert error["path"] == path
    assert error["hint"]


def test_searches_may_repeat_what_the_batch_says(client: Client) -> None:
    """Or say it in its place, each for all."""
    answer = batch(client, {"query": "x", "reader": "r"}, "y", session_id="batch-said", request_id="batch-said-1")
    log = client("GET", "/v1/sessions/batch-said").json()["events"]
    assert {event["reader"] for event in log} == {"r"}
    again = batch(client, {"query": "z", "session_id": "batch-said", "reader": "r"}, reader="r")
    assert again["session_id"] == answer["session_id"]


def test_a_corrected_batch_can_be_sent_as_it_is(client: Client) -> None:
    """The whole of it, with the one mistake mended."""
    body = {"searches": [{"query": "x"}, {"query": "y", "weights": {"bm52": 1}}]}
    error = refused(client, **body)
    assert error["corrected_request"]["searches"][1]["weights"] == {"bm25": 1}
    assert client("POST", "/v1/search/batch", error["corrected_request"]).status_code == 200
    error = refused(client, searches=[{"query": "x", "max_result": 3}])
    assert error["path"] == "$.searches[0].max_result"
    assert client("POST", "/v1/search/batch", error["corrected_request"]).status_code == 200


def test_the_collection_of_the_batch_counts_where_a_search_names_none(client: Client) -> None:
    """And an unknown one is named where it stands."""
    client("POST", "/v1/collections", {"name": "other"})
    answer = batch(client, "zip", {"query": "zip", "collection": "default"}, collection="other")
    assert [len(page) for page in shown(answer)] == [0, 8]
    assert refused(client, 404, searches=[{"query": "x"}], collection="othr")["path"] == "$.collection"
    error = refused(client, 404, searches=[{"query": "x"}, {"query": "x", "collection": "othr"}])
    assert error["path"] == "$.searches[1].collection"
    assert error["corrected_request"] is None or error["corrected_request"]["searches"][1]["collection"] == "other"


def test_one_budget_is_shared(client: Client) -> None:
    """Postings are divided; time is, by how many have to wait for each other."""
    threads = client.app.state.engine.searches.batches.threads
    searches = ["zip"] * 2 * threads
    answer = batch(client, *searches, budget={"postings": 100_000, "ms": 60_000}, session={"on_repeat": "continue"})
    budgets = [each["resolved"]["budget"] for each in answer["answers"]]
    assert {budget["postings"] for budget in budgets} == {100_000 // len(searches)}
    assert {budget["ms"] for budget in budgets} == {30_000}


def test_a_search_that_misses_its_deadline_has_an_error_in_its_place(client: Client) -> None:
    """The others are answered and recorded; its path says which it was."""
    late = {"query": "zip archives", "budget": {"postings": 1, "on_exceed": "fail"}}
    answer = batch(client, "rows", late, "locks")
    error = answer["answers"][1]["error"]
    assert (error["code"], error["path"]) == ("deadline_exceeded", "$.searches[1].budget.postings")
    assert answer["answers"][1]["results"] == []
    assert [each["session"]["seq"] for each in (answer["answers"][0], answer["answers"][2])] == [1, 2]
    log = client("GET", f"/v1/sessions/{answer['session_id']}").json()["events"]
    assert [event["query"] for event in log] == ["rows", "locks"]


def test_a_batch_of_nothing_but_missed_deadlines_is_refused(client: Client) -> None:
    """Never 200 with nothing; and nothing is recorded."""
    before = client("GET", "/v1/sessions").json()
    late = {"query": "zip archives", "budget": {"postings": 1, "on_exceed": "fail"}}
    assert refused(client, 408, searches=[late, late])["path"] == "$.searches[0].budget.postings"
    assert client("GET", "/v1/sessions").json() == before


def test_a_deadline_that_passes_while_a_page_is_written_costs_that_page(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found in time, written too late."""
    searches = client.app.state.engine.searches
    page = searches._page

    def slow(tenant: str, request: Any, *rest: Any) -> Any:
        outcome = page(tenant, request, *rest)
        if request.query == "slow":
            raise DeadlineError("too late", path="$.budget.ms", hint="wait", results=outcome.body["results"])
        return outcome

    monkeypatch.setattr(searches, "_page", slow)
    answer = batch(client, "slow", "rows")
    assert answer["answers"][0]["error"]["path"] == "$.searches[0].budget.ms"
    assert answer["answers"][0]["results"]
    assert answer["answers"][1]["session"]["seq"] == 1


def test_a_broken_store_costs_a_batch_its_session(serve: Serve, tmp_path: Path) -> None:
    """Stateless answers that say so."""
    client = serve(tmp_path / "data", documents=True)
    client.app.state.engine._store.close()
    answer = batch(client, "zip", "rows", session_id="x")
    assert answer["session_id"] == "x"
    for each in answer["answers"]:
        assert each["results"]
        assert each["session"] is None
        assert "session" in each["trace"]["degraded"]
        assert any(notice["code"] == "session_unavailable" for notice in each["notices"])


def test_a_probe_takes_nothing_from_the_pages_of_others(client: Client) -> None:
    """It shows nothing, so nothing stands there instead of here; and stubs count the searches as they were sent."""
    searches = ({"query": "asyncio gather", "effort": "probe"}, "asyncio gather", "gather tasks")
    asked = [each if isinstance(each, dict) else {"query": each, "max_results": 2} for each in searches]
    answer = batch(client, *asked)
    plain = batch(client, *asked[1:])
    assert shown(answer)[1:] == shown(plain)
    probe = client("GET", f"/v1/sessions/{answer['session_id']}").json()["events"][0]
    assert probe["kind"] == "note"
    stubs = answer["answers"][2]["stubs"]
    assert {stub["search"] for stub in stubs} == {1}
    assert {stub["shown_at"] for stub in stubs} == {2}


def test_a_store_may_ask_twice_for_the_bytes_of_a_batch(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that lost a race does: what is sent is what the last seq makes it, each stub and notice once."""
    store = client.app.state.engine._store
    commit = store.commit

    def twice(tenant: str, session_id: str, drafts: Any, answer: Callable[[int], bytes], **more: Any) -> Any:
        answer(1), answer(7)
        return commit(tenant, session_id, drafts, answer, **more)

    searches = [{"query": query, "max_results": 2} for query in ("asyncio gather", "gather tasks")]
    plain = batch(client, *searches)
    monkeypatch.setattr(store, "commit", twice)
    answer = batch(client, *searches)
    for one, other in zip(plain["answers"], answer["answers"], strict=True):
        assert one["stubs"] == other["stubs"]
        assert one["notices"] == other["notices"]
        assert one["session"] == other["session"]
    assert answer["answers"][1]["stubs"]


def test_a_batch_whose_session_is_deleted_meanwhile_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer; nothing brings the session back."""
    store = client.app.state.engine._store
    session = client.search("zip")["session_id"]
    commit = store.commit

    def overtaken(tenant: str, session_id: str, drafts: Any, answer: Callable[[int], bytes], **more: Any) -> Any:
        answer(5)
        store.delete(tenant, session_id)
        return commit(tenant, session_id, drafts, answer, **more)

    monkeypatch.setattr(store, "commit", overtaken)
    answer = batch(client, "rows", "locks", session_id=session)
    for each in answer["answers"]:
        assert each["session"] is None
        assert [notice["code"] for notice in each["notices"]].count("session_deleted") == 1
    assert client("GET", f"/v1/sessions/{session}").status_code == 404
