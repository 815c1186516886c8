"""What a server process imports: given the environment, returns the application."""

from __future__ import annotations

import structlog
from fastapi import FastAPI

from api.http.app import create_app
from api.settings import Settings


def app() -> FastAPI:
    """The application by FORAGE_* settings, with logs as JSON lines on standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    return create_app(Settings())
