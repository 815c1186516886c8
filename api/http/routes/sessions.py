"""Sessions: create, read back, delete."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Query, Request, Response

from api.http.auth import tenant_of
from api.http.openapi import operation
from api.http.routes.search import engine_of, json_response, payload_of, workers_of
from api.requests import SessionRequest
from sessions.events import MAIN

router = APIRouter(tags=["sessions"])


@router.post(
    "/v1/sessions",
    status_code=201,
    openapi_extra=operation(409, body=SessionRequest, optional=True),
    summary="Create a session",
)
async def create(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """A search creates its session by itself; this one is for an id or an objective before the first query."""
    payload = await payload_of(request, optional=True)
    body = await workers_of(request).run(engine_of(request).sessions.create, payload, tenant)
    return json_response(body, 201)


@router.get("/v1/sessions", openapi_extra=operation(), summary="List sessions")
async def listing(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """This tenant's live sessions, newest first."""
    return json_response(await workers_of(request).run(engine_of(request).sessions.list, tenant))


@router.get(
    "/v1/sessions/{session_id}", openapi_extra=operation(404, 410, answer="Session"), summary="Read a session back"
)
async def read(
    request: Request,
    session_id: str,
    as_of: int | None = Query(None, ge=0),
    branch: str = Query(MAIN, description="what its readers saw, and its profile; the log is that of all branches"),
    tenant: str = Depends(tenant_of),
) -> Response:
    """Log, what each reader saw, profile; `as_of` folds the log up to that seq."""
    calls = engine_of(request).sessions
    return json_response(await workers_of(request).run(calls.read, session_id, tenant, as_of, branch))


@router.delete("/v1/sessions/{session_id}", status_code=204, openapi_extra=operation(404), summary="Delete a session")
async def delete(request: Request, session_id: str, tenant: str = Depends(tenant_of)) -> Response:
    """Erases log, caches and idempotency keys."""
    await workers_of(request).run(engine_of(request).sessions.delete, session_id, tenant)
    return Response(status_code=204)
