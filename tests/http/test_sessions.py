"""Sessions through the door: seen, retries, read-back, tenants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest

from tests.http.conftest import Client

Serve = Callable[..., Client]


def ids(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [hit["id"] for hit in answer["results"]]


def test_what_was_shown_moves_down(client: Client) -> None:
    """The second page of near-equal queries brings new documents, and stubs name what was held back."""
    first = client.search("compressed archives", max_results=3)
    second = client.search("archives with compression", max_results=3, session_id=first["session_id"])
    assert second["session"]["seq"] == 2
    assert second["session"]["snapshot_seq"] == 1
    assert second["session"]["new"] > 0
    held_back = {stub["id"] for stub in second["stubs"]}
    marked = {hit["id"] for hit in second["results"] if hit["seen"]}
    assert held_back | marked
    assert held_back <= set(ids(first))
    assert marked <= set(ids(first))


def test_the_same_query_twenty_times_never_gives_an_empty_page(client: Client) -> None:
    """Also with on_repeat continue, when everything has been seen."""
    session = None
    for _ in range(20):
        answer = client.search("python module", max_results=4, session_id=session, session={"on_repeat": "continue"})
        session = answer["session_id"]
        assert len(answer["results"]) == 4
    assert answer["session"]["exhausted"]


def test_drop_shows_only_unseen_while_there_are_any(client: Client) -> None:
    """Eight documents in pages of three: 3, 3, 2, and then the seen ones again."""
    session, sizes, shown = None, [], []
    for number in range(4):
        answer = client.search(f"module {number}", max_results=3, session_id=session, session={"seen": "drop"})
        session = answer["session_id"]
        sizes.append(len(answer["results"]))
        shown.append(set(ids(answer)))
    assert sizes == [3, 3, 2, 3]
    assert not shown[0] & shown[1]
    assert not (shown[0] | shown[1]) & shown[2]


def test_seen_off_is_the_stateless_order(client: Client) -> None:
    """Byte for byte, with every session effect off."""
    session = client.search("event loop")["session_id"]
    off = {"seen": "off", "use_profile": False, "prefetch": False, "follow_ups": False}
    with_session = client.search("gather tasks", session_id=session, session=off)
    without = client.search("gather tasks", session={"record": False})
    assert orjson.dumps(with_session["results"]) == orjson.dumps(without["results"])


def test_two_readers_see_equal_lists(client: Client) -> None:
    """What one context window was shown, the other has not seen."""
    first = client.search("locks and threads", reader="a")
    second = client.search("locks and threads", reader="b", session_id=first["session_id"])
    assert ids(first) == ids(second)
    assert second["session"]["shown_before"] == 0
    assert second["results"][0]["seen"]["by"] == ["a"]


def test_a_retry_gets_the_same_bytes(client: Client) -> None:
    """Also when the first call minted the session; nothing is recorded twice."""
    body = {"query": "a retried call", "request_id": "retry-1"}
    first = client("POST", "/v1/search", body)
    again = client("POST", "/v1/search", body)
    assert again.content == first.content
    assert again.headers["Forage-Replayed"] == "true"
    assert "Forage-Replayed" not in first.headers
    log = client("GET", f"/v1/sessions/{first.json()['session_id']}").json()
    assert len(log["events"]) == 1


def test_one_request_id_with_two_bodies_conflicts(client: Client) -> None:
    """409, and the first answer stays."""
    client("POST", "/v1/search", {"query": "one", "request_id": "retry-2"})
    response = client("POST", "/v1/search", {"query": "two", "request_id": "retry-2"})
    assert response.status_code == 409
    assert response.json()["error"]["path"] == "$.request_id"


def test_parallel_retries_commit_once(client: Client) -> None:
    """Sixteen calls with one id are one computation and one event."""
    body = {"query": "sixteen at once", "request_id": "retry-3"}
    responses = client.together(*(("POST", "/v1/search", body) for _ in range(16)))
    assert {response.status_code for response in responses} == {200}
    assert len({response.content for response in responses}) == 1
    log = client("GET", f"/v1/sessions/{responses[0].json()['session_id']}").json()
    assert len(log["events"]) == 1


def test_a_refused_request_is_not_remembered(client: Client) -> None:
    """4xx are not stored: the corrected body may use the same id."""
    assert client("POST", "/v1/search", {"query": "", "request_id": "retry-4"}).status_code == 422
    assert client("POST", "/v1/search", {"query": "now right", "request_id": "retry-4"}).status_code == 200


def test_an_unnamed_retry_replays(client: Client) -> None:
    """Same reader, same body, nothing in between."""
    session = client.search("begin")["session_id"]
    body = {"query": "sent twice", "session_id": session}
    first, again = client("POST", "/v1/search", body), client("POST", "/v1/search", body)
    assert again.content == first.content
    assert again.headers["Forage-Replayed"] == "true"


def test_who_asks_again_after_an_ingest_is_answered_anew(serve: Serve, tmp_path: Path) -> None:
    """What was published lies in between: without a request id it is no retry, alone or in a batch; with one it is."""
    client = serve(tmp_path, documents=True)
    alone = {"query": "kites", "session_id": "s", "max_results": 3}
    named = {**alone, "session_id": "named", "request_id": "kites-1"}
    batch = {"searches": [{"query": "kites", "max_results": 3}], "session_id": "b"}
    calls = (("/v1/search", alone), ("/v1/search", named), ("/v1/search/batch", batch))
    before = [client("POST", path, body) for path, body in calls]
    again = [client("POST", path, body) for path, body in calls]
    assert [answer.content for answer in again] == [answer.content for answer in before]
    kite = [{"id": "kite", "title": "Kites", "text": "Kites fly in the wind."}]
    assert client("POST", "/v1/collections/default/documents", kite).status_code == 200
    one, kept, many = (client("POST", path, body) for path, body in calls)
    assert "Forage-Replayed" not in one.headers
    assert ids(one.json())[0] == "kite"
    assert one.json()["session"]["seq"] == 2
    assert kept.content == before[1].content
    assert "Forage-Replayed" not in many.headers
    assert ids(many.json()["answers"][0])[0] == "kite"
    assert client("POST", "/v1/search", alone).content == one.content


def test_a_stateless_call_leaves_no_trace(client: Client) -> None:
    """record false echoes no session and makes none."""
    before = client("GET", "/v1/sessions").json()["sessions"]
    answer = client.search("traceless", session={"record": False}, session_id="not-made")
    assert answer["session_id"] is None
    assert answer["session"] is None
    assert client("GET", "/v1/sessions").json()["sessions"] == before
    assert client("GET", "/v1/sessions/not-made").status_code == 404


def test_read_back_shows_log_and_seen(client: Client) -> None:
    """What was asked, what was shown, by reader; as_of looks back."""
    first = client.search("read me back", max_results=2)
    session = first["session_id"]
    client.search("and again", max_results=2, session_id=session)
    body = client("GET", f"/v1/sessions/{session}").json()
    assert set(body) >= {"session", "branches", "events", "seen", "profile"}
    assert [event["query"] for event in body["events"]] == ["read me back", "and again"]
    assert [shown["document"] for shown in body["events"][0]["shown"]] == ids(first)
    earlier = client("GET", f"/v1/sessions/{session}?as_of=1").json()
    assert len(earlier["events"]) == 1


def test_deleting_a_session_erases_it(client: Client) -> None:
    """Then it is unknown, and a search under its id begins anew."""
    session = client.search("to be erased")["session_id"]
    assert client("DELETE", f"/v1/sessions/{session}").status_code == 204
    assert client("GET", f"/v1/sessions/{session}").status_code == 404
    assert client("DELETE", f"/v1/sessions/{session}").status_code == 404
    assert client.search("anew", session_id=session)["session"]["seq"] == 1


def test_a_created_session_goes_on_under_its_id(client: Client) -> None:
    """An id and an objective before the first query."""
    made = client("POST", "/v1/sessions", {"session_id": "mine", "objective": "learn asyncio"})
    assert made.status_code == 201
    assert client.search("first", session_id="mine")["session"]["seq"] == 1
    assert client("POST", "/v1/sessions", {"session_id": "mine"}).status_code == 409


@pytest.mark.parametrize("id", ["a/b", "/", ".", "..", "a\nb", "x" * 257, ""])
def test_an_id_that_no_path_can_name_makes_no_session(client: Client, id: str) -> None:
    """422 that says why, at both doors that make sessions."""
    for path, body in (("/v1/sessions", {"session_id": id}), ("/v1/search", {"query": "x", "session_id": id})):
        response = client("POST", path, body)
        assert response.status_code == 422, response.text
        assert response.json()["error"]["path"] == "$.session_id"
        if "/" in id:
            assert "no '/'" in response.json()["error"]["message"]


@pytest.mark.parametrize("id", ["a b", "a%2Fb", "ü", "...", "a.b~c:d;e,f&g=h", "a?b#c", "\\", "日本"])
def test_any_other_id_is_read_and_deleted_at_its_path(client: Client, id: str) -> None:
    """Percent-encoded, as a client writes it."""
    assert client("POST", "/v1/sessions", {"session_id": id}).status_code == 201
    path = f"/v1/sessions/{quote(id, safe='')}"
    assert client("GET", path).json()["session"]["id"] == id
    assert client("DELETE", path).status_code == 204
    assert client("GET", path).status_code == 404


def test_every_door_writes_dates_alike(client: Client) -> None:
    """RFC 3339: creation, list and read-back name the same instants."""
    made = client("POST", "/v1/sessions", {"session_id": "dated"}).json()
    (listed,) = [each for each in client("GET", "/v1/sessions").json()["sessions"] if each["id"] == "dated"]
    read = client("GET", "/v1/sessions/dated").json()["session"]
    for name in ("created", "expires"):
        assert made[name] == listed[name] == read[name]
        assert datetime.fromisoformat(made[name]).tzinfo == UTC


def test_an_edited_page_counts_as_new(tmp_path: Path, serve: Serve) -> None:
    """Its content changed since it was shown: it says `updated` and is not demoted."""
    client = serve(tmp_path, documents=True)
    first = client.search("zip archives", max_results=1)
    page = first["results"][0]["id"]
    edited = {"id": page, "url": "https://docs.example.org/library/zipfile.html", "title": "zipfile module",
              "text": "Zip archives, rewritten: everything about reading zip archives is new here."}  # fmt: skip
    assert client("POST", "/v1/collections/default/documents", edited).status_code == 200
    second = client.search("zip archives reading", max_results=1, session_id=first["session_id"])
    assert second["results"][0]["id"] == page
    assert second["results"][0]["updated"]
    assert second["session"]["new"] == 1


def test_tenants_do_not_see_each_other(tmp_path: Path, serve: Serve) -> None:
    """Foreign ids and unknown ids answer alike, and collections are apart."""
    client = serve(tmp_path, api_keys="a:key-a,b:key-b")
    ours = {"authorization": "Bearer key-a"}
    theirs = {"x-api-key": "key-b"}
    made = client("POST", "/v1/search", {"query": "mine", "session_id": "s"}, headers=ours)
    assert made.status_code == 200
    foreign = client("GET", "/v1/sessions/s", headers=theirs)
    unknown = client("GET", "/v1/sessions/t", headers=theirs)
    assert foreign.status_code == unknown.status_code == 404
    assert client("POST", "/v1/collections", {"name": "private"}, headers=ours).status_code == 201
    listed = client("GET", "/v1/collections", headers=theirs).json()["collections"]
    assert "private" not in {entry["name"] for entry in listed}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic abc"}])
def test_without_a_key_nothing_is_answered(tmp_path: Path, serve: Serve, headers: dict[str, str]) -> None:
    """401 without a key, 403 with a wrong one; health stays open."""
    client = serve(tmp_path, api_keys="a:key-a")
    assert client("GET", "/v1/signals", headers=headers).status_code == 401
    assert client("GET", "/v1/signals", headers={"x-api-key": "wrong"}).status_code == 403
    assert client("GET", "/healthz").status_code == 200
