"""What an agent says of documents, through the door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import DOCUMENTS, Client, ids, refused

Serve = Callable[..., Client]


def say(client: Client, session: str, *events: Any, status: int = 200, **more: Any) -> dict[str, Any]:
    """The answer, or the error; (kind, document) is an event."""
    made = [{"kind": each[0], "document": each[1]} if isinstance(each, tuple) else each for each in events]
    response = client("POST", f"/v1/sessions/{session}/feedback", {"events": made, **more})
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    return body if status == 200 else body["error"]


def log(client: Client, session: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = client("GET", f"/v1/sessions/{session}").json()["events"]
    return events


def begun(client: Client) -> tuple[str, list[str]]:
    answer = client.search("zip archives", max_results=3)
    return answer["session_id"], ids(answer)


def test_feedback_is_in_the_log_and_in_the_profile(client: Client) -> None:
    """Each by its reader, with passage and note; the latest word on a document counts."""
    session, page = begun(client)
    events = [
        {"kind": "open", "document": page[0], "passage": 0, "note": "the table"},
        {"kind": "cite", "document": page[0]},
        {"kind": "reject", "document": page[1]},
    ]
    answer = say(client, session, *events, reader="a")
    assert answer == {"session_id": session, "seq": 4, "accepted": 3, "notices": []}
    kept = log(client, session)[1:]
    assert [(event["seq"], event["kind"], event["document"], event["reader"]) for event in kept] == [
        (2, "open", page[0], "a"),
        (3, "cite", page[0], "a"),
        (4, "reject", page[1], "a"),
    ]
    assert (kept[0]["passage"], kept[0]["note"]) == (0, "the table")
    profile = client("GET", f"/v1/sessions/{session}").json()["profile"]
    assert [(mark["document"], mark["kind"]) for mark in profile["feedback"]] == [
        (page[0], "cite"),
        (page[1], "reject"),
    ]


@pytest.mark.parametrize(
    ("said", "kept"),
    [("opened", "open"), ("useful", "cite"), ("cited", "cite"), ("useless", "reject"), ("open", "open")],
)
def test_a_kind_may_be_said_in_the_words_of_others(client: Client, said: str, kept: str) -> None:
    """And is kept in ours."""
    session, page = begun(client)
    say(client, session, (said, page[0]))
    assert log(client, session)[-1]["kind"] == kept


def test_a_document_may_be_named_by_its_url_or_by_a_passage(client: Client) -> None:
    """The log has its id and the place of the passage."""
    session, page = begun(client)
    url = next(document["url"] for document in DOCUMENTS if document["id"] == page[0])
    answer = say(client, session, ("open", url), {"kind": "cite", "passage": f"{page[1]}#2"})
    assert (answer["accepted"], answer["notices"]) == (2, [])
    assert [(event["document"], event["passage"]) for event in log(client, session)[1:]] == [
        (page[0], None),
        (page[1], 2),
    ]


def test_a_document_never_shown_is_recorded_and_said_to_be_so(client: Client) -> None:
    """An agent may have it from elsewhere; what the collection does not have is named and left out."""
    session, page = begun(client)
    strange = next(document["id"] for document in DOCUMENTS if document["id"] not in page)
    answer = say(client, session, ("cite", strange), ("open", "pyhton-1"), ("open", page[0]))
    assert answer["accepted"] == 2
    notices = {notice["code"]: notice["message"] for notice in answer["notices"]}
    assert set(notices) == {"never_shown", "unknown_document"}
    assert strange in notices["never_shown"]
    assert "pyhton-1" in notices["unknown_document"]
    assert [event["document"] for event in log(client, session)[1:]] == [strange, page[0]]


def test_feedback_on_unknown_documents_alone_is_404(client: Client) -> None:
    """With the nearest; nothing is recorded."""
    session, _ = begun(client)
    error = say(client, session, ("cite", "python-11"), status=404)
    assert error["path"] == "$.events[0].document"
    assert error["did_you_mean"] == "python-1"
    assert len(log(client, session)) == 1


def test_the_id_of_a_passage_as_a_document_is_told_where_it_belongs(client: Client) -> None:
    """Results have both; the hint names the field."""
    session, page = begun(client)
    error = say(client, session, ("cite", f"{page[0]}#0"), status=404)
    assert error["hint"] == f'the id of a passage goes into `passage`: {{"passage": "{page[0]}#0"}}'


def test_a_shown_document_that_is_gone_can_still_be_judged(serve: Serve, tmp_path: Path) -> None:
    """The session showed it; whether the collection still has it is another matter."""
    client = serve(tmp_path, documents=True)
    client("POST", "/v1/collections", {"name": "passing"})
    client("POST", "/v1/collections/passing/documents", [{"id": "brief", "title": "brief", "text": "brief words"}])
    session = client.search("brief", collection="passing")["session_id"]
    client("DELETE", "/v1/collections/passing")
    assert say(client, session, ("cite", "brief"))["accepted"] == 1
    assert say(client, session, ("cite", "other"), status=404)["code"] == "not_found"


def test_a_retry_of_feedback_has_the_same_bytes(client: Client) -> None:
    """One event; another body is 409; the same id in another session is another request."""
    session, page = begun(client)
    body = {"events": [{"kind": "cite", "document": page[0]}], "request_id": f"said-{session}"}
    path = f"/v1/sessions/{session}/feedback"
    first, again = client("POST", path, body), client("POST", path, body)
    assert again.content == first.content
    assert again.headers["Forage-Replayed"] == "true"
    assert len(log(client, session)) == 2
    other, _ = begun(client)
    assert client("POST", f"/v1/sessions/{other}/feedback", body).status_code == 409
    assert say(client, session, ("open", page[0]), request_id=f"said-{session}", status=409)["path"] == "$.request_id"
    unnamed = {"events": [{"kind": "open", "document": page[1]}]}
    assert client("POST", path, unnamed).content == client("POST", path, unnamed).content
    assert len(log(client, session)) == 3


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$.events"),
        ({"events": []}, "$.events"),
        ({"events": [{"kind": "open", "document": "x"}] * 101}, "$.events"),
        ({"events": [{"kind": "open", "document": "x"}] * 10_000}, "$.events"),
        ({"events": [{"kind": "like", "document": "x"}]}, "$.events[0].kind"),
        ({"events": [{"kind": "open"}]}, "$.events[0]"),
        ({"events": [{"kind": "open", "document": "x", "passage": -1}]}, "$.events[0].passage"),
        ({"events": [{"kind": "open", "document": "x", "passage": "y#1"}]}, "$.events[0].passage"),
        ({"events": [{"kind": "open", "document": "x", "note": "n" * 2_001}]}, "$.events[0].note"),
        ({"events": [{"kind": "open", "document": "x", "score": 1}]}, "$.events[0].score"),
        ({"events": [{"kind": "open", "document": "x"}], "reader": "r" * 10_000}, "$.reader"),
    ],
)
def test_what_is_wrong_with_feedback_is_named(client: Client, body: dict[str, Any], path: str) -> None:
    """And nothing is recorded."""
    session, _ = begun(client)
    response = client("POST", f"/v1/sessions/{session}/feedback", body)
    assert response.status_code == 422, response.text
    assert response.json()["error"]["path"].startswith(path)
    assert len(log(client, session)) == 1


def test_feedback_on_a_branch_that_is_not_there_is_404(client: Client) -> None:
    """It names those that are."""
    session, page = begun(client)
    error = say(client, session, ("open", page[0]), branch="b9", status=404)
    assert (error["code"], error["path"]) == ("branch_not_found", "$.branch")
    assert "main" in error["hint"]


def test_feedback_on_sessions_of_others_is_404(serve: Serve, tmp_path: Path) -> None:
    """Unknown, deleted and foreign alike."""
    client = serve(tmp_path, api_keys="a:ka,b:kb")
    mine, yours = {"x-api-key": "ka"}, {"x-api-key": "kb"}
    client("POST", "/v1/collections/default/documents", DOCUMENTS, headers=mine)
    session = client("POST", "/v1/search", {"query": "zip"}, headers=mine).json()["session_id"]
    body = {"events": [{"kind": "open", "document": "python-1"}]}
    for id in (session, "no-such-session"):
        response = client("POST", f"/v1/sessions/{id}/feedback", body, headers=yours)
        assert response.status_code == 404
        assert response.json()["error"]["path"] == "path.session_id"
    assert client("POST", f"/v1/sessions/{session}/feedback", body, headers=mine).status_code == 200
    client("DELETE", f"/v1/sessions/{session}", headers=mine)
    assert client("POST", f"/v1/sessions/{session}/feedback", body, headers=mine).status_code == 404


def test_a_session_that_goes_while_feedback_comes_is_404(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing brings it back, and its request id is free again."""
    session, page = begun(client)
    store = client.app.state.engine._store
    load = store.load

    def last(tenant: str, session_id: str) -> Any:
        snapshot = load(tenant, session_id)
        store.delete(tenant, session_id)
        return snapshot

    monkeypatch.setattr(store, "load", last)
    say(client, session, ("open", page[0]), request_id="late", status=404)
    monkeypatch.undo()
    assert client("GET", f"/v1/sessions/{session}").status_code == 404
    other, page = begun(client)
    say(client, other, ("open", page[0]), request_id="late")


def test_a_broken_store_refuses_feedback(serve: Serve, tmp_path: Path) -> None:
    """503: unlike a search, feedback without a session is nothing."""
    client = serve(tmp_path, documents=True)
    session = client.search("zip")["session_id"]
    client.app.state.engine._store.close()
    error = say(client, session, ("open", "python-1"), status=503)
    assert error["retryable"]


@pytest.mark.parametrize("passage", [10**9, 10**30, "python-1#" + "9" * 30, -1])
def test_a_passage_that_no_document_has_is_refused_at_its_place(client: Client, passage: Any) -> None:
    """Not by the log, which cannot say where it stood."""
    session = client.search("zip archives")["session_id"]
    body = {"events": [{"kind": "open", "document": "python-1", "passage": passage}]}
    error = refused(client, body, f"/v1/sessions/{session}/feedback")
    assert error["path"].startswith("$.events[0].passage")
