"""Several searches as one: one snapshot, one commit, each document where it serves best."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.batch_support import QUERIES, batch, refused, shown
from tests.http.conftest import DOCUMENTS, STATELESS, Client, ids


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


def test_pages_that_nothing_fills_show_no_more_than_alone(client: Client) -> None:
    """Of few candidates nobody looks for more; and no stub is named that was not asked for."""
    narrow = {"max_results": 4, "retrieve": [{"type": "bm25", "k": 3}], "score": "dense"}
    queries = ("event loop", "asyncio event", "gather event loop")
    alone = [ids(client.search(query, **narrow, **STATELESS)) for query in queries]
    searches = [{"query": query, **narrow} for query in queries]
    answer = batch(client, *searches, session={"fill": False, "stubs": 1})
    pages = shown(answer)
    assert all(set(page) <= set(own) for page, own in zip(pages, alone, strict=True))
    assert sum(map(len, pages)) < sum(map(len, alone))
    assert [len(each["stubs"]) <= 1 for each in answer["answers"]] == [True] * 3
    assert any(each["stubs"] for each in answer["answers"])


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
