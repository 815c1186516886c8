"""Metrics of the HTTP door: counts and latencies by route, in Prometheus' default registry.

A pure ASGI middleware: Starlette's BaseHTTPMiddleware would buffer event streams.
"""

from __future__ import annotations

import time

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("forage_http_requests_total", "Requests by route, method and status", ["route", "method", "status"])
SECONDS = Histogram(
    "forage_http_request_seconds",
    "Time to the last byte by route",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""A label has few values: anybody may send any word as a method."""


class MetricsMiddleware:
    """Counts each request once, under its route's template (an unknown path or method is "other")."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in METHODS else "other"
            REQUESTS.labels(route, method, str(status)).inc()
            SECONDS.labels(route).observe(time.perf_counter() - started)
