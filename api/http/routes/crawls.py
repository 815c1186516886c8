"""Crawl jobs: start, read, follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from api.errors import InvalidRequestError
from api.http.auth import tenant_of
from api.http.openapi import operation
from api.http.routes.search import engine_of, json_response, payload_of, workers_of
from api.requests import CrawlRequest
from ranking.shown import shown

router = APIRouter(tags=["crawls"])

POLL_S: Final = 0.25
"""How often a followed job's log is read: quick to the eye, cheap to the disk."""
MAX_ID_DIGITS: Final = 18
"""More than any log has lines."""
KEEP_ALIVE_S: Final = 15.0
"""A comment line after so much silence keeps proxies from closing the stream."""

_LAST_EVENT: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "the last event that came; sent by browsers that connect again",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
}


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


@router.post(
    "/v1/crawls", status_code=202, openapi_extra=operation(404, 409, 507, body=CrawlRequest), summary="Start a crawl"
)
async def start(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """Crawls in a process of its own; the index is built at the end."""
    payload = await payload_of(request)
    body = await workers_of(request).run(engine_of(request).start_crawl, payload, tenant)
    return json_response(body, 202)


@router.get("/v1/crawls", openapi_extra=operation(), summary="List crawls")
async def listing(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """This tenant's crawl jobs, newest first."""
    return json_response(await workers_of(request).run(engine_of(request).list_crawls, tenant))


@router.get("/v1/crawls/{crawl_id}", openapi_extra=operation(404), summary="Read a crawl")
async def read(request: Request, crawl_id: str, tenant: str = Depends(tenant_of)) -> Response:
    """State, counts and, at the end, the report."""
    return json_response(await workers_of(request).run(engine_of(request).read_crawl, crawl_id, tenant))


@router.delete("/v1/crawls/{crawl_id}", status_code=204, openapi_extra=operation(404), summary="Stop a crawl")
async def stop(request: Request, crawl_id: str, tenant: str = Depends(tenant_of)) -> Response:
    """Ends the job's process; what was fetched stays, and a new crawl of the same URLs goes on from there."""
    await workers_of(request).run(engine_of(request).stop_crawl, crawl_id, tenant)
    return Response(status_code=204)


@router.get(
    "/v1/crawls/{crawl_id}/events",
    response_class=EventStream,
    openapi_extra={**operation(404), "parameters": [_LAST_EVENT]},
    summary="Follow a crawl (SSE)",
)
async def events(request: Request, crawl_id: str, tenant: str = Depends(tenant_of)) -> Response:
    """Server-sent events from the beginning, or after `Last-Event-ID` (422 unless it is an id of this stream, a
    number); ends when the job does."""
    first = _first(request.headers.get("last-event-id", ""))
    engine = engine_of(request)
    await workers_of(request).run(engine.read_crawl, crawl_id, tenant)

    async def stream() -> AsyncIterator[bytes]:
        position, silence = first, 0.0
        while not await request.is_disconnected():
            rows, ended = await asyncio.to_thread(engine.crawl_events, crawl_id, tenant, position)
            for row in rows:
                yield b"id: %d\nevent: %s\ndata: %s\n\n" % (position, str(row["kind"]).encode(), orjson.dumps(row))
                position += 1
            if ended and not rows:
                return
            silence = 0.0 if rows else silence + POLL_S
            if silence >= KEEP_ALIVE_S:
                yield b": still running\n\n"
                silence = 0.0
            if not rows:
                await asyncio.sleep(POLL_S)

    return EventStream(stream(), headers={"Cache-Control": "no-store"})


def _first(last: str) -> int:
    """The number of the first event to send, given the header `Last-Event-ID`."""
    if not last:
        return 0
    if not (last.isascii() and last.isdecimal() and len(last) <= MAX_ID_DIGITS):
        raise InvalidRequestError(
            f"Last-Event-ID is {shown(last)}, and ids of events here are numbers",
            path="header.last-event-id",
            hint="send the id of the last event that came, or leave the header out",
        )
    return int(last) + 1
