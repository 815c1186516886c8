"""The OpenAPI document: given an application, returns what each operation reads, answers and refuses with.

Routes read their bodies by hand and refuse by exceptions, so FastAPI knows neither: a route says both with
`operation(...)`. The document is made when somebody asks for it, from the models that the routes validate with: making
their schemas at every start costs a server more than all its routes. Not for what a body means (api/requests.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel

from api.http.shapes import SHAPES
from api.requests import SESSION_ID, SearchRequest
from indexer.collection import NAME
from ranking.dates import FORMS
from ranking.params import Params

Schema = dict[str, Any]

_MARK: Final = "x-forage"
_REF: Final = "#/components/schemas/"
_METHODS: Final = ("get", "put", "post", "delete")

REFUSALS: Final[Mapping[int, str]] = {
    400: "The body is not JSON, or not UTF-8",
    401: "No API key, and this server wants one",
    403: "An API key that nobody was given",
    404: "No such collection, generation, document, session, profile, model or crawl; the hint has the nearest ones",
    408: "`budget.on_exceed` is `fail` and the search took longer; `results` has what was found until then",
    409: "The name is taken, another writer holds the collection, or a request_id was used with another body",
    410: "This much of the session's past has been folded into its summary, or an answer cannot be made again",
    413: "The body is larger than this server takes",
    415: "A content type that this operation does not read",
    422: "A field, parameter, query or document is wrong: `path` says which",
    500: "The server failed; it is logged",
    501: "A part of this server that is not installed",
    503: "Too many requests wait, or a model or session store cannot be used now",
    507: "The disk is full; what was there is untouched",
}
"""Status -> what it means, of every operation that can answer it. docs/errors.md has the codes."""

_NEW_NAME: Final = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"
_REFERENCE: Final = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}(@[1-9][0-9]{0,8})?$"
_NAMES: Final[Mapping[str, str]] = {
    "collections": f"^{NAME}$",
    "profiles": _REFERENCE,
    "models": _REFERENCE,
    "sessions": SESSION_ID,
}
"""First step of a path -> pattern of the names below it."""
_ALWAYS: Final = (401, 403, 422, 500, 503)
_WITH_BODY: Final = (400, 413, 415)
_bodies: Final[dict[str, Callable[[Schema], Schema]]] = {}
"""Name of a body -> what makes its `requestBody`, given the shared schemas to add its own to."""


def operation(
    *refusals: int, body: type[BaseModel] | str = "", optional: bool = False, answer: str = ""
) -> dict[str, Any]:
    """`openapi_extra` for a route that refuses with these statuses, beside those that every operation has, reads `body`
    (a model, or a name of _bodies) and answers with a shape of SHAPES, or an object of its own."""
    if isinstance(body, type):
        _bodies[body.__name__] = partial(_of_model, body)
        body = body.__name__
    return {_MARK: {"body": body, "refusals": refusals, "required": not optional, "answer": answer}}


def install_document(app: FastAPI) -> None:
    """`app.openapi()` and GET /openapi.json become whole."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(generate())
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: Schema) -> None:
    components = document.setdefault("components", {})
    shared: Schema = {"Error": _error(), "Document": _document(), **SHAPES}
    components["schemas"] = shared
    components["responses"] = {f"Refused{status}": _refused(status, meaning) for status, meaning in REFUSALS.items()}
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                _describe(item[method], shared)
                _name_parameters(item[method], path, method)


def _describe(described: Schema, shared: Schema) -> None:
    """An operation with its body, its refusals, and an answer that is an object."""
    mark = described.pop(_MARK, None)
    responses = described["responses"]
    answer = {"$ref": _REF + mark["answer"]} if mark and mark["answer"] else {"type": "object"}
    for response in responses.values():
        for kind in response.get("content", {}).values():
            kind["schema"] = kind.get("schema") or answer
    if mark is None:
        return
    responses.pop("422", None)  # FastAPI's own shape, which is not what is sent
    if name := mark["body"]:
        described["requestBody"] = {"required": mark["required"], **_bodies[name](shared)}
    for status in sorted({*_ALWAYS, *(_WITH_BODY if name else ()), *mark["refusals"]}):
        responses[str(status)] = {"$ref": f"#/components/responses/Refused{status}"}
    described["security"] = [{}, {"bearer": []}, {"key": []}]  # {}: a server without keys


def _name_parameters(described: Schema, path: str, method: str) -> None:
    """What an id in the path, or a collection, may be."""
    of = path.split("/")[2] if path.startswith("/v1/") else ""
    for parameter in described.get("parameters", ()):
        if parameter["name"] == "collection":
            parameter["schema"]["pattern"] = _NAMES["collections"]
        elif parameter["in"] == "path" and of in _NAMES:
            pattern = _NEW_NAME if method == "put" else _NAMES[of]
            parameter["schema"] |= {"pattern": pattern, **({"maxLength": 256} if of == "sessions" else {})}


