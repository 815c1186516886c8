"""Several searches as one: one snapshot, one commit, each document where it serves best."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.errors import DeadlineError
from tests.http.conftest import DOCUMENTS, STATELESS, Client, ids

Serve = Callable[..., Client]

QUERIES = ["event loop", "asyncio gather", "zip archives", "tar gzip", "threads and locks", "SQLite rows", "file paths"]


def batch(client: Client, *searches: Any, **top: Any) -> dict[str, Any]:
    """A batch that must succeed; a text is a query."""
    made = [{"query": each} if isinstance(each, str) else each for each in searches]
    response = client("POST", "/v1/search/batch", {"searches": made, **top})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def refused(client: Client, status: int = 422, **body: Any) -> dict[str, Any]:
    response = client("POST", "/v1/search/batch", body)
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


def shown(answers: dict[str, Any]) -> list[list[str]]:
    return [ids(answer) for answer in answers["answers"]]


def test_a_batch_is_one_commit_of_one_event_a_search(client: Client) -> None:
    """Consecutive seqs in the order of the request, one snapshot, one id of session and of request."""
    begun = client.search("zip")["session_id"]
    answer = batch(client, "event loop", "tar gzip", "rows", session_id=begun)
    assert answer["session_id"] == begun
    assert [each["session"]["seq"] for each in answer["answers"]] == [2, 3, 4]
    assert {each["session"]["snapshot_seq"] for each in answer["answers"]} == {1}
    assert {each["request_id"] for each in answer["answers"]} == {answer["request_id"]}
    assert {each["session_id"] for each in answer["answers"]} == {begun}
    log = client("GET", f"/v1/sessions/{begun}").json()["events"]
    assert [(event["seq"], event["query"]) for event in log[1:]] == [(2, "event loop"), (3, "tar gzip"), (4, "rows")]
    assert [[item["document"] for item in event["shown"]] for event in log[1:]] == shown(answer)


def test_by_default_a_document_is_on_one_page_and_a_stub_on_the_others(client: Client) -> None:
    """The stub says on which page, where on it, and under which seq; the page is as full as alone."""
    alone = [ids(client.search(query, max_results=2, **STATELESS)) for query in ("asyncio gather", "gather tasks")]
    answer = batch(client, *({"query": query, "max_results": 2} for query in ("asyncio gather", "gather tasks")))
    pages = shown(answer)
    assert not set(pages[0]) & set(pages[1])
    assert [len(page) for page in pages] == [2, 2]
    missing = [(number, name) for number, page in enumerate(alone) for name in page if name not in pages[number]]
    assert missing
    for number, name in missing:
        stub = next(stub for stub in answer["answers"][number]["stubs"] if stub["id"] == name)
        assert pages[stub["search"]][stub["rank_there"] - 1] == name
        assert stub["shown_at"] == answer["answers"][stub["search"]]["session"]["seq"]
        assert alone[number][stub["rank_now"] - 1] == name
        assert any(notice["code"] == "batch_overlap" for notice in answer["answers"][number]["notices"])


def test_a_stub_page_fills_up_when_the_collection_is_small(client: Client) -> None:
    """Eight documents, three pages of eight: nobody is left with less than alone."""
    answer = batch(client, "event loop", "zip archives", "threads", session={"seen": "off"})
    assert [len(page) for page in shown(answer)] == [8, 8, 8]
    moves = [move for each in answer["answers"] for hit in each["results"] for move in hit["moves"]]
    assert any(move.startswith("batch") for move in moves)


def test_a_partition_shows_nothing_twice_and_has_no_stubs(client: Client) -> None:
    """Even when pages stay short: all eight documents, each once."""
    session = {"overlap": "partition"}
    answer = batch(client, "event loop", "zip archives", "threads", session=session)
    everything = [name for page in shown(answer) for name in page]
    assert sorted(everything) == sorted(document["id"] for document in DOCUMENTS)
    assert [each["stubs"] for each in answer["answers"]] == [[], [], []]


def test_pages_are_full_though_retrievers_found_little(client: Client) -> None:
    """What others took is made up for by documents that no retriever found, as with one search."""
    lexical = {"retrieve": [{"type": "bm25"}], "max_results": 2}
    one, two = {"query": "asyncio gather", **lexical}, {"query": "asyncio coroutines", **lexical}
    answer = batch(client, one, two, session={"overlap": "partition"})
    assert [len(page) for page in shown(answer)] == [2, 2]
    assert len({name for page in shown(answer) for name in page}) == 4


search_of = st.builds(
    lambda query, size, seen: {"query": query, "max_results": size, "session": {"seen": seen}},
    st.sampled_from(QUERIES),
    st.integers(1, 8),
    st.sampled_from(["demote", "new_passages", "drop", "off"]),
)
relaxed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(search_of, st.booleans(), st.sampled_from(["stub", "allow", "partition"]))
def test_a_batch_of_one_is_a_search(client: Client, search: dict[str, Any], before: bool, overlap: str) -> None:
    """The same results, in a session and without."""
    sessions = [client.search("python modules", max_results=3)["session_id"] if before else None for _ in range(2)]
    single = client.search(**search, session_id=sessions[0])
    (answer,) = batch(client, search, session_id=sessions[1], session={"overlap": overlap})["answers"]
    assert answer["results"] == single["results"]
    assert answer["stubs"] == single["stubs"]
    for name in ("new", "exhausted", "shown_before", "snapshot_seq"):
        assert answer["session"][name] == single["session"][name]


@relaxed
@given(st.lists(search_of, min_size=2, max_size=5))
def test_with_overlap_allow_every_page_is_what_it_would_be_alone(client: Client, searches: list[Any]) -> None:
    """Independent searches on the same snapshot."""
    begun = client.search("python modules", max_results=3)["session_id"]
    answer = batch(client, *searches, session_id=begun, session={"overlap": "allow"})
    for search, each in zip(searches, answer["answers"], strict=True):
        again = client.search("python modules", max_results=3)["session_id"]
        assert each["results"] == client.search(**search, session_id=again)["results"]


@relaxed
@given(st.lists(search_of, min_size=2, max_size=5, unique_by=lambda search: search["query"]))
def test_no_page_is_shorter_for_having_company(client: Client, searches: list[Any]) -> None:
    """Under stub; and the same batch again, in another session, is the same to the letter."""
    sessions = [client.search("python modules", max_results=3)["session_id"] for _ in range(3)]
    first, again = (batch(client, *searches, session_id=session) for session in sessions[:2])
    assert [each["results"] for each in first["answers"]] == [each["results"] for each in again["answers"]]
    assert [each["stubs"] for each in first["answers"]] == [each["stubs"] for each in again["answers"]]
    free = batch(client, *searches, session_id=sessions[2], session={"overlap": "allow"})
    assert [len(page) for page in shown(first)] == [len(page) for page in shown(free)]


def test_copies_are_computed_once_and_answered_alike(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy is a retry: the same page, an event of its own."""
    searches = client.app.state.engine.searches
    calls: list[str] = []
    find = searches._find

    def counted(tenant: str, request: Any, *rest: Any, **more: Any) -> Any:
        calls.append(request.query)
        return find(tenant, request, *rest, **more)

    monkeypatch.setattr(searches, "_find", counted)
    answer = batch(client, *["zip archives"] * 5, "locks")
    assert sorted(calls) == ["locks", "zip archives"]
    assert all(page == shown(answer)[0] for page in shown(answer)[:5])
    assert [each["session"]["seq"] for each in answer["answers"]] == [1, 2, 3, 4, 5, 6]
    assert len(client("GET", f"/v1/sessions/{answer['session_id']}").json()["events"]) == 6


