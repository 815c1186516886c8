"""What the door itself does: ids of answers, half characters, parameters of URLs, methods, and what describe offers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.http.conftest import Client
from tests.http.test_bad_input import JSON, NDJSON, refused

Serve = Callable[..., Client]
STATELESS = {"session": {"record": False}}


# ---------------------------------------------------------------- request ids


def test_every_answer_has_an_id_and_a_minted_one_is_no_key(client: Client) -> None:
    """An id that was sent comes back; one that was not is minted, is another each time, and replays nothing."""
    first, second = (client.search("zip archives", **STATELESS) for _ in range(2))
    assert first["request_id"].startswith("req_")
    assert first["request_id"] != second["request_id"]
    assert first["resolved"]["request_id"] is None
    assert orjson.dumps(first["results"]) == orjson.dumps(second["results"])
    assert client.search("zip archives", request_id="mine")["request_id"] == "mine"
    again = client("POST", "/v1/search", {"query": "another", "request_id": first["request_id"]})
    assert again.status_code == 200
    assert "Forage-Replayed" not in again.headers


def test_a_replayed_answer_has_the_id_of_the_first(client: Client) -> None:
    """Byte for byte, the minted id too."""
    body = {"query": "replayed", "session_id": client.search("begin")["session_id"]}
    first, again = client("POST", "/v1/search", body), client("POST", "/v1/search", body)
    assert again.headers["Forage-Replayed"] == "true"
    assert again.content == first.content


# ---------------------------------------------------------------- half characters


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb"zip \ud83d archives", "zip \ufffd archives"),
        (rb"zip \udd8a archives", "zip \ufffd archives"),
        (rb"zip \uD83D\uD83D\uDD8A archives", "zip \ufffd\U0001f58a archives"),
        (rb"zip \\ud83d \ud83d", "zip \\ud83d \ufffd"),
        (rb"zip \"\ud83d\"", 'zip "\ufffd"'),
        (rb"\ud83d", "\ufffd"),
    ],
)
def test_half_a_character_in_a_query_is_no_error(client: Client, sent: bytes, read: str) -> None:
    """It is read as U+FFFD, and the answer says so."""
    response = client("POST", "/v1/search", content=b'{"query": "%s"}' % sent, headers=JSON)
    assert response.status_code == 200, response.text
    assert response.json()["resolved"]["query"] == read
    assert "lost_characters" in {notice["code"] for notice in response.json()["notices"]}


def test_a_whole_character_is_read_as_it_is(client: Client) -> None:
    """An escaped pair too, and without a notice."""
    response = client("POST", "/v1/search", content=rb'{"query": "zip \ud83d\udd8a"}', headers=JSON)
    assert response.json()["resolved"]["query"] == "zip \U0001f58a"
    assert "lost_characters" not in {notice["code"] for notice in response.json()["notices"]}


def test_half_a_character_is_taken_wherever_it_stands(client: Client) -> None:
    """In other fields, in keys, in documents, and in what is refused for other reasons."""
    for body in (
        rb'{"query": "x", "why": "\ud83d"}',
        rb'{"query": "x", "filters": {"metadata": {"\ud83d": "\ud83d"}}}',
    ):
        assert client("POST", "/v1/search", content=body, headers=JSON).status_code == 200
    error = refused(client("POST", "/v1/search", content=rb'{"query": "x", "\ud83d": 1}', headers=JSON), 422)
    assert error["path"] == "$.\ufffd"
    refused(client("POST", "/v1/search", content=rb'{"query": "\ud83d", "weights": {"bm25": NaN}}', headers=JSON), 400)
    refused(client("POST", "/v1/search", content=rb'{"query": "\ud8"}', headers=JSON), 400)
    document = rb'{"id": "half", "text": "a \ud83d in the text"}'
    assert client("POST", "/v1/collections/default/documents", content=document, headers=JSON).status_code == 200
    (stored,) = client("POST", "/v1/contents", {"ids": ["half"]}).json()["documents"]
    assert stored["text"] == "a \ufffd in the text"


def test_an_engine_is_given_half_a_character_without_http(client: Client) -> None:
    """As a command line does whose argument is no UTF-8."""
    reply = client.app.state.engine.search({"query": "zip \udcff", **STATELESS}, "default")
    assert orjson.loads(reply.body)["resolved"]["query"] == "zip \ufffd"


# ---------------------------------------------------------------- parameters of a URL


@pytest.mark.parametrize(
    ("method", "path", "name", "meant"),
    [
        ("GET", "/v1/sessions/s?as_off=1", "as_off", "as_of"),
        ("GET", "/v1/sessions/s?foo=1", "foo", None),
        ("GET", "/v1/describe?colection=default", "colection", "collection"),
        ("GET", "/v1/signals?name=bm25", "name", None),
        ("POST", "/v1/search?query=zip", "query", None),
        ("GET", "/v1/collections/default?generation=1", "generation", None),
        ("GET", "/v1/profiles?q=1", "q", None),
    ],
)
def test_an_unknown_parameter_is_refused(client: Client, method: str, path: str, name: str, meant: str | None) -> None:
    """A mistyped as_of would answer with the present."""
    client("POST", "/v1/sessions", {"session_id": "s"})
    error = refused(client(method, path, {"query": "zip"} if method == "POST" else None), 422)
    assert (error["path"], error["did_you_mean"]) == (f"query.{name}", meant)
    assert error["hint"]


def test_parameters_are_text_and_health_checks_may_send_any(client: Client) -> None:
    """`as_of=1` is a number as a URL writes it."""
    session = client.search("zip")["session_id"]
    assert client("GET", f"/v1/sessions/{session}?as_of=1").status_code == 200
    assert client("GET", "/healthz?t=12345").status_code == 200


# ---------------------------------------------------------------- methods


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/search", {"POST"}),
        ("PATCH", "/v1/sessions/x", {"GET", "DELETE"}),
        ("PUT", "/v1/collections", {"GET", "POST"}),
        ("POST", "/v1/profiles/mine", {"GET", "PUT"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("BREW", "/v1/search", {"POST"}),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client: Client, method: str, path: str, allowed: set[str]) -> None:
    """All of them, whichever routes they are of (RFC 9110, 15.5.6)."""
    response = client(method, path)
    refused(response, 405)
    assert set(response.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_may_be_asked_for_with_head(client: Client, path: str) -> None:
    """As load balancers do."""
    assert client("HEAD", path).status_code == 200


# ---------------------------------------------------------------- describe


def test_describe_has_sample_queries_that_return_their_page(client: Client) -> None:
    """Each of them; the same ones every time."""
    described = client("GET", "/v1/describe").json()
    samples = described["sample_queries"]
    assert 5 <= len(samples) <= 10
    assert len(set(samples)) == len(samples)
    assert client("GET", "/v1/describe").json()["sample_queries"] == samples
    for query in samples:
        results = client.search(query, **STATELESS)["results"]
        texts = [" ".join([hit["title"], *(passage["heading"] for passage in hit["passages"])]) for hit in results]
        assert any(query in text for text in texts), query


def test_sample_queries_follow_the_generation(tmp_path: Path, serve: Serve) -> None:
    """None in an empty collection; headings are among them; a title that finds others before its page is not."""
    client = serve(tmp_path)
    assert client("GET", "/v1/describe").json()["sample_queries"] == []
    same = [
        {"id": f"copy-{number}", "url": f"https://{number}.example.org/", "title": "Index of pages",
         "text": f"Page number {number} of many.\n"}
        for number in range(30)
    ]  # fmt: skip
    guide = {"id": "guide", "url": "https://g.example.org/", "title": "A guide to brewing tea",
             "text": "# A guide to brewing tea\n\n## Water that is too hot\n\nIt makes green tea bitter, so let it cool."}  # fmt: skip
    assert client("POST", "/v1/collections/default/documents", [*same, guide]).status_code == 200
    samples = client("GET", "/v1/describe").json()["sample_queries"]
    assert samples
    for query in samples:
        titles = [hit["title"] for hit in client.search(query, **STATELESS)["results"]]
        assert query in titles or query == "Water that is too hot"
    body = b'{"id": "guide", "title": "Coffee in the morning", "text": "Grind it, brew it, drink it."}'
    client("POST", "/v1/collections/default/documents", content=body, headers=NDJSON)
    assert "A guide to brewing tea" not in client("GET", "/v1/describe").json()["sample_queries"]
