"""The answer of an event again: its bytes, or made anew, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions.clock import SystemClock
from tests.http.conftest import DOCUMENTS, Client

Serve = Callable[..., Client]
MINUTES = 60.0


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many minutes pass for the store: the bytes of answers are kept for 15, a session for 30."""
    passed = [0.0]
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + passed[0])

    def pass_by(minutes: float) -> None:
        passed[0] += minutes * MINUTES

    return pass_by


def replay(client: Client, session: str, seq: int, status: int = 200) -> httpx.Response:
    response = client("GET", f"/v1/sessions/{session}/replay?seq={seq}")
    assert response.status_code == status, response.text
    return response


def refusal(client: Client, session: str, seq: Any, status: int) -> dict[str, Any]:
    error: dict[str, Any] = client("GET", f"/v1/sessions/{session}/replay?seq={seq}").json()["error"]
    assert replay(client, session, seq, status)
    return error


def results(response: httpx.Response) -> bytes:
    return orjson.dumps(response.json()["results"])


def test_the_bytes_are_kept_for_a_while(client: Client) -> None:
    """And marked as a replay; nothing is recorded."""
    first = client("POST", "/v1/search", {"query": "zip archives"})
    session = first.json()["session_id"]
    again = replay(client, session, 1)
    assert again.content == first.content
    assert again.headers["Forage-Replayed"] == "true"
    assert "Forage-Recomputed" not in again.headers
    assert len(client("GET", f"/v1/sessions/{session}").json()["events"]) == 1


def test_bytes_that_are_gone_are_made_anew_with_equal_results(client: Client, later: Callable[[float], None]) -> None:
    """On the session as it was: with what it had shown by then, and nothing later."""
    session: str | None = None
    answers = []
    for query in ("zip archives", "tar archives", "archives with gzip", "threads"):
        answers.append(client("POST", "/v1/search", {"query": query, "session_id": session, "max_results": 3}))
        session = answers[-1].json()["session_id"]
    assert session is not None
    events = [{"kind": "cite", "document": "python-3"}]
    client("POST", f"/v1/sessions/{session}/feedback", {"events": events})
    later(16)
    for seq, answer in enumerate(answers, start=1):
        again = replay(client, session, seq)
        assert again.headers["Forage-Recomputed"] == "true"
        assert "Forage-Replayed" not in again.headers
        assert results(again) == results(answer)
        for name in ("stubs", "resolved", "session", "session_id", "generation"):
            assert again.json()[name] == answer.json()[name]
    error = refusal(client, session, 5, 410)
    assert (error["code"], error["path"]) == ("answer_gone", "query.seq")


