"""The OpenAPI document is whole, and every operation of it answers what it says there, whatever is sent.

Schemathesis makes the requests from the document: half of them valid by it, half not. `FORAGE_FUZZ_EXAMPLES=500` sends
so many to each operation, with another seed each time; a plain run sends the same few every time.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.http.app import create_app
from api.http.openapi import REFUSALS
from api.settings import Settings
from indexer.fields import FIELDS
from ranking.signals.catalogue import SIGNALS
from tests.http.conftest import DOCUMENTS, Client, filled

EXAMPLES: Final = int(os.environ.get("FORAGE_FUZZ_EXAMPLES", "0"))
SECONDS: Final = 2.0
"""Of all threads' CPU, that an answer may cost."""
SLOW: Final = {"POST /v1/collections/{name}/documents": 20.0}
"""Operations that may take longer: an ingest answers when its documents are searchable."""
FEW: Final = {"POST /v1/collections/{name}/documents": 6, "POST /v1/crawls": 6}
"""Examples of operations that build an index or start a process."""
REASONS: Final = {
    "invalid_collection_name": "a body's collection: no more than a name, until it is looked for",
    "invalid_expression": "a score is a text with a grammar of its own",
    "invalid_model": "a model is a text with a grammar of its own",
    "model_missing": "a model is named by a text",
    "invalid_parameter": "hosts, dates, languages, Goggles and patterns are texts; a weight may want a signal or a retriever",
    "invalid_documents": "dates, languages and addresses of documents are texts; how deep metadata is",
    "address_refused": "where a crawl may go, its host says",
    "invalid_url": "what is an address at all",
    "invalid_request $.urls": "whether an address has a user name in it",
    "invalid_request $.allow_hosts": "what is a host at all",
    "invalid_request $.retrieve": "that names differ",
    "invalid_request $.searches": "that the searches of a batch agree on who reads where",
    "invalid_request $.events": "that a passage is one of the document beside it",
    "invalid_event": "how long a log is, and that a branch is merged into another",
    "invalid_request $.rerank": "a sum: how much the models of all stages read together",
}
"""Codes of refusals of a request that the document allows -> why the document cannot say it."""


def sound_requests_are_refused_for_a_reason(_: CheckContext, response: Response, case: Case) -> bool | None:
    """A request that the document allows is answered, or refused by one of REASONS that says where."""
    if (
        case.meta is None
        or not case.meta.generation.mode.is_positive
        or response.status_code not in (400, 408, 415, 422)
    ):
        return None
    error = response.json()["error"]
    assert error["path"], error
    assert {error["code"], f"{error['code']} {error['path'].partition('[')[0]}"} & set(REASONS), error
    return None


CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    sound_requests_are_refused_for_a_reason,
]
METHODS: Final = ("get", "put", "post", "delete")

DOCUMENT: Final[dict[str, Any]] = create_app(Settings(data=Path(tempfile.mkdtemp()))).openapi()
IDS: Final = ["python-0", "blog-1", "nowhere"]
KNOWN: Final[dict[str, Any]] = {
    "collection": {"enum": ["default", "nowhere"]},
    "generation": {"type": "null"},
    "profile": {"enum": [None, "saved", "saved@1", "nowhere"]},
    "document": {"enum": [*IDS, DOCUMENTS[0]["url"]]},
    "id": {"enum": [*IDS, None]},
    "of": {"enum": IDS},
    "ids": {"type": "array", "items": {"enum": IDS}, "minItems": 1, "maxItems": 3},
    "urls": {"type": "array", "items": {"enum": ["http://127.0.0.1:9/", "https://name@x.example/"]}, "minItems": 1},
    "url": {"enum": [DOCUMENTS[0]["url"], "https://nowhere.example/", None]},
}
"""Fields of requests that name what exists: random text there would meet nothing but 404."""


def operations() -> list[tuple[str, str]]:
    return [(path, method) for path, item in DOCUMENT["paths"].items() for method in METHODS if method in item]


def name_of(place: tuple[str, str]) -> str:
    return f"{place[1].upper()} {place[0]}"


