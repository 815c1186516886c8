"""Operations: health, readiness, metrics, and the names that the contract reserves for later."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.http.errors import of_status
from api.http.routes.search import engine_of, json_response, workers_of
from ranking.shown import cut

router = APIRouter(tags=["operations"])

RESERVED: Final = (
    ("POST", "/v1/collections/{name}/snapshots"),
    ("POST", "/v1/collections/{name}/branches"),
    ("GET", "/"),
    ("GET", "/mcp"),
    ("POST", "/mcp"),
    ("GET", "/compat/{rest:path}"),
    ("POST", "/compat/{rest:path}"),
)
"""Paths of the contract that this version answers with 501, so that a client can tell them from a typo."""


_NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"description": "Not now; `error` and `hint` say why", "content": {"application/json": {}}}
}


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Is the process alive")
async def healthz() -> Response:
    return json_response({"status": "ok"})


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    responses=_NOT_READY,
    summary="Can it answer a search",
)
async def readyz(request: Request) -> Response:
    """200 once the model is loaded and the data folder opens, also on an empty one; else 503 and why. `sessions` is
    "ok", or says why they cannot be kept now: then searches are answered without."""
    report = await workers_of(request).run(engine_of(request).ready)
    return json_response(report, 200 if report["ready"] else 503)


@router.get("/metrics", response_class=PlainTextResponse, summary="Prometheus metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _reserved(request: Request) -> Response:
    raise of_status(
        501, f"{request.method} {cut(request.url.path)} is reserved and not answered by this version", "see docs/gaps/"
    )


for _method, _path in RESERVED:
    router.add_api_route(_path, _reserved, methods=[_method], include_in_schema=False)
