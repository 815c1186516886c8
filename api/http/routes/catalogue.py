"""What the engine offers and what a collection holds: signals, operators, describe, llms.txt."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from api.http.auth import tenant_of
from api.http.llms import llms_text
from api.http.openapi import operation
from api.http.routes.search import engine_of, json_response, workers_of

router = APIRouter(tags=["catalogue"])


@router.get("/v1/signals", openapi_extra=operation(), summary="Every ranking signal")
async def signals(request: Request, _: str = Depends(tenant_of)) -> Response:
    """Name, range, formula, source, cost class and default weight of each signal."""
    return json_response(engine_of(request).signals())


@router.get("/v1/operators", openapi_extra=operation(), summary="Every query operator")
async def operators(request: Request, _: str = Depends(tenant_of)) -> Response:
    """Syntax, meaning and an example of each operator."""
    return json_response(engine_of(request).operators())


@router.get("/v1/describe", openapi_extra=operation(404), summary="What a collection holds")
async def describe(
    request: Request, collection: str = "default", generation: str | None = None, tenant: str = Depends(tenant_of)
) -> Response:
    """Sites, languages, dates, sizes and sample queries."""
    return json_response(await workers_of(request).run(engine_of(request).describe, collection, tenant, generation))


@router.get("/llms.txt", response_class=PlainTextResponse, summary="This API for a language model")
async def llms(request: Request) -> Response:
    """A page an agent can read before its first call."""
    return Response(llms_text(), media_type="text/plain; charset=utf-8")
