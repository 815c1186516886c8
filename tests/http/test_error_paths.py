"""Where an error says the fault is: `$.field` in a body, `line N, field` in NDJSON, `path.`, `query.` or `header.` and
the name outside of it; null where nothing in the request is at fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.errors import DeadlineError
from api.http.errors import error_body
from tests.http.conftest import Client
from tests.http.test_bad_input import NDJSON, refused

Serve = Callable[..., Client]

PATH = re.compile(r"\$.*|line \d+(, .+)?|(path|query|header)\.[a-z_-]+")
LATE = {"type": "late_interaction"}
LIKE = {"type": "like", "id": "nowhere"}

CASES: list[tuple[str, str, Any, int, str]] = [
    ("POST", "/v1/search", {"query": "x", "collection": "defalt"}, 404, "$.collection"),
    ("POST", "/v1/search", {"query": "x", "collection": "../x"}, 422, "$.collection"),
    ("POST", "/v1/search", {"query": "x", "generation": "00000009-abcdef"}, 404, "$.generation"),
    ("POST", "/v1/search", {"query": "x", "session_id": "s", "branch": "nope"}, 404, "$.branch"),
    ("POST", "/v1/search", {"query": "x", "session_id": "a/b"}, 422, "$.session_id"),
    ("POST", "/v1/search", {"query": "x", "profile": "nope"}, 404, "$.profile"),
    ("POST", "/v1/search", {"query": "x", "weights": {"bm52": 1}}, 422, "$.weights.bm52"),
    ("POST", "/v1/search", {"query": "x", "filters": {"after": "soon"}}, 422, "$.filters.after"),
    ("POST", "/v1/search", {"query": "x", "score": "bm25 +"}, 422, "$.score"),
    ("POST", "/v1/search", {"query": "x", "retrieve": [LIKE]}, 404, "$.retrieve[0].id"),
    ("POST", "/v1/search", {"query": "x", "retrieve": [{"type": "dense", "vector": [1]}]}, 422, "$.retrieve[0].vector"),
    ("POST", "/v1/search", {"query": "x", "retrieve": [{"type": "dense", "vector": []}]}, 422, "$.retrieve[0].vector"),
    ("POST", "/v1/search", {"query": "zip", "rerank": [{"type": "trees", "model": "no"}]}, 422, "$.rerank[0].model"),
    ("POST", "/v1/search", {"query": "zip", "rerank": [LATE, {"type": "cross_encoder"}]}, 422, "$.rerank[1].model"),
    ("POST", "/v1/search", {"query": "x", "branch": "a\x8b"}, 422, "$.branch"),
    ("POST", "/v1/search", [], 422, "$"),
    ("POST", "/v1/plan", {"query": "x", "collection": "defalt"}, 404, "$.collection"),
    ("POST", "/v1/plan", {"query": "x", "generation": "nope"}, 404, "$.generation"),
    ("POST", "/v1/explain", {"query": "x", "document": "nowhere"}, 404, "$.document"),
    ("POST", "/v1/explain", {"query": "x", "document": "python-1", "collection": "no"}, 404, "$.collection"),
    ("POST", "/v1/similar", {"id": "nowhere"}, 404, "$.id"),
    ("POST", "/v1/similar", {"url": "https://example.org/" + "a" * 8_000}, 404, "$.url"),
    ("POST", "/v1/similar", {"id": "python-1", "collection": "no"}, 404, "$.collection"),
    ("POST", "/v1/terms", {"terms": ["zip"], "generation": "no"}, 404, "$.generation"),
    ("POST", "/v1/recall", {"collection": "no"}, 404, "$.collection"),
    ("POST", "/v1/contents", {"ids": ["nowhere"]}, 404, "$.ids"),
    ("POST", "/v1/contents", {"ids": ["python-1"], "collection": "no"}, 404, "$.collection"),
    ("GET", "/v1/describe?collection=nowhere", None, 404, "query.collection"),
    ("GET", "/v1/describe?generation=nowhere", None, 404, "query.generation"),
    ("GET", "/v1/describe?colection=default", None, 422, "query.colection"),
    ("POST", "/v1/sessions", {"session_id": "taken"}, 409, "$.session_id"),
    ("POST", "/v1/sessions", {"objectve": "x"}, 422, "$.objectve"),
    ("GET", "/v1/sessions/unknown", None, 404, "path.session_id"),
    ("DELETE", "/v1/sessions/unknown", None, 404, "path.session_id"),
    ("GET", "/v1/sessions/" + "x" * 1_001, None, 422, "path.session_id"),
    ("GET", "/v1/sessions/taken?as_of=-1", None, 422, "query.as_of"),
    ("GET", "/v1/sessions/taken?as_of=late", None, 422, "query.as_of"),
    ("POST", "/v1/collections", {"name": "../x"}, 422, "$.name"),
    ("POST", "/v1/collections", {"name": "default"}, 409, "$.name"),
    ("GET", "/v1/collections/unknown", None, 404, "path.name"),
    ("GET", "/v1/collections/Unknown", None, 422, "path.name"),
    ("DELETE", "/v1/collections/unknown", None, 404, "path.name"),
    ("POST", "/v1/collections/unknown/documents", {"id": "1", "text": "x"}, 404, "path.name"),
    ("POST", "/v1/collections/default/documents", {"id": "1", "text": 5}, 422, "line 1, text"),
    ("POST", "/v1/collections/default/documents", [], 422, "$"),
    ("PUT", "/v1/profiles/bm25", {"weights": {"bm25": 1}}, 409, "path.name"),
    ("PUT", "/v1/profiles/a b", {"weights": {"bm25": 1}}, 422, "path.name"),
    ("PUT", "/v1/profiles/mine", {"weights": {"bm52": 1}}, 422, "$.weights.bm52"),
    ("GET", "/v1/profiles/nope", None, 404, "path.name"),
    ("PUT", "/v1/models/mine", {"no": "trees"}, 422, "$"),
    ("PUT", "/v1/models/a b", {"no": "trees"}, 422, "$"),
    ("GET", "/v1/models/a b", None, 422, "path.name"),
    ("GET", "/v1/models/nope", None, 404, "path.name"),
    ("DELETE", "/v1/models/nope@2", None, 404, "path.name"),
    ("POST", "/v1/crawls", {"urls": ["ftp://x"]}, 422, "$.urls[0]"),
    ("POST", "/v1/crawls", {"urls": ["http://x/"], "collection": "nowhere"}, 404, "$.collection"),
    ("GET", "/v1/crawls/crawl_0000000000000000", None, 404, "path.crawl_id"),
    ("GET", "/v1/crawls/crawl_0000000000000000/events", None, 404, "path.crawl_id"),
    ("DELETE", "/v1/crawls/crawl_0000000000000000", None, 404, "path.crawl_id"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "where"), CASES)
def test_an_error_says_where_in_the_request_the_fault_is(
    client: Client, method: str, path: str, body: Any, status: int, where: str
) -> None:
    """Whatever raised it, and by whichever door its parameter came."""
    client("POST", "/v1/sessions", {"session_id": "taken"})
    assert refused(client(method, path, body), status)["path"] == where


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "where"),
    [
        ("POST", "/v1/search", {"content": b"x", "headers": {"content-type": "text/xml"}}, 415, "header.content-type"),
        ("POST", "/v1/search", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "$"),
        (
            "POST",
            "/v1/collections/default/documents",
            {"content": b"x", "headers": {"content-type": "text/xml"}},
            415,
            "header.content-type",
        ),
        ("POST", "/v1/collections/default/documents", {"content": b"{}\n{", "headers": NDJSON}, 422, "line 1, text"),
        ("GET", "/v1/nothing", {}, 404, None),
        ("PUT", "/v1/search", {}, 405, None),
        ("POST", "/v1/collections/default/branches", {}, 501, None),
    ],
)
def test_headers_and_whole_requests_have_a_place_too(
    client: Client, method: str, path: str, options: dict[str, Any], status: int, where: str | None
) -> None:
    """Or none, when the request as a whole is not of this server."""
    assert refused(client(method, path, **options), status)["path"] == where


def test_a_key_is_looked_for_in_a_header(tmp_path: Path, serve: Serve) -> None:
    """Missing or wrong."""
    client = serve(tmp_path, api_keys="a:k")
    for headers, status in (({}, 401), ({"x-api-key": "wrong"}, 403)):
        assert refused(client("GET", "/v1/signals", headers=headers), status)["path"] == "header.authorization"


def test_every_path_of_this_page_is_of_one_convention(client: Client) -> None:
    """And a wrong name whose right one is known comes back corrected."""
    assert [where for *_, where in CASES if not PATH.fullmatch(where)] == []
    for wrong, status in (("defualt", 404), ("Default", 422), ("default@old", 422)):
        error = refused(client("POST", "/v1/search", {"query": "zip", "collection": wrong}), status)
        assert error["corrected_request"] == {"query": "zip", "collection": "default"}
        assert client("POST", "/v1/search", error["corrected_request"]).status_code == 200


def test_a_deadline_comes_with_what_was_found() -> None:
    """408 with partial results, beside the error."""
    body = error_body(DeadlineError("late", path="$.budget.ms", hint="wait", results=[{"id": "a"}]), "req_1")
    assert body["results"] == [{"id": "a"}]
    assert orjson.loads(orjson.dumps(body))["error"]["path"] == "$.budget.ms"
