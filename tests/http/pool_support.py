"""What tests of warm searches share: a server with many threads, calls that are no retries, and counts of work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from indexer.local import LocalIndex
from ranking.types import Evidence, Plan
from tests.http.conftest import Client
from tests.laws.test_pool_laws import PAGES

Serve = Callable[..., Client]


def again(client: Client, query: str, **fields: Any) -> dict[str, Any]:
    """A call that is no retry."""
    session = {"on_repeat": "continue", **fields.pop("session", {})}
    return client.search(query, session=session, **fields)


def served(client: Client, query: str, **fields: Any) -> str:
    found: str = again(client, query, **fields)["session"]["served_from"]
    return found


class Counted:
    """How often the index recalls and the model embeds; held until so many others wait for it."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch, followers: int = 0) -> None:
        self.recalls = self.embeddings = 0
        self.begun = threading.Event()
        engine = client.app.state.engine
        embedder, recall, encode = engine._vectors.embedder, LocalIndex.recall, engine._vectors.embedder.encode
        flights = [engine._vectors._flights, engine.calls._cellar.flights]

        def hold(which: int) -> None:
            until = time.monotonic() + 30
            while sum(flights[which]._followers.values()) < followers:
                assert time.monotonic() < until
                time.sleep(0.001)

        def recalled(index: LocalIndex, plan: Plan) -> Evidence:
            self.recalls += 1
            self.begun.set()
            hold(1)
            return recall(index, plan)

        def embedded(texts: list[str]) -> Any:
            self.embeddings += 1
            hold(0)
            return encode(texts)

        monkeypatch.setattr(LocalIndex, "recall", recalled)
        monkeypatch.setattr(embedder, "encode", embedded)


def warm_client(serve: Serve, folder: Path) -> Client:
    """Over a few pages, with as many threads as there are calls at once."""
    made = serve(folder, search_threads=16)
    assert made("POST", "/v1/collections/default/documents", PAGES).status_code == 200
    return made