QUERIES = ["event loop", "zip archives", "tar gzip", "threads and locks", "SQLite rows", "file paths"]
step = st.one_of(
    st.builds(
        lambda query, size, seen, explain: {
            "query": query,
            "max_results": size,
            "session": {"seen": seen},
            "explain": explain,
        },
        st.sampled_from(QUERIES),
        st.integers(1, 6),
        st.sampled_from(["demote", "new_passages", "drop", "off"]),
        st.booleans(),
    ),
    st.builds(
        lambda kind, document: {"events": [{"kind": kind, "document": document}]},
        st.sampled_from(["open", "cite", "reject"]),
        st.sampled_from([document["id"] for document in DOCUMENTS]),
    ),
    st.builds(
        lambda queries, overlap: {"searches": [{"query": each} for each in queries], "session": {"overlap": overlap}},
        st.lists(st.sampled_from(QUERIES), min_size=2, max_size=3),
        st.sampled_from(["stub", "allow", "partition"]),
    ),
    st.sampled_from([{"fork": {}}, {"merge": {}}]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(step, st.sampled_from(["main", "side"]), st.sampled_from([None, "sub"])), min_size=1, max_size=8)
)
def test_whatever_came_before_and_after_a_replay_is_equal(client: Client, steps: list[Any]) -> None:
    """Law: recomputed results are those that were sent, byte for byte, whatever was searched, said, forked and merged
    before or since. A call that a merge overtook at its very seq may be refused; it is never wrong."""
    session = client("POST", "/v1/sessions", {}).json()["session_id"]
    sent: list[tuple[int, bytes]] = []
    client.search("python modules", session_id=session, max_results=2)
    client("POST", f"/v1/sessions/{session}/fork", {"branch": "side"})
    for body, branch, reader in steps:
        where = {"branch": branch, "reader": reader}
        if "fork" in body:
            client("POST", f"/v1/sessions/{session}/fork", {"from": branch})
        elif "merge" in body:
            client(
                "POST",
                f"/v1/sessions/{session}/merge",
                {"from": branch, "into": "side" if branch == "main" else "main"},
            )
        elif "events" in body:
            client("POST", f"/v1/sessions/{session}/feedback", {**body, **where})
        elif "searches" in body:
            response = client("POST", "/v1/search/batch", {**body, **where, "session_id": session})
            answers = response.json()["answers"]
            sent += [(answer["session"]["seq"], orjson.dumps(answer["results"])) for answer in answers]
        else:
            answer = client.search(**body, **where, session_id=session)
            sent.append((answer["session"]["seq"], orjson.dumps(answer["results"])))
    store = client.app.state.engine._store
    kept = store.answer
    store.answer = lambda *_: None
    try:
        made = 0
        for seq, before in dict(sent).items():
            response = client("GET", f"/v1/sessions/{session}/replay?seq={seq}")
            if response.status_code == 410:
                assert any("merge" in body for body, _, _ in steps), response.text
                continue
            made += 1
            body = response.json()
            bodies = body.get("answers", [body])
            (again,) = [each for each in bodies if each["session"]["seq"] == seq]
            assert orjson.dumps(again["results"]) == before
        assert made or not sent or any("merge" in body for body, _, _ in steps)
    finally:
        store.answer = kept


def test_an_event_of_a_batch_has_the_answer_of_the_batch(client: Client, later: Callable[[float], None]) -> None:
    """Its bytes while they are kept, and all of its answers after."""
    body = {
        "searches": [{"query": query, "max_results": 3} for query in ("zip archives", "tar archives", "zip archives")]
    }
    session = "batched"
    assert client("POST", "/v1/sessions", {"session_id": session, "budget": {"calls": 9}}).status_code == 201
    first = client("POST", "/v1/search/batch", {**body, "session_id": session})
    assert replay(client, session, 2).content == first.content
    later(16)
    again = replay(client, session, 2)
    assert again.headers["Forage-Recomputed"] == "true"
    assert [each["results"] for each in again.json()["answers"]] == [
        each["results"] for each in first.json()["answers"]
    ]
    assert [each["session"]["seq"] for each in again.json()["answers"]] == [1, 2, 3]
    assert [each["session"]["budget_left"] for each in again.json()["answers"]] == [{"calls": 6.0}] * 3


def test_a_call_with_a_why_cannot_be_made_anew(client: Client, later: Callable[[float], None]) -> None:
    """It was encoded with the query and never stored: rather nothing than something else."""
    answer = client.search("a file", why="because compressed archives and their members are what this is all about")
    plain = client.search("a file", session={"record": False})
    assert answer["results"] != plain["results"]
    later(16)
    assert refusal(client, answer["session_id"], 1, 410)["code"] == "answer_gone"


def test_a_generation_that_is_gone_cannot_be_searched_again(
    serve: Serve, tmp_path: Path, later: Callable[[float], None]
) -> None:
    """While it is kept the answer comes from it, though a newer one is served; once it is dropped it is 410."""
    client = serve(tmp_path, documents=True)
    first = client("POST", "/v1/search", {"query": "zip archives"})
    session = first.json()["session_id"]

    def ingest(number: int) -> None:
        new = {"id": f"new-{number}", "title": "zip archives", "text": f"zip archives and more of them, {number}"}
        assert client("POST", "/v1/collections/default/documents", [new]).status_code == 200

    ingest(0)
    assert client.search("zip archives")["generation"] != first.json()["generation"]
    later(16)
    assert results(replay(client, session, 1)) == results(first)
    client.app.state.engine.close()  # what is open is not dropped
    client = serve(tmp_path)
    for number in range(1, 5):
        ingest(number)
    error = refusal(client, session, 1, 410)
    assert error["code"] == "answer_gone"
    assert first.json()["generation"] in error["message"]


