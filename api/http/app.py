"""The one composition root: given settings, returns the ASGI application.

Not for behaviour: doors are in routes/, what they call is api/engine.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from api import log
from api.engine import Engine
from api.http.admission import Workers
from api.http.auth import Keys
from api.http.errors import install_error_handlers
from api.http.metrics import MetricsMiddleware
from api.http.openapi import install_document
from api.http.parameters import known_parameters
from api.http.routes import catalogue, collections, crawls, opened, operations, search, session_doors, sessions
from api.settings import Settings

LANE_THREADS = 2
"""Ingests and deletions that run at once: the collection's lock is the real limit."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application, with its engine, workers and keys in `app.state`."""
    settings = settings or Settings()
    settings.check_binding()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        report = app.state.engine.ready()
        if not report["ready"]:  # what is wrong may be mended while it runs: /readyz tells
            log.error("not_ready", error=report["error"], hint=report["hint"])
        yield
        app.state.engine.close()

    app = FastAPI(
        title="Forage",
        version="0.1.0",
        summary="Web search for research agents: open ranking, sessions that remember",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.engine = Engine(settings)
    app.state.workers = Workers(settings.search_threads, settings.max_waiting)
    app.state.engine.calls.traffic.queued = lambda: app.state.workers.busy
    app.state.lanes = Workers(LANE_THREADS, settings.max_waiting)
    app.state.keys = Keys(settings.keys())
    install_error_handlers(app)
    app.add_middleware(MetricsMiddleware)
    for module in (search, opened, catalogue, sessions, session_doors, collections, crawls):
        app.include_router(module.router, dependencies=[Depends(known_parameters)])
    app.include_router(operations.router)
    install_document(app)
    return app
