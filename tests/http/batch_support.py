"""What tests of batches share: batches that must succeed, and those that must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.http.conftest import Client, ids

Serve = Callable[..., Client]

QUERIES = ["event loop", "asyncio gather", "zip archives", "tar gzip", "threads and locks", "SQLite rows", "file paths"]


def batch(client: Client, *searches: Any, **top: Any) -> dict[str, Any]:
    """A batch that must succeed; a text is a query."""
    made = [{"query": each} if isinstance(each, str) else each for each in searches]
    response = client("POST", "/v1/search/batch", {"searches": made, **top})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def refused(client: Client, status: int = 422, **body: Any) -> dict[str, Any]:
    response = client("POST", "/v1/search/batch", body)
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


def shown(answers: dict[str, Any]) -> list[list[str]]:
    return [ids(answer) for answer in answers["answers"]]
