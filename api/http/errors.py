"""The one place where an error becomes HTTP: given an exception, returns its status and the one error shape.

`error.path` says where in the request the fault is: `$.field` in a JSON body, `line N, field` in NDJSON, `path.name`,
`query.name` or `header.name` outside of it. The engine names JSON paths and its own parameters; where a parameter came
from, this module knows. Not for deciding what is an error: each package's errors.py says that.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api import log
from api.errors import DeadlineError, shape_of
from api.http.metrics import METHODS
from api.requests import mint_request_id
from indexer.rows import clean_value
from ranking.errors import ForageError
from ranking.shown import cut

_HTTP_CODES: Final[Mapping[int, str]] = {
    400: "malformed_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "deadline_exceeded",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "too_many_requests",
    501: "not_supported",
    503: "unavailable",
}

_PARAMETER: Final = re.compile(r"(?:\$\.)?([a-z_]+)")
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE"})


def located(path: str | None, request: Request) -> str | None:
    """Where the engine's `path` is in this request."""
    named = _PARAMETER.fullmatch(path or "")
    if named is None:
        return path
    name, bodiless = named[1], request.method in _BODILESS
    if path == name or bodiless:
        if name in request.path_params:
            return f"path.{name}"
        if "name" in request.path_params:  # the engine says of what it is the name: a collection, a profile, a model
            return "path.name"
    return f"query.{name}" if bodiless else f"$.{name}"


def error_body(error: ForageError, request_id: str) -> dict[str, Any]:
    """What is sent. A deadline that passed comes with the results until then."""
    partial = {"results": error.results} if isinstance(error, DeadlineError) else {}
    return {"error": shape_of(error), "request_id": request_id, **partial}


def error_response(
    error: ForageError, request_id: str | None = None, more_headers: Mapping[str, str] | None = None
) -> Response:
    """`error` as a response; Retry-After goes with what may be retried."""
    request_id = request_id or mint_request_id()
    headers = {**(more_headers or {})}
    if error.retryable or error.status in (429, 503):
        headers["Retry-After"] = "1"
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(clean_value(error_body(error, request_id)), option=orjson.OPT_NON_STR_KEYS)
    return Response(body, status_code=error.status, media_type="application/json", headers=headers)


def of_status(status: int, message: str, hint: str | None = None) -> ForageError:
    """A plain error for a status that the framework raised."""
    error = ForageError(message, hint=hint)
    error.status = status
    error.code = _HTTP_CODES.get(status, "http_error")
    error.retryable = status in (408, 429, 503)
    return error


def allowed(request: Request) -> list[str]:
    """The methods that the path of this request has."""
    return [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


def install_error_handlers(app: FastAPI) -> None:
    """Every failing route of `app` answers in the one shape."""

    async def forage(request: Request, error: Exception) -> Response:
        assert isinstance(error, ForageError)
        error.path = located(error.path, request)
        if error.status >= 500:
            log.error("request_failed", path=request.url.path, code=error.code, error=error.message)
        return error_response(error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        hint = "GET /openapi.json lists every path" if error.status_code in (404, 405) else None
        message = f"{cut(request.method)} {cut(request.url.path)}: {error.detail}"
        headers = {"Allow": ", ".join(methods)} if error.status_code == 405 and (methods := allowed(request)) else None
        return error_response(of_status(error.status_code, message, hint), more_headers=headers)

    async def validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        shaped = of_status(422, f"{path}: {first['msg']}")
        shaped.path = path
        return error_response(shaped)

    async def unexpected(request: Request, error: Exception) -> Response:
        request_id = mint_request_id()
        log.exception("request_crashed", path=request.url.path, request_id=request_id, error=repr(error))
        return error_response(ForageError("the server failed on this request; it is logged"), request_id)

    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = [
        (ForageError, forage),
        (HTTPException, http),
        (RequestValidationError, validation),
        (Exception, unexpected),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
