"""A real application over a real engine and a small collection, reached through ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.http.app import create_app
from api.settings import Settings

DOCUMENTS: list[dict[str, Any]] = [
    {
        "id": f"python-{number}",
        "url": f"https://docs.example.org/library/{name}.html",
        "title": f"{name} module",
        "text": f"# {name}\n\nThe {name} module of the standard library. {about}",
        "language": "en",
        "published_at": f"20{10 + number}-03-01",
        "metadata": {"year": 2010 + number},
    }
    for number, (name, about) in enumerate(
        {
            "asyncio": "It runs coroutines in an event loop; gather waits for several tasks at once.",
            "zipfile": "It reads and writes zip archives, compressed files and their members.",
            "tarfile": "It reads and writes tar archives, with gzip and bzip2 compression.",
            "sqlite3": "It is an interface to SQLite databases: cursors, transactions, rows.",
            "threading": "Threads, locks, events and barriers for concurrent programs.",
            "pathlib": "Object-oriented file system paths; read_text opens a file and reads it.",
        }.items()
    )
] + [
    {"id": "blog-1", "url": "https://blog.example.com/asyncio-gather", "title": "Gather or TaskGroup?", "language": "en",
     "text": "When one task fails, gather goes on and TaskGroup cancels the others.", "published_at": "2023-11-02"},
    {"id": "blog-2", "url": "https://blog.example.com/fr", "title": "Les boucles d'événements", "language": "fr",
     "text": "La boucle d'événements exécute des coroutines.", "published_at": "2022"},
]  # fmt: skip

STATELESS = {"session": {"record": False}}

Call = Callable[..., httpx.Response]


class Client:
    """A blocking client of an application; its loop and lifespan live as long as it does."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        self._loop = asyncio.new_event_loop()
        self._lifespan = self.app.router.lifespan_context(self.app)
        self._loop.run_until_complete(self._lifespan.__aenter__())
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://forage.test", timeout=60)

    def __call__(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        if json is not None:
            options["json"] = json
        return self._loop.run_until_complete(self._http.request(method, path, **options))

    def together(self, *calls: tuple[str, str, Any]) -> list[httpx.Response]:
        """Several requests at once."""

        async def run() -> list[httpx.Response]:
            requests: list[Awaitable[httpx.Response]] = [
                self._http.request(method, path, json=body) for method, path, body in calls
            ]
            return await asyncio.gather(*requests)

        return self._loop.run_until_complete(run())

    def search(self, query: str, **fields: Any) -> dict[str, Any]:
        """A search that must succeed."""
        response = self("POST", "/v1/search", {"query": query, **fields})
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def close(self) -> None:
        self._loop.run_until_complete(self._http.aclose())
        self._loop.run_until_complete(self._lifespan.__aexit__(None, None, None))
        self._loop.close()


def filled(folder: Path, **settings: Any) -> Client:
    """A client of a server whose default collection holds DOCUMENTS."""
    client = Client(Settings(data=folder, **settings))
    response = client("POST", "/v1/collections/default/documents", DOCUMENTS)
    assert response.status_code == 200, response.text
    return client


def ids(answer: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in answer["results"]]


def ok(client: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client("POST", path, body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def refused(client: Client, body: dict[str, Any], path: str = "/v1/search") -> dict[str, Any]:
    response = client("POST", path, body)
    assert response.status_code == 422, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One server per test module."""
    made = filled(tmp_path_factory.mktemp("data"))
    yield made
    made.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Makes clients of servers of their own, and closes them whatever happens."""
    made: list[Client] = []

    def make(folder: Path, documents: bool = False, **settings: Any) -> Client:
        client = Client(Settings(data=folder, **settings))
        made.append(client)
        if documents:
            assert client("POST", "/v1/collections/default/documents", DOCUMENTS).status_code == 200
        return client

    yield make
    for client in made:
        client.close()
