"""Fork, merge and as-of, through the door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import DOCUMENTS, Client, ids

Serve = Callable[..., Client]


def change(client: Client, session: str, what: str, status: int | None = None, **body: Any) -> dict[str, Any]:
    response = client("POST", f"/v1/sessions/{session}/{what}", body)
    wanted = status or (201 if what == "fork" else 200)
    assert response.status_code == wanted, response.text
    answer: dict[str, Any] = response.json()
    return answer if status is None else answer["error"]


def begun(client: Client, *queries: str) -> str:
    session: str | None = None
    for query in queries or ("zip archives", "threads"):
        session = client.search(query, session_id=session, max_results=2)["session_id"]
    assert session is not None
    return session


def test_a_fork_starts_where_its_parent_stood(client: Client) -> None:
    """Its default reader was shown what the parent's was, up to the fork, and nothing later."""
    session = begun(client)
    first = client("GET", f"/v1/sessions/{session}").json()["events"][0]["shown"]
    fork = change(client, session, "fork", at=1)
    assert fork == {"branch": "b2", "parent": "main", "parent_seq": 1}
    answer = client.search("zip archives", session_id=session, branch="b2", max_results=8)
    marked = {hit["id"]: hit["seen"]["seq"] for hit in answer["results"] if hit["seen"] and hit["seen"]["seq"]}
    assert marked == {shown["document"]: 1 for shown in first}
    assert change(client, session, "fork", branch="mine", **{"from": "b2"})["parent"] == "b2"
    assert change(client, session, "fork", at=0, branch="fresh") == {
        "branch": "fresh",
        "parent": "main",
        "parent_seq": 0,
    }


def test_a_fork_changes_nothing_of_its_parent(client: Client) -> None:
    """What was shown on the branch is a hint on the trunk at most after a merge."""
    session = begun(client)
    change(client, session, "fork", branch="side")
    shown = ids(client.search("SQLite rows", session_id=session, branch="side", max_results=1))
    before = client.search("SQLite rows", session_id=session, max_results=1, session={"on_repeat": "continue"})
    assert ids(before) == shown
    assert before["results"][0]["seen"] is None
    merged = change(client, session, "merge", **{"from": "side", "into": "main"})
    assert merged["branch"] == "main"
    assert [(each["from"], each["upto"]) for each in merged["merged"]] == [("side", 4)]
    after = client.search("rows of SQLite", session_id=session, reader="other", max_results=1)
    assert after["results"][0]["seen"]["by"] == ["main", "side"]


def test_merging_twice_is_merging_once(client: Client) -> None:
    """With nothing new in between."""
    session = begun(client)
    change(client, session, "fork", branch="side")
    client.search("paths", session_id=session, branch="side")
    first = change(client, session, "merge", **{"from": "side", "into": "main"})
    assert change(client, session, "merge", **{"from": "side", "into": "main"}) == first


@pytest.mark.parametrize(
    ("what", "body", "status", "code", "path"),
    [
        ("fork", {"at": 3}, 422, "invalid_event", "$.at"),
        ("fork", {"at": -1}, 422, "invalid_request", "$.at"),
        ("fork", {"at": "1"}, 422, "invalid_request", "$.at"),
        ("fork", {"from": "sid"}, 404, "branch_not_found", "$.from"),
        ("fork", {"branch": "main"}, 409, "branch_exists", "$.branch"),
        ("fork", {"branch": "b" * 10_000}, 422, "invalid_request", "$.branch"),
        ("fork", {"source": "side", "name": "x"}, 422, "invalid_request", "$.name"),
        ("merge", {"from": "side", "into": "side"}, 422, "invalid_event", "$.into"),
        ("merge", {"from": "sid", "into": "main"}, 404, "branch_not_found", "$.from"),
        ("merge", {"from": "side", "into": "mian"}, 404, "branch_not_found", "$.into"),
        ("merge", {"from": "side"}, 422, "invalid_request", "$.into"),
        ("merge", {}, 422, "invalid_request", "$.from"),
    ],
)
def test_what_cannot_be_is_refused_and_named(
    client: Client, what: str, body: dict[str, Any], status: int, code: str, path: str
) -> None:
    """And the branches stay as they are."""
    session = begun(client)
    change(client, session, "fork", branch="side")
    before = client("GET", f"/v1/sessions/{session}").json()["branches"]
    error = change(client, session, what, status=status, **body)
    assert (error["code"], error["path"]) == (code, path)
    if status == 404:
        assert error["did_you_mean"] in ("side", "main")
    assert client("GET", f"/v1/sessions/{session}").json()["branches"] == before


