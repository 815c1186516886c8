"""What opens the engine: explain, similar, terms, recall, profiles and models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from api.errors import MalformedRequestError
from api.http.auth import tenant_of
from api.http.bodies import read_bytes
from api.http.openapi import operation
from api.http.routes.search import engine_of, json_response, payload_of, posted, workers_of
from api.opened.requests import ExplainRequest, RecallRequest, SimilarRequest, TermsRequest
from indexer.rerankers.trees import MAX_BYTES as MAX_MODEL_BYTES

router = APIRouter(tags=["open engine"])


@router.post(
    "/v1/explain",
    openapi_extra=operation(404, 408, body=ExplainRequest, answer="Explanation"),
    summary="One document under one query",
)
async def explain(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """Its rank, every signal, the stage that lost it, and what would have to change."""
    return await posted(request, engine_of(request).explain, tenant)


@router.post(
    "/v1/similar", openapi_extra=operation(404, body=SimilarRequest, answer="Answer"), summary="Documents like one"
)
async def similar(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """Like a document's id or URL, or like a text."""
    return await posted(request, engine_of(request).similar, tenant)


@router.post(
    "/v1/terms",
    openapi_extra=operation(404, body=TermsRequest, answer="Terms"),
    summary="What a collection knows of words",
)
async def terms(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """df, idf, cost, words written like it, words that go with it."""
    return await posted(request, engine_of(request).terms, tenant)


@router.post(
    "/v1/recall",
    openapi_extra=operation(404, body=RecallRequest, answer="Recall"),
    summary="Approximate against exact search",
)
async def recall(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """How much of the exact list the approximate one holds, and what each costs."""
    return await posted(request, engine_of(request).recall, tenant)


# ---------------------------------------------------------------- profiles


@router.get("/v1/profiles", openapi_extra=operation(), summary="Every profile with its versions")
async def list_profiles(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    return json_response(await workers_of(request).run(engine_of(request).list_profiles, tenant))


@router.put(
    "/v1/profiles/{name}",
    status_code=201,
    openapi_extra=operation(409, 507, body="profile"),
    summary="Save ranking params as the next version",
)
async def put_profile(name: str, request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """The body holds params, or the whole `resolved` of an answer."""
    payload = await payload_of(request)
    saved: dict[str, Any] = await workers_of(request).run(engine_of(request).put_profile, name, payload, tenant)
    return json_response(saved, 201)


@router.get("/v1/profiles/{name}", openapi_extra=operation(404), summary="A profile: name or name@version")
async def read_profile(name: str, request: Request, tenant: str = Depends(tenant_of)) -> Response:
    return json_response(await workers_of(request).run(engine_of(request).read_profile, name, tenant))


@router.get(
    "/v1/profiles/{name}/diff/{other}",
    openapi_extra=operation(404),
    summary="What changes from one profile to another",
)
async def diff_profiles(name: str, other: str, request: Request, tenant: str = Depends(tenant_of)) -> Response:
    return json_response(await workers_of(request).run(engine_of(request).diff_profiles, name, other, tenant))


# ---------------------------------------------------------------- models


@router.get("/v1/models", openapi_extra=operation(), summary="Every uploaded LightGBM model")
async def list_models(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    return json_response(await workers_of(request).run(engine_of(request).models.list, tenant))


@router.put(
    "/v1/models/{name}",
    status_code=201,
    openapi_extra=operation(507, body="model"),
    summary="Upload a LightGBM model as text",
)
async def put_model(name: str, request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """The body is what booster.save_model() writes; its features are names of signals."""
    text = await _text_of(request)
    info = await workers_of(request).run(engine_of(request).models.put, name, text, tenant)
    return json_response(info, 201)


@router.get("/v1/models/{name}", openapi_extra=operation(404), summary="A model: name or name@version")
async def read_model(name: str, request: Request, tenant: str = Depends(tenant_of)) -> Response:
    return json_response(await workers_of(request).run(engine_of(request).models.read, name, tenant))


@router.delete(
    "/v1/models/{name}",
    status_code=204,
    openapi_extra=operation(404),
    summary="Forget a model, or one version of it",
)
async def delete_model(name: str, request: Request, tenant: str = Depends(tenant_of)) -> Response:
    await workers_of(request).run(engine_of(request).models.delete, name, tenant)
    return Response(status_code=204)


async def _text_of(request: Request) -> str:
    """The body as text, at most MAX_MODEL_BYTES."""
    try:
        return (await read_bytes(request, MAX_MODEL_BYTES)).decode()
    except UnicodeDecodeError as error:
        raise MalformedRequestError(
            f"the body is not UTF-8: {error.reason}", hint="send the text that booster.save_model() writes"
        ) from None
