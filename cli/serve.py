"""`forage serve`: the HTTP server."""

from __future__ import annotations

import os
import socket
from typing import Annotated

import typer

from ranking.errors import ParamsError


def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on (FORAGE_HOST, default 127.0.0.1)")] = None,
    port: Annotated[int | None, typer.Option(help="port (FORAGE_PORT, default 8080)", min=0, max=65535)] = None,
    workers: Annotated[int | None, typer.Option(help="processes (FORAGE_WORKERS, default 1)", min=1, max=64)] = None,
) -> None:
    """Serve the API.

    \b
    FORAGE_DATA            folder of collections and sessions (default ./data)
    FORAGE_API_KEYS        tenant:key,... ; needed to listen beyond loopback
    FORAGE_ALLOW_PRIVATE   crawl jobs may reach private addresses (default off)
    FORAGE_MODEL           embedding model by name or path (default: built in)
    FORAGE_SEARCH_THREADS, FORAGE_MAX_WAITING, FORAGE_MAX_BODY_BYTES,
    FORAGE_MAX_INGEST_BYTES, FORAGE_SESSION_TTL_S, FORAGE_EMBEDDING_CACHE,
    FORAGE_LOG_LEVEL
    """
    import uvicorn

    from api.settings import Settings

    given = {"host": host, "port": port, "workers": workers}
    for name, value in given.items():
        if value is not None:
            os.environ[f"FORAGE_{name.upper()}"] = str(value)
    settings = Settings()
    settings.check_binding()
    settings.folder()
    _check_address(settings.host, settings.port)
    uvicorn.run(
        "api.http.serve:app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        log_level=settings.log_level,
        access_log=False,
        timeout_graceful_shutdown=10,
    )


def _check_address(host: str, port: int) -> None:
    """uvicorn would say less, and workers would try again for ever. ParamsError when nobody could listen there."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ParamsError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            path="FORAGE_PORT",
            hint="give another --host or --port, or set FORAGE_HOST and FORAGE_PORT",
        ) from error