def test_sessions_that_are_not_there_are_404(serve: Serve, tmp_path: Path) -> None:
    """Unknown, foreign and deleted alike, at each door: so nothing merges across sessions, or forks a fork of a deleted
    one."""
    client = serve(tmp_path, api_keys="a:ka,b:kb")
    mine, yours = {"x-api-key": "ka"}, {"x-api-key": "kb"}
    client("POST", "/v1/collections/default/documents", DOCUMENTS, headers=mine)
    session = client("POST", "/v1/search", {"query": "zip"}, headers=mine).json()["session_id"]
    other = client("POST", "/v1/search", {"query": "zip"}, headers=mine).json()["session_id"]
    for body in ({"branch": "side"}, {"branch": "twig", "from": "side"}):
        assert client("POST", f"/v1/sessions/{session}/fork", body, headers=mine).status_code == 201
    gone = client("POST", f"/v1/sessions/{other}/merge", {"from": "twig", "into": "main"}, headers=mine)
    assert (gone.status_code, gone.json()["error"]["path"]) == (404, "$.from")
    doors = [
        ("POST", "fork", {}),
        ("POST", "fork", {"from": "twig"}),
        ("POST", "merge", {"from": "twig", "into": "main"}),
        ("GET", "replay?seq=1", None),
        ("GET", "export", None),
    ]
    client("DELETE", f"/v1/sessions/{other}", headers=mine)
    for headers, id in ((yours, session), (mine, other), (mine, "no-such-session")):
        for method, door, body in doors:
            response = client(method, f"/v1/sessions/{id}/{door}", body, headers=headers)
            assert response.status_code == 404, (door, response.text)
            error = response.json()["error"]
            assert (error["code"], error["path"]) == ("not_found", "path.session_id")


def test_a_session_has_so_many_branches_and_no_more(client: Client) -> None:
    """409 with what to do."""
    session = begun(client, "zip")
    for _ in range(31):
        change(client, session, "fork")
    error = change(client, session, "fork", status=409)
    assert error["code"] == "too_many_branches"


def test_the_past_can_be_read_and_the_future_cannot(client: Client) -> None:
    """as_of counts events; 422 beyond the last."""
    session = begun(client)
    assert client("GET", f"/v1/sessions/{session}?as_of=0").json()["events"] == []
    assert len(client("GET", f"/v1/sessions/{session}?as_of=2").json()["events"]) == 2
    response = client("GET", f"/v1/sessions/{session}?as_of=3")
    assert response.status_code == 422
    assert response.json()["error"]["path"] == "query.as_of"
    assert response.json()["error"]["hint"] == "0 to 2"


def test_each_branch_can_be_read_back(client: Client) -> None:
    """What its readers saw, and its profile; the trunk's unless another is named."""
    session = begun(client, "zip archives")
    assert client("POST", f"/v1/sessions/{session}/fork", {"branch": "side"}).status_code == 201
    on_side = client.search("threads and locks", session_id=session, branch="side", session={"seen": "off"})
    trunk = client("GET", f"/v1/sessions/{session}").json()
    side = client("GET", f"/v1/sessions/{session}?branch=side").json()
    assert list(trunk["seen"]) == ["main"]
    assert {row["document"] for row in side["seen"]["side"]} >= set(ids(on_side))
    assert {term["term"] for term in side["profile"]["terms"]} == {"zip", "archives"}
    assert trunk["events"] == side["events"]
    refused = client("GET", f"/v1/sessions/{session}?branch=nope")
    assert (refused.status_code, refused.json()["error"]["path"]) == (404, "query.branch")


def test_a_session_tells_its_topics_and_what_its_profile_adds(client: Client) -> None:
    """Per reader; words with their weight and where they come from; what is kept warm for it."""
    session = begun(client, "zip archives", "tar archives with gzip")
    client("POST", f"/v1/sessions/{session}/feedback", {"events": [{"kind": "cite", "document": "python-2"}]})
    body = client("GET", f"/v1/sessions/{session}").json()
    assert [(topic["first_seq"], topic["reader"], topic["goal"]) for topic in body["segments"]] == [
        (1, "main", "zip archives")
    ]
    assert [asked["query"] for asked in body["segments"][0]["queries"]] == ["zip archives", "tar archives with gzip"]
    terms = body["profile"]["terms"]
    assert {"goal", "feedback"} >= {term["from"] for term in terms} != set()
    assert all(term["weight"] > 0 for term in terms)
    assert any(term.get("documents") == ["python-2"] for term in terms)
    assert body["profile"]["goal"] == "zip archives"
    assert set(body) >= {"pools", "prefetch"}
    assert client("GET", f"/v1/sessions/{session}?as_of=0").json()["profile"]["terms"] == []


def test_a_fork_needs_no_body(client: Client) -> None:
    """Everything of it has a default: a branch of the trunk, now. An empty body elsewhere is told what to send there."""
    session = begun(client)
    made = client("POST", f"/v1/sessions/{session}/fork")
    assert (made.status_code, made.json()) == (201, {"branch": "b2", "parent": "main", "parent_seq": 2})
    refused = client("POST", f"/v1/sessions/{session}/merge").json()["error"]
    assert "query" not in refused["hint"]