# ---------------------------------------------------------------- the document


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server with a collection, a profile and a session, and with some that may go."""
    client = filled(tmp_path_factory.mktemp("fuzzed"))
    assert client("PUT", "/v1/profiles/saved", {"weights": {"recency": 0.3}}).status_code == 201
    assert client("POST", "/v1/collections", {"name": "scratch"}).status_code == 201
    for name in ("known", "mortal"):
        client.search("zip archives", session_id=name)
    yield client
    client.close()


def test_the_document_is_served(served: Client) -> None:
    """As OpenAPI 3.1 that schemathesis takes for valid, the same each time."""
    document = served("GET", "/openapi.json").json()
    assert document == DOCUMENT == served("GET", "/openapi.json").json()
    schemathesis.openapi.from_dict(document).validate()


def test_every_route_is_in_the_document(served: Client) -> None:
    """But those that are reserved, and HEAD."""
    from api.http.routes.operations import RESERVED

    told = {(method.upper(), path) for path, method in operations()}
    routes = {
        (method, route.path)
        for route in served.app.routes
        for method in getattr(route, "methods", ())
        if method != "HEAD"
    }
    assert routes - told - set(RESERVED) == {("GET", "/openapi.json")}


@pytest.mark.parametrize("place", operations(), ids=name_of)
def test_an_operation_says_what_it_reads_answers_and_refuses_with(place: tuple[str, str]) -> None:
    """A summary, a body with a schema where one is read, an answer, and refusals in the one shape of errors."""
    path, method = place
    described = DOCUMENT["paths"][path][method]
    assert described["summary"]
    assert ("requestBody" in described) == (method in ("post", "put"))
    for content in described.get("requestBody", {}).get("content", {}).values():
        assert content["schema"]
    assert any(status.startswith("2") for status in described["responses"])
    if path.startswith("/v1/"):
        assert {"401", "403", "422", "500", "503"} <= set(described["responses"])
        assert ("404" in described["responses"]) >= ("{" in path and method != "put")


def test_every_field_that_a_session_adds_is_in_the_document(served: Client) -> None:
    """Of an answer, of its hits, and of a session that is read back, with what the bare numbers mean."""
    shapes = served.app.openapi()["components"]["schemas"]
    said = shapes["Answer"]["properties"]["session"]
    served.search("zip archives", session_id="told", objective="archives")
    answer = served.search("tar archives", session_id="told", session={"stop": {"min_new": 1}})
    assert set(answer["session"]) == set(said["properties"]) == set(said["required"])
    assert {name for name, field in said["properties"].items() if "description" in field} >= {
        "snapshot_seq", "exhausted", "low_yield", "shown_before", "new", "served_from", "stop",
    }  # fmt: skip
    hit = shapes["Answer"]["properties"]["results"]["items"]["properties"]
    assert set(answer["results"][0]) <= set(hit)
    assert set(hit["seen"]["oneOf"][1]["properties"]) == set(
        next(one["seen"] for one in answer["results"] if one["seen"])
    )
    back, shape = served("GET", "/v1/sessions/told").json(), shapes["Session"]["properties"]
    assert set(back) == set(shape)
    for name in ("session", "prefetch", "pools"):
        assert set(back[name]) == set(shape[name]["properties"]), name
    assert set(back["events"][0]) <= set(shape["events"]["items"]["properties"])
    assert set(back["seen"]["main"][0]) == set(shape["seen"]["additionalProperties"]["items"]["properties"])


def test_nothing_is_named_that_is_not_there() -> None:
    """Every $ref leads somewhere; every refusal is one of the table; a document has the fields that an ingest reads."""
    text = json.dumps(DOCUMENT)
    for part in {piece.split('"')[0] for piece in text.split('"$ref": "#/components/')[1:]}:
        kind, name = part.split("/")
        assert name in DOCUMENT["components"][kind]
    assert set(DOCUMENT["components"]["responses"]) == {f"Refused{status}" for status in REFUSALS}
    assert list(DOCUMENT["components"]["schemas"]["Document"]["properties"]) == list(FIELDS)


# ---------------------------------------------------------------- whatever is sent


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with names of things that exist where a request names things: still true, but for less."""
    less = copy.deepcopy(document)
    for schema in less["components"]["schemas"].values():
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is False and schema["title"] != "Error":
            properties.update({name: KNOWN[name] for name in properties if name in KNOWN})
        if "weights" in properties and schema["title"] != "FuseParams":
            properties["weights"]["propertyNames"] = {"enum": [*SIGNALS, "*"]}
    return less


SOUND: Final = schemathesis.openapi.from_dict(narrowed(DOCUMENT))
UNSOUND: Final = schemathesis.openapi.from_dict(DOCUMENT)
PLACES: Final[dict[str, list[str]]] = {
    "name": ["default", "scratch", "saved", "nowhere"],
    "other": ["saved@1", "nowhere"],
    "session_id": ["known", "nowhere"],
    "crawl_id": ["crawl_0123456789abcdef"],
}
MORTAL: Final = {"name": ["scratch"], "session_id": ["mortal"]}


def cases(path: str, method: str) -> st.SearchStrategy[Case]:
    """Requests that the document allows, and requests that it does not."""
    operation = SOUND[path][method.upper()]
    made = [operation.as_strategy(generation_mode=GenerationMode.POSITIVE)]
    if "requestBody" in DOCUMENT["paths"][path][method] or operation.query:
        made.append(UNSOUND[path][method.upper()].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    places = MORTAL if method == "delete" else PLACES
    if names := [name for name in places if f"{{{name}}}" in path]:
        first, *rest = names
        fixed = {name: places[name][0] for name in rest}
        made += [operation.as_strategy(path_parameters={first: value, **fixed}) for value in places[first]]
    return st.one_of(made)


def sent(client: Client, case: Case) -> httpx.Response:
    """The answer to a case; JSON goes out as Python writes it, NaN and half characters too."""
    given = case.as_transport_kwargs(base_url="http://forage.test")
    content = json.dumps(given["json"]).encode() if "json" in given else given.get("data")
    content = content.encode() if isinstance(content, str) else content
    headers = {str(name): value for name, value in given["headers"].items()}
    return client(
        given["method"], given["url"], params=given.get("params") or None, content=content, headers=headers
    )  # fmt: skip


def no_such_number(text: str) -> float:
    raise AssertionError(f"{text} in an answer")


@pytest.mark.parametrize("place", operations(), ids=name_of)
def test_whatever_is_sent_is_answered_as_the_document_says(served: Client, place: tuple[str, str]) -> None:
    """No 500, no NaN, no answer after two seconds, no status, content type or shape that is not in the document."""
    path, method = place
    name = name_of(place)
    many = EXAMPLES or FEW.get(name, 12)

    @settings(
        max_examples=many,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(path, method))
    def ask(case: Case) -> None:
        begun, used = time.perf_counter(), time.process_time()
        response = sent(served, case)
        assert time.process_time() - used < SLOW.get(name, SECONDS)
        assert time.perf_counter() - begun < 10 * SLOW.get(name, SECONDS)  # whatever else this machine does
        if response.headers.get("content-type") == "application/json":
            json.loads(response.content, parse_constant=no_such_number)
        case.validate_response(response, checks=CHECKS)

    ask()
