"""Request bodies: given a request, returns its JSON within the size cap, or its stream in a file.

Not for what the JSON means (api/requests.py).
"""

from __future__ import annotations

import re
import tempfile
from typing import IO, Any, Final

import orjson
from fastapi import Request

from api.errors import BodyTooLargeError, MalformedRequestError, UnsupportedMediaTypeError
from ranking.shown import cut

JSON_TYPES: Final = ("application/json", "text/json")
NDJSON_TYPES: Final = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "application/gzip",
    "application/x-gzip",
    "application/zstd",
)
SPOOL_BYTES: Final = 1_000_000
"""An upload up to this size stays in memory."""
MAX_DIGITS: Final = 18
"""Of a length that is a number of bytes at all."""
_ESCAPE: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
"""A surrogate pair, or half of one (the group), or any other escape."""


def media_type(request: Request) -> str:
    """The content type without its parameters, lower case; "" when absent."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, cap: int) -> Any:
    """The body as JSON; 415 for another content type, 413 above `cap` bytes, 400 when it does not parse."""
    kind = media_type(request)
    if kind and kind not in JSON_TYPES and not kind.endswith("+json"):
        raise UnsupportedMediaTypeError(
            f"the body must be application/json, got {cut(kind)}",
            path="header.content-type",
            hint="send Content-Type: application/json",
        )
    body = await read_bytes(request, cap)
    if not body.strip():
        raise MalformedRequestError(
            "the body is empty", path="$", hint="send a JSON object; GET /openapi.json has the fields of each"
        )
    try:
        return _parsed(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(
            f"the body is not JSON: {error}", path="$", hint="NaN, comments and trailing commas are not JSON"
        ) from None


def _parsed(body: bytes) -> Any:
    """JSON. Half a surrogate pair, which some writers leave where they cut a text, is read as U+FFFD."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        mended = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)
        if mended == body:
            raise
        return orjson.loads(mended)


async def read_bytes(request: Request, cap: int) -> bytes:
    """The body; 413 above `cap` bytes, from its declared length already."""
    _check_length(request, cap)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > cap:
            raise _too_large(cap)
        chunks.append(chunk)
    return b"".join(chunks)


async def spool(request: Request, cap: int) -> IO[bytes]:
    """The body in a temporary file at its start, never whole in memory; the caller closes it."""
    _check_length(request, cap)
    file = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 (the caller closes it)
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > cap:
                raise _too_large(cap)
            file.write(chunk)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _check_length(request: Request, cap: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdecimal() and (len(declared) > MAX_DIGITS or int(declared) > cap):
        raise _too_large(cap)


def _too_large(cap: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"the body is larger than {cap:,} bytes",
        path="$",
        hint="ingest large sets as application/x-ndjson, or in parts; a model with fewer or smaller trees is smaller",
    )
