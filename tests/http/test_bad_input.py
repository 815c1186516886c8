"""Bad input: the one error shape, with what was given and what would work; and odd input that is no error."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import zstandard

from api.settings import Settings
from tests.http.conftest import Client

Serve = Callable[..., Client]

SHAPE = {"code", "message", "path", "hint", "retryable", "did_you_mean", "corrected_request"}
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}


def refused(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error of a response of this status, its shape checked."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"error", "request_id"}
    assert set(body["error"]) == SHAPE
    assert body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "x" * 8_001])
def test_empty_and_too_long_queries_are_refused(client: Client, query: str) -> None:
    """The only query texts that are."""
    error = refused(client("POST", "/v1/search", {"query": query}), 422)
    assert error["hint"]


@pytest.mark.parametrize(
    "query",
    [
        "x" * 8_000,
        "word " * 1_600,
        '(((((("unbalanced',
        "))) ((( \" ' [ { < : ^ ~ * + - OR AND NOT",
        "site: lang: after:notadate filetype: before:2024-99",
        '"a phrase" site:docs.example.org -tar lang:en after:2001 (zip OR rar) arch* intitle:module near~4 AROUND(3) x^2',
        "\x00\x01\x07 control \x7f characters",
        "🦊🔎",
        "東京の天気 自然言語処理",
        "كيف أفتح ملف مضغوط",
        "std::vector<int> a[0] == 'x'; // why?",
        "https://example.org/a?b=c#d",
        "-only -negatives",
        "OR OR OR",
        "a" * 300 + " " + "b" * 300,
    ],
)
def test_odd_queries_are_answered(client: Client, query: str) -> None:
    """Natural text never breaks a query."""
    answer = client("POST", "/v1/search", {"query": query, "session": {"record": False}})
    assert answer.status_code == 200, answer.text


def test_an_unknown_field_comes_back_corrected(client: Client) -> None:
    """The corrected request can be sent as it is."""
    error = refused(client("POST", "/v1/search", {"query": "zip", "filter": {"languages": ["en"]}}), 422)
    assert error["path"] == "$.filter"
    assert error["did_you_mean"] == "filters"
    assert client("POST", "/v1/search", error["corrected_request"]).status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"query": "x", "max_results": 1_000}, "$.max_results"),
        ({"query": "x", "max_results": "ten"}, "$.max_results"),
        ({"query": "x", "max_results": 2.5}, "$.max_results"),
        ({"query": 5}, "$.query"),
        ({}, "$.query"),
        ({"query": "x", "session": {"seen": "hide"}}, "$.session.seen"),
        ({"query": "x", "retrieve": [{"type": "bm25", "k1": -1}]}, "$.retrieve[0].k1"),
        ({"query": "x", "retrieve": [{"type": "bm26"}]}, "$.retrieve[0]"),
        ({"query": "x", "weights": {"bm25": 1e9}}, "$.weights.bm25"),
        ({"query": "x", "weights": {"bm52": 1}}, "$.weights.bm52"),
        ({"query": "x", "filters": {"after": "yesterday"}}, "$.filters.after"),
        ({"query": "x", "filters": {"after": "2023-02-30"}}, "$.filters.after"),
        ({"query": "x", "content": {"passages": -1}}, "$.content.passages"),
        ({"query": "x", "session_id": ""}, "$.session_id"),
        ({"query": "x", "score": "bm25 + denze"}, "$.score"),
        ({"query": "x", "rules": [{"match": {}, "do": "drop"}]}, "$.rules"),
        ({"query": "x", "profile": "defualt"}, "$.profile"),
    ],
)
def test_wrong_fields_name_their_path(client: Client, body: dict[str, Any], path: str) -> None:
    """JSON path, message and hint for each."""
    response = client("POST", "/v1/search", body)
    error = refused(response, 404 if path == "$.profile" else 422)
    assert (error["path"] or "").startswith(path), error


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/v1/search/batch", {"searches": []}, "$.searches needs at least 1 entry, not 0 (given [])"),
        ("/v1/search/batch", {"searches": [{"query": "x"}] * 33}, "$.searches takes at most 32 entries, not 33"),
        ("/v1/search/batch", {"searches": "x"}, "$.searches must be a list (given 'x')"),
        ("/v1/search", {"query": "x", "session": "mine"}, "$.session must be an object (given 'mine')"),
        ("/v1/search", {"query": "x", "weights": "bm25"}, "$.weights must be an object (given 'bm25')"),
    ],
)
def test_a_refusal_speaks_of_json(client: Client, path: str, body: Any, message: str) -> None:
    """Of lists and objects, not of what they become here."""
    assert refused(client("POST", path, body), 422)["message"].startswith(message)


@pytest.mark.parametrize("body", [b'{"query": "x", "weights": {"bm25": NaN}}', b'{"query": ', b"\xff\xfe", b"not json"])
def test_what_is_not_json_is_refused(client: Client, body: bytes) -> None:
    """NaN is no JSON."""
    refused(client("POST", "/v1/search", content=body, headers=JSON), 400)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"5"])
def test_what_is_not_an_object_is_refused(client: Client, body: bytes) -> None:
    """The message says what would work."""
    refused(client("POST", "/v1/search", content=body, headers=JSON), 422)


def test_a_wrong_content_type_is_refused(client: Client) -> None:
    """415 with the right one in the hint."""
    response = client("POST", "/v1/search", content=b"query=x", headers={"content-type": "text/xml"})
    assert "application/json" in refused(response, 415)["hint"]


def test_a_body_over_the_cap_is_refused(client: Client) -> None:
    """50 MB for a search: 413, whether declared or not."""
    refused(client("POST", "/v1/search", content=b" " * 50_000_000, headers=JSON), 413)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/search", {"query": "x", "collection": "defalt"}),
        ("POST", "/v1/search", {"query": "x", "generation": "00000009-abcdef"}),
        ("POST", "/v1/plan", {"query": "x", "collection": "nowhere"}),
        ("POST", "/v1/contents", {"ids": ["python-77"]}),
        ("GET", "/v1/sessions/unknown", None),
        ("GET", "/v1/collections/unknown", None),
        ("DELETE", "/v1/collections/unknown", None),
        ("POST", "/v1/collections/unknown/documents", {"id": "1", "text": "x"}),
        ("GET", "/v1/crawls/crawl_0000000000000000", None),
        ("GET", "/v1/crawls/crawl_0000000000000000/events", None),
        ("GET", "/v1/describe?collection=unknown", None),
        ("GET", "/v1/nothing", None),
    ],
)
def test_unknown_names_are_404(client: Client, method: str, path: str, body: Any) -> None:
    """Collections, generations, documents, sessions, crawls and paths."""
    refused(client(method, path, body), 404)


def test_a_near_collection_is_named(client: Client) -> None:
    """404 with the nearest."""
    error = refused(client("POST", "/v1/search", {"query": "x", "collection": "defualt"}), 404)
    assert error["did_you_mean"] == "default"


def test_a_wrong_method_is_405(client: Client) -> None:
    """In the same shape."""
    refused(client("GET", "/v1/search"), 405)


def test_reserved_paths_say_so(client: Client) -> None:
    """501: a name of the contract, not a typo."""
    refused(client("POST", "/v1/collections/default/snapshots", {}), 501)


def test_unknown_site_and_language_are_no_error(client: Client) -> None:
    """Zero results and a notice."""
    for query in ("zip site:unknown.example", "zip lang:xx"):
        answer = client.search(query, session={"record": False})
        assert answer["results"] == []
        assert answer["notices"]


@pytest.mark.parametrize(
    "name",
    ["", "Upper", "../up", "a/b", "x" * 65, ".hidden", "a b", ".crawls", "sessions.sqlite", "sessions.sqlite-wal"],
)
def test_bad_collection_names_are_refused(client: Client, name: str) -> None:
    """Names become folders."""
    refused(client("POST", "/v1/collections", {"name": name}), 422)


def test_an_existing_collection_conflicts(client: Client) -> None:
    """409, `default` too: it always exists."""
    assert client("POST", "/v1/collections", {"name": "twice"}).status_code == 201
    refused(client("POST", "/v1/collections", {"name": "twice"}), 409)
    refused(client("POST", "/v1/collections", {"name": "default"}), 409)
    assert client("DELETE", "/v1/collections/twice").status_code == 204


UNKNOWN = {f"field{number}": 1 for number in range(100_000)}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/search", {"query": "x", **UNKNOWN}),
        ("/v1/search", {"query": "x", "filters": UNKNOWN}),
        ("/v1/search", {"query": "x", "weights": UNKNOWN}),
        ("/v1/search", {"query": 5, "rules": [[1] * 1_000] * 1_000}),
        ("/v1/search", {"query": "x", "q" * 1_000_000: 1}),
        ("/v1/search", {"query": "x", "profile": "p" * 1_000_000}),
        ("/v1/search", {"query": "x", "precision": "p" * 1_000_000}),
        ("/v1/search", {"query": "x", "session_id": "s" * 1_000_000}),
        ("/v1/search", {"query": "x", "collection": "c" * 1_000_000}),
        ("/v1/search", {"query": "x", "retrieve": [{"type": "t" * 1_000_000}]}),
        ("/v1/contents", {"ids": ["x" * 3_000_000]}),
        ("/v1/contents", {"urls": ["http://x/" + "x" * 3_000_000]}),
        ("/v1/contents", {"urls": ["http://x/" + "x" * 8_000]}),
        ("/v1/contents", {"ids": ["x" * 512]}),
        ("/v1/collections", {"name": "x" * 1_000_000}),
        ("/v1/crawls", {"urls": ["http://x/" + "x" * 1_000_000]}),
        ("/v1/crawls", {"urls": ["x" * 8_000]}),
        ("/v1/crawls", {"urls": ["http://x/"], "allow_hosts": ["x" * 1_000_000]}),
        ("/v1/sessions", {"objective": "x" * 1_000_000}),
    ],
)
def test_what_is_sent_in_excess_costs_no_time_and_is_not_sent_back(client: Client, path: str, body: Any) -> None:
    """Seconds of comparing and megabytes of echo are no error messages."""
    content = orjson.dumps(body)
    began = time.monotonic()
    response = client("POST", path, content=content, headers=JSON)
    assert time.monotonic() - began < 2
    error = refused(response, 404 if response.status_code == 404 else 422)
    error["corrected_request"] = None  # the sender's own request, with nothing added
    assert len(orjson.dumps(error)) < 2_000


@pytest.mark.parametrize("depth", [60, 100, 900])
def test_a_request_that_is_nested_deep_is_refused(client: Client, depth: int) -> None:
    """422 and never a crash, whichever field it is in."""
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    for field in ("query", "weights", "rules", "filters", "zzz", "session_id"):
        body = b'{"query": "x", "%s": %s}' % (field.encode(), b"[" * depth + b"]" * depth)
        refused(client("POST", "/v1/search", content=body, headers=JSON), 422)


@pytest.mark.parametrize("length", ["²", "9" * 5_000, "5,000", "-1"])
def test_a_declared_length_that_is_no_number_is_not_believed(client: Client, length: str) -> None:
    """413 for more than can be, else what comes is counted."""
    headers = [(b"content-type", b"application/json"), (b"content-length", length.encode("latin-1"))]
    response = client("POST", "/v1/search", content=b'{"query": "zip"}', headers=headers)
    assert response.status_code == (413 if length.startswith("9") else 200)


def test_any_method_is_counted_under_few_names(client: Client) -> None:
    """A label that a caller can make up would fill the memory."""
    client("BREW", "/v1/search")
    text = client("GET", "/metrics").text
    assert "BREW" not in text
    assert 'method="other"' in text


class TestIngest:
    """Ingest is all or nothing."""

    def test_bad_lines_are_named_and_nothing_is_stored(self, tmp_path: Path, serve: Serve) -> None:
        """Each with its line number; the good line is not stored either."""
        client = serve(tmp_path)
        lines = [
            {"id": "good", "text": "fine"},
            {"id": "empty", "title": "", "text": ""},
            {"id": "typed", "text": 5},
            {"id": "dated", "text": "x", "published_at": "2024-13"},
        ]
        body = b"\n".join(orjson.dumps(line) for line in lines) + b"\n{broken\n"
        error = refused(client("POST", "/v1/collections/default/documents", content=body, headers=NDJSON), 422)
        for number in (2, 3, 4, 5):
            assert f"line {number}" in error["message"]
        assert client("GET", "/v1/collections/default").json()["documents"] == 0

    @pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor().compress])
    def test_compressed_lines_are_read(self, tmp_path: Path, serve: Serve, compress: Any) -> None:
        """gzip and zstd, recognised by their first bytes; twice the same is idempotent."""
        client = serve(tmp_path)
        body = compress(b'{"id": "1", "title": "Zipped", "text": "A compressed line."}\n')
        for changed in (1, 0):
            report = client("POST", "/v1/collections/default/documents", content=body, headers=NDJSON)
            assert report.status_code == 200, report.text
            assert report.json()["new_or_changed"] == changed
        assert client.search("compressed")["results"][0]["id"] == "1"
        cut = client("POST", "/v1/collections/default/documents", content=body[:-4], headers=NDJSON)
        refused(cut, 422)

    def test_documents_may_come_as_json(self, tmp_path: Path, serve: Serve) -> None:
        """A list, or an object with `documents`; html is extracted."""
        client = serve(tmp_path)
        page = "<html><head><title>A page</title></head><body><article><h1>A page</h1><p>Its main text is here, long " \
               "enough to be read as an article by anyone.</p></article></body></html>"  # fmt: skip
        body = {"documents": [{"url": "https://example.org/p", "title": "", "html": page}]}
        assert client("POST", "/v1/collections/default/documents", body).status_code == 200
        answer = client.search("main text of an article")
        assert answer["results"][0]["url"] == "https://example.org/p"
        refused(client("POST", "/v1/collections/default/documents", []), 422)

    def test_lone_surrogates_and_duplicate_ids(self, tmp_path: Path, serve: Serve) -> None:
        """The last line of an id wins, with a notice; surrogates are replaced."""
        client = serve(tmp_path)
        body = b'{"id": "1", "text": "first"}\n{"id": "1", "text": "last \\ud800 wins"}\n'
        report = client("POST", "/v1/collections/default/documents", content=body, headers=NDJSON)
        assert report.status_code == 200, report.text
        assert report.json()["documents"] == 1
        assert report.json()["notices"]
        assert "wins" in client("POST", "/v1/contents", {"ids": ["1"]}).json()["documents"][0]["text"]

    def test_an_upload_over_the_cap_is_refused(self, tmp_path: Path, serve: Serve) -> None:
        """413, and nothing is stored."""
        client = serve(tmp_path, max_ingest_bytes=1_000)
        body = b'{"id": "1", "text": "' + b"x" * 2_000 + b'"}\n'
        refused(client("POST", "/v1/collections/default/documents", content=body, headers=NDJSON), 413)


def test_a_broken_session_store_costs_the_session_only(tmp_path: Path, serve: Serve) -> None:
    """The search goes on, stateless, and says so."""
    client = serve(tmp_path, documents=True)
    client.app.state.engine._store.close()
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"sessions.sqlite{suffix}").unlink(missing_ok=True)
    (tmp_path / "sessions.sqlite").mkdir()
    answer = client.search("zip archives")
    assert answer["results"]
    assert "session" in answer["trace"]["degraded"]


def test_binding_beyond_loopback_needs_keys(tmp_path: Path) -> None:
    """Refused at the start, with what would work."""
    from api.http.app import create_app
    from ranking.errors import ParamsError

    with pytest.raises(ParamsError) as caught:
        create_app(Settings(data=tmp_path, host="0.0.0.0"))
    assert "FORAGE_API_KEYS" in str(caught.value.hint)
    create_app(Settings(data=tmp_path, host="0.0.0.0", api_keys="a:k")).state.engine.close()
