"""What can be done with a session beside searching in it: a batch, feedback, fork, merge, replay, export."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.errors import OverloadedError
from api.http.admission import Workers
from api.http.auth import tenant_of
from api.http.openapi import operation
from api.http.routes.search import engine_of, json_response, payload_of, reply_response, workers_of
from api.session.export import Format, What, lines
from api.session.requests import BatchRequest, FeedbackRequest, ForkRequest, MergeRequest

router = APIRouter(tags=["sessions"])

JSON_LINES: Final = "application/x-ndjson"
PARQUET: Final = "application/vnd.apache.parquet"
PAUSE_S: Final = 0.05
"""Between two tries to go on with an export on a server that is full: half a search."""


@router.post(
    "/v1/search/batch",
    openapi_extra=operation(404, 408, 409, body=BatchRequest, answer="Batch"),
    summary="Several searches as one",
)
async def batch(request: Request, tenant: str = Depends(tenant_of)) -> Response:
    """Up to 32 searches on one snapshot of one session, in parallel; each document on the page that it serves best
    (`session.overlap`). A search that missed its deadline has an `error` in the place of its answer."""
    payload = await payload_of(request)
    return reply_response(await workers_of(request).run(engine_of(request).batch, payload, tenant))


@router.post(
    "/v1/sessions/{session_id}/feedback",
    openapi_extra=operation(404, 409, body=FeedbackRequest, answer="Feedback"),
    summary="Say what documents were worth",
)
async def feedback(request: Request, session_id: str, tenant: str = Depends(tenant_of)) -> Response:
    """Opened, cited or rejected; only this moves what a session learns."""
    payload = await payload_of(request)
    calls = engine_of(request).sessions
    return reply_response(await workers_of(request).run(calls.feedback, session_id, payload, tenant))


@router.post(
    "/v1/sessions/{session_id}/fork",
    status_code=201,
    openapi_extra=operation(404, 409, 410, body=ForkRequest, optional=True, answer="Fork"),
    summary="Branch a session",
)
async def fork(request: Request, session_id: str, tenant: str = Depends(tenant_of)) -> Response:
    """At any seq that is kept. The branch sees nothing later of its parent, nor its parent of it.
    Without a body: of the trunk, now."""
    payload = await payload_of(request, optional=True)
    calls = engine_of(request).sessions
    return json_response(await workers_of(request).run(calls.fork, session_id, payload, tenant), 201)


@router.post(
    "/v1/sessions/{session_id}/merge",
    openapi_extra=operation(404, 409, body=MergeRequest, answer="Merge"),
    summary="Merge a branch into another",
)
async def merge(request: Request, session_id: str, tenant: str = Depends(tenant_of)) -> Response:
    """What `from` knows now, `into` knows from now on: its feedback, and as hints what it was shown."""
    payload = await payload_of(request)
    calls = engine_of(request).sessions
    return json_response(await workers_of(request).run(calls.merge, session_id, payload, tenant))


@router.get(
    "/v1/sessions/{session_id}/replay",
    openapi_extra=operation(404, 410, answer="Answer"),
    summary="The answer of an event again",
)
async def replay(
    request: Request, session_id: str, seq: int = Query(ge=1), tenant: str = Depends(tenant_of)
) -> Response:
    """The bytes that the call was answered with (`Forage-Replayed: true`), or made anew with equal `results`
    (`Forage-Recomputed: true`). An event of a batch has the answer of the batch."""
    made = await workers_of(request).run(engine_of(request).sessions.replay, session_id, seq, tenant)
    mark = "Forage-Recomputed" if made.recomputed else "Forage-Replayed"
    return Response(made.body, media_type="application/json", headers={mark: "true"})


@router.get(
    "/v1/sessions/{session_id}/export",
    openapi_extra=operation(404, 501),
    response_class=Response,
    responses={200: {"description": "Rows", "content": {JSON_LINES: {"schema": {"type": "string"}}, PARQUET: {}}}},
    summary="A session as rows",
)
async def export(
    request: Request,
    session_id: str,
    format: Annotated[Format, Query(description="jsonl or parquet")] = "jsonl",
    what: Annotated[What, Query(description="all and signals run every search of the log again")] = "all",
    tenant: str = Depends(tenant_of),
) -> Response:
    """Typed rows of queries, results, passages, feedback and signals, oldest event first."""
    workers, calls = workers_of(request), engine_of(request).sessions
    headers = {"Content-Disposition": f'attachment; filename="session.{format}"'}
    if format == "parquet":
        table = await workers.run(calls.parquet, session_id, what, tenant)
        return Response(table, media_type=PARQUET, headers=headers)
    made = await workers.run(calls.export, session_id, what, tenant)
    return StreamingResponse(streamed(workers, lines(made)), media_type=JSON_LINES, headers=headers)


async def streamed(workers: Workers, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each chunk made in a thread of the workers; a full server makes the stream wait, not end."""
    while True:
        try:
            chunk = await workers.run(next, chunks, b"")
        except OverloadedError:
            await anyio.sleep(PAUSE_S)
            continue
        if not chunk:
            return
        yield chunk
