"""The one place where an error becomes HTTP: given an exception, returns its status and the one error shape.

Not for deciding what is an error: each package's errors.py says that.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api import log
from ranking.errors import ForageError

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


def mint_request_id() -> str:
    """An id to find a request by in the logs."""
    return f"req_{secrets.token_hex(12)}"


def error_body(error: ForageError, request_id: str) -> dict[str, Any]:
    """The error shape of the contract, every key always there."""
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "path": error.path,
            "hint": error.hint,
            "retryable": error.retryable,
            "did_you_mean": error.did_you_mean,
            "corrected_request": error.corrected_request,
        },
        "request_id": request_id,
    }


def error_response(error: ForageError, request_id: str | None = None) -> Response:
    """`error` as a response; Retry-After goes with what may be retried."""
    request_id = request_id or mint_request_id()
    headers = {"Retry-After": "1"} if error.retryable or error.status in (429, 503) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(error_body(error, request_id), option=orjson.OPT_NON_STR_KEYS)
    return Response(body, status_code=error.status, media_type="application/json", headers=headers)


def of_status(status: int, message: str, hint: str | None = None) -> ForageError:
    """A plain error for a status that the framework raised."""
    error = ForageError(message, hint=hint)
    error.status = status
    error.code = _HTTP_CODES.get(status, "http_error")
    error.retryable = status in (408, 429, 503)
    return error


def install_error_handlers(app: FastAPI) -> None:
    """Every failing route of `app` answers in the one shape."""

    async def forage(request: Request, error: Exception) -> Response:
        assert isinstance(error, ForageError)
        if error.status >= 500:
            log.error("request_failed", path=request.url.path, code=error.code, error=error.message)
        return error_response(error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        hint = "GET /openapi.json lists every path" if error.status_code in (404, 405) else None
        message = f"{request.method} {request.url.path}: {error.detail}"
        return error_response(of_status(error.status_code, message, hint))

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