@pytest.mark.parametrize(
    ("seq", "status", "path"), [(0, 422, "query.seq"), (9, 422, "query.seq"), ("x", 422, "query.seq")]
)
def test_a_seq_that_is_not_in_the_log_is_refused(client: Client, seq: Any, status: int, path: str) -> None:
    """Before the first, beyond the last, and no number."""
    session = client.search("zip")["session_id"]
    assert refusal(client, session, seq, status)["path"] == path
    response = client("GET", f"/v1/sessions/{session}/replay")
    assert response.status_code == 422
    assert response.json()["error"]["path"] == "query.seq"


def test_what_is_folded_into_the_summary_is_410(client: Client) -> None:
    """With the first that is kept; the same holds for as_of and for a fork."""
    session = client.search("event 1")["session_id"]
    say = {"events": [{"kind": "open", "document": "python-1"}] * 100}
    for number in range(5):
        client("POST", f"/v1/sessions/{session}/feedback", {**say, "request_id": f"{session}-{number}"})
    client.search("after all of that", session_id=session)
    error = refusal(client, session, 1, 410)
    assert error["code"] == "history_folded"
    assert client("GET", f"/v1/sessions/{session}?as_of=1").status_code == 410
    fork = client("POST", f"/v1/sessions/{session}/fork", {"at": 1})
    assert (fork.status_code, fork.json()["error"]["path"]) == (410, "$.at")


def test_an_expired_session_is_404_at_every_door(client: Client, later: Callable[[float], None]) -> None:
    """As one that never was; a batch begins it anew and says so, as a search does."""
    session = client.search("zip archives")["session_id"]
    at = f"/v1/sessions/{session}"
    later(31)
    say = {"events": [{"kind": "open", "document": "python-1"}]}
    doors: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("GET", "/replay?seq=1", None),
        ("GET", "/export", None),
        ("POST", "/feedback", say),
    ]
    doors += [("POST", "/fork", {}), ("POST", "/merge", {"from": "main", "into": "main"})]
    for method, door, body in doors:
        response = client(method, at + door, body)
        assert (response.status_code, response.json()["error"]["path"]) == (404, "path.session_id"), (
            door,
            response.text,
        )
    body = {"session_id": session, "searches": [{"query": "zip"}, {"query": "tar"}]}
    answer = client("POST", "/v1/search/batch", body).json()
    assert [each["session"]["seq"] for each in answer["answers"]] == [1, 2]
    for each in answer["answers"]:
        assert "session_expired" in {notice["code"] for notice in each["notices"]}


@pytest.mark.parametrize("begun", ["by the search", "before, with it", "before, without", "by the search, without"])
def test_an_objective_counts_in_a_replay_from_when_it_counted(
    client: Client, later: Callable[[float], None], begun: str
) -> None:
    """Whether the session had it before, the call brought it, or a later one did."""
    goal = "zip archives and their members"
    session = None
    if begun.startswith("before"):
        body = {"objective": goal} if begun.endswith("with it") else {}
        session = client("POST", "/v1/sessions", body).json()["session_id"]
    first = client.search("archives", session_id=session, objective=goal if begun == "by the search" else None)
    session = first["session_id"]
    second = client.search("zip members", session_id=session)
    third = client.search("gzip archives", session_id=session, objective=goal)
    fourth = client.search("compressed archives", session_id=session)
    later(16)
    for answer in (first, second, third, fourth):
        assert results(replay(client, session, answer["session"]["seq"])) == orjson.dumps(answer["results"])
