"""What a server process imports: given the environment, returns the application."""

from __future__ import annotations

from fastapi import FastAPI

from api.http.app import create_app
from api.settings import Settings


def app() -> FastAPI:
    """The application by FORAGE_* settings."""
    return create_app(Settings())
