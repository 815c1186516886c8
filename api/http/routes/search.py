"""Search, plan, contents: given JSON bodies, returns the engine's answers as bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from api.engine import Engine
from api.http.admission import Workers
from api.http.auth import tenant_of
from api.http.bodies import read_json
from api.http.openapi import operation
from api.requests import ContentsRequest, SearchRequest
from api.session.door import Reply

router = APIRouter(tags=["search"])


def json_response(body: Any, status: int = 200) -> Response:
    """A JSON-ready object as a response."""
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def reply_response(reply: Reply) -> Response:
    """The bytes of an answer, with the mark of a retry."""
    headers = {"Forage-Replayed": "true"} if reply.replayed else None
    return Response(reply.body, media_type="application/json", headers=headers)


def engine_of(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def workers_of(request: Request) -> Workers:
    workers: Workers = request.app.state.workers
    return workers


async def payload_of(request: Request, optional: bool = False) -> Any:
    """The JSON of the body; where it may be left out, {} without one."""
    if optional and request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return {}
    return await read_json(request, request.app.state.settings.max_body_bytes)


async def posted(request: Request, method: Callable[[Any, str], Any], tenant: str) -> Response:
    """What a method of the engine answers to the request's JSON."""
    payload = await payload_of(request)
    return json_response(await workers_of(request).run(method, payload, tenant))


@router.post(
    "/v1/search", openapi_extra=operation(404, 408, 409, body=SearchRequest, answer="Answer"), summary="Search"
)
async def search(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """The main door; `{"query": "..."}` alone works."""
    payload = await payload_of(request)
    reply = await workers_of(request).run(engine_of(request).search, payload, tenant)
    return reply_response(reply)


@router.post("/v1/plan", openapi_extra=operation(404, body=SearchRequest, answer="Plan"), summary="Dry run of a search")
async def plan(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """Parsed query, terms, stages and predicted cost; touches no session."""
    return await posted(request, engine_of(request).plan, tenant)


@router.post(
    "/v1/contents",
    openapi_extra=operation(404, body=ContentsRequest, answer="Contents"),
    summary="Documents by id or URL",
)
async def contents(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """Markdown, passages, metadata and links of up to 100 documents."""
    return await posted(request, engine_of(request).contents, tenant)