def test_copies_that_are_meant_to_go_on_share_the_work_alone(client: Client) -> None:
    """With on_repeat continue, and under partition, each has a page of its own."""
    search = {"query": "zip archives", "max_results": 3}
    answer = batch(client, search, search, session={"on_repeat": "continue"})
    assert not set(shown(answer)[0]) & set(shown(answer)[1])
    answer = batch(client, search, search, session={"overlap": "partition"})
    assert not set(shown(answer)[0]) & set(shown(answer)[1])


def test_a_retry_of_a_batch_has_the_same_bytes(client: Client) -> None:
    """By its id, and without one when nothing came in between; another body under the id is 409."""
    body = {"searches": [{"query": "rows"}, {"query": "locks"}], "request_id": "batch-1"}
    first, again = client("POST", "/v1/search/batch", body), client("POST", "/v1/search/batch", body)
    assert again.content == first.content
    assert again.headers["Forage-Replayed"] == "true"
    assert refused(client, 409, **body, objective="another")["path"] == "$.request_id"
    session = first.json()["session_id"]
    assert len(client("GET", f"/v1/sessions/{session}").json()["events"]) == 2
    unnamed = {"searches": [{"query": "rows of tables"}, {"query": "locks"}], "session_id": session}
    first, again = client("POST", "/v1/search/batch", unnamed), client("POST", "/v1/search/batch", unnamed)
    assert again.content == first.content
    assert len(client("GET", f"/v1/sessions/{session}").json()["events"]) == 4


def test_parallel_retries_of_a_batch_commit_once(client: Client) -> None:
    """Eight at a time."""
    body = {"searches": [{"query": "paths"}, {"query": "files"}], "request_id": "batch-2"}
    responses = client.together(*(("POST", "/v1/search/batch", body) for _ in range(8)))
    assert len({response.content for response in responses}) == 1
    session = responses[0].json()["session_id"]
    assert len(client("GET", f"/v1/sessions/{session}").json()["events"]) == 2


def test_without_a_record_a_batch_leaves_no_trace(client: Client) -> None:
    """The stateless batch."""
    before = client("GET", "/v1/sessions").json()
    answer = batch(client, "rows", "locks", session={"record": False})
    assert answer["session_id"] is None
    assert [each["session"] for each in answer["answers"]] == [None, None]
    assert client("GET", "/v1/sessions").json() == before


# ---------------------------------------------------------------- what is refused


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