# ---------------------------------------------------------------- bodies


def _model(model: type[BaseModel], shared: Schema) -> Schema:
    """A reference to the model's schema, which `shared` then holds with all that it names."""
    if model.__name__ not in shared:
        made = model.model_json_schema(ref_template=_REF + "{model}")
        for name, part in made.pop("$defs", {}).items():
            if "const" in part.get("properties", {}).get("type", {}):  # one of several kinds, told by it alone
                part["required"] = sorted({"type", *part.get("required", ())})
            _close(part)
            shared[name] = part
        shared[model.__name__] = made
        _close(made)
    return {"$ref": _REF + model.__name__}


def _close(schema: Any) -> None:
    """Tables whose names have a pattern hold no others: pydantic leaves that out."""
    if isinstance(schema, list):
        for each in schema:
            _close(each)
    elif isinstance(schema, dict):
        if "patternProperties" in schema:
            schema["additionalProperties"] = False
        for each in schema.values():
            _close(each)


def _of_model(model: type[BaseModel], shared: Schema) -> Schema:
    return _json(_model(model, shared))


def _json(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def _profile(shared: Schema) -> Schema:
    """A search request of which nothing is required: what a profile does not hold is named in `ignored`."""
    _model(SearchRequest, shared)
    request: Schema = shared[SearchRequest.__name__]
    shared["Profile"] = {
        **{name: value for name, value in request.items() if name != "required"},
        "title": "Profile",
        "description": "Ranking params, or the whole `resolved` of an answer.",
        "anyOf": [{"required": [field.alias or name]} for name, field in Params.model_fields.items()],
    }
    return _json({"$ref": f"{_REF}Profile"})


def _documents(_: Schema) -> Schema:
    one: Schema = {"$ref": f"{_REF}Document"}
    many: Schema = {"type": "array", "items": one, "minItems": 1}
    whole: Schema = {"type": "object", "properties": {"documents": many}, "required": ["documents"]}
    lines = {"schema": {"type": "string", "description": "one Document a line; plain, gzip or zstd"}}
    wrapped = {**whole, "additionalProperties": False}
    return {"content": {"application/x-ndjson": lines, "application/json": {"schema": {"anyOf": [wrapped, many, one]}}}}


def _text(_: Schema) -> Schema:
    schema = {"type": "string", "description": "what booster.save_model() of LightGBM writes"}
    return {"content": {"text/plain": {"schema": schema}}}


_bodies.update({"documents": _documents, "profile": _profile, "model": _text})


# ---------------------------------------------------------------- shapes


def _document() -> Schema:
    from indexer.fields import FIELDS  # late: a server that only searches starts without what reads documents

    date = {"type": ["string", "null"], "description": FORMS}
    text = {"type": ["string", "null"]}
    special: Schema = {
        "id": {**text, "minLength": 1, "maxLength": 512, "description": "made from the url when it is absent"},
        "url": {**text, "format": "uri", "maxLength": 8_192},
        "html": {**text, "description": "read as a crawled page is, where there is no text"},
        "language": {**text, "description": "ISO 639-1; detected when it is absent"},
        "metadata": {"type": ["object", "null"], "description": "at most 64 KiB, 32 levels deep"},
        **dict.fromkeys(("published_at", "modified_at", "fetched_at"), date),
    }
    filled = {"type": "string", "pattern": r"\S"}
    return {
        "title": "Document",
        "description": "id or url, and title, text or html. A field that is not one of these goes into metadata.",
        "type": "object",
        "properties": {name: special.get(name, text) for name in FIELDS},
        "allOf": [
            {"anyOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("id", "url")]},
            {
                "anyOf": [
                    {"required": [name], "properties": {name: filled}} for name in ("title", "text", "html")
                ]
            },
        ],
    }  # fmt: skip


def _error() -> Schema:
    maybe = {"type": ["string", "null"]}
    fields: Schema = {
        "code": {"type": "string", "description": "stable; docs/errors.md lists them"},
        "message": {"type": "string"},
        "path": {**maybe, "description": "`$.field` in a JSON body, `line 3, field`, `path.name`, `query.name`"},
        "hint": maybe,
        "retryable": {"type": "boolean"},
        "did_you_mean": maybe,
        "corrected_request": {"description": "the request as it was probably meant, ready to resend, or null"},
    }
    error = {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}
    return {
        "title": "Error",
        "type": "object",
        "properties": {
            "error": error,
            "request_id": {"type": "string"},
            "results": {"type": "array", "description": "with 408 alone"},
        },
        "required": ["error", "request_id"],
        "additionalProperties": False,
    }


def _refused(status: int, meaning: str) -> Schema:
    answer: Schema = {"description": meaning, **_json({"$ref": f"{_REF}Error"})}
    if status in (408, 409, 503, 507):
        seconds = {"description": "seconds, where the error is retryable", "schema": {"type": "string"}}
        answer["headers"] = {"Retry-After": seconds}
    return answer
