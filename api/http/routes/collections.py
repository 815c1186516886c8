"""Collections: create, list, read, ingest, delete."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from api.errors import UnsupportedMediaTypeError
from api.http.auth import tenant_of
from api.http.bodies import JSON_TYPES, NDJSON_TYPES, media_type, read_json, spool
from api.http.openapi import operation
from api.http.routes.search import engine_of, json_response, payload_of
from api.requests import CollectionRequest
from ranking.shown import cut

router = APIRouter(tags=["collections"])


@router.post(
    "/v1/collections", status_code=201, openapi_extra=operation(409, 507, body=CollectionRequest), summary="Create"
)
async def create(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """An empty collection; 409 when the name is taken."""
    payload = await payload_of(request)
    return json_response(
        await request.app.state.workers.run(engine_of(request).create_collection, payload, tenant), 201
    )


@router.get("/v1/collections", openapi_extra=operation(), summary="List")
async def listing(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """This tenant's collections with their sizes."""
    return json_response(await request.app.state.workers.run(engine_of(request).list_collections, tenant))


@router.get("/v1/collections/{name}", openapi_extra=operation(404), summary="Read one")
async def read(request: Request, name: str, tenant: str = Depends(tenant_of)) -> Response:
    """Sizes, generation and embedder of a collection."""
    return json_response(await request.app.state.workers.run(engine_of(request).read_collection, name, tenant))


@router.delete("/v1/collections/{name}", status_code=204, openapi_extra=operation(404, 409), summary="Delete")
async def delete(request: Request, name: str, tenant: str = Depends(tenant_of)) -> Response:
    """Removes the collection with everything in it; `default` is emptied and stays."""
    await request.app.state.lanes.run(engine_of(request).delete_collection, name, tenant)
    return Response(status_code=204)


@router.post(
    "/v1/collections/{name}/documents",
    openapi_extra=operation(404, 409, 507, body="documents"),
    summary="Ingest documents",
)
async def ingest(request: Request, name: str, tenant: str = Depends(tenant_of)) -> Response:
    """NDJSON (plain, gzip or zstd), streamed, all or nothing; or JSON: one document, a list, or {"documents": [...]}.
    The answer comes when they are searchable."""
    settings = request.app.state.settings
    kind = media_type(request)
    if kind in JSON_TYPES or kind.endswith("+json"):
        payload = await read_json(request, settings.max_body_bytes)
        return json_response(
            await request.app.state.lanes.run(engine_of(request).ingest_objects, name, payload, tenant)
        )
    if kind not in NDJSON_TYPES:
        raise UnsupportedMediaTypeError(
            f"documents come as application/x-ndjson or application/json, got {cut(kind) or 'no content type'}",
            path="header.content-type",
            hint="send Content-Type: application/x-ndjson with one JSON document per line",
        )
    with await spool(request, settings.max_ingest_bytes) as stream:
        return json_response(await request.app.state.lanes.run(engine_of(request).ingest_stream, name, stream, tenant))
