"""What the suites of a port share: each implementation, opened and closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.warm.index import Cellar, PooledIndex, Terms
from api.warm.keys import Scope
from indexer.local import LocalIndex
from indexer.memory import MemoryIndex
from ranking.ports import Clock, SearchIndex
from sessions.settings import DEFAULTS
from sessions.store import SessionStore
from tests.contract.builders import LAYOUTS, local, memory
from tests.contract.samples import CORPUS, HashingEmbedder
from tests.contract.session_stores import STORES
from tests.redis_server import RedisServer
from tests.sessions.logs import StoppedClock

# ---------------------------------------------------------------- SearchIndex

POOL_BYTES = 8_000_000


@pytest.fixture(scope="module")
def oracle() -> MemoryIndex:
    return memory(CORPUS, HashingEmbedder())


@pytest.fixture(scope="module", params=LAYOUTS)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalIndex]:
    made = local(tmp_path_factory.mktemp("index"), CORPUS, HashingEmbedder(), **LAYOUTS[request.param])
    yield made
    made.close()


@pytest.fixture(scope="module", params=["local", "memory", "over pools"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchIndex]:
    made: SearchIndex
    if request.param == "memory":
        made = memory(CORPUS, HashingEmbedder())
    else:
        made = local(tmp_path_factory.mktemp("either"), CORPUS, HashingEmbedder(), segments=2, deleted=1)
    if request.param == "over pools":
        made = PooledIndex(made, Cellar(POOL_BYTES), Scope("t", "c", made.statistics.generation), Terms())
    yield made
    made.close()


# ---------------------------------------------------------------- SessionStore


@pytest.fixture(params=sorted(STORES))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., SessionStore]]:
    """Opens the store with given settings and clock; closes what was opened."""
    stores: list[SessionStore] = []
    url = ""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        server.flush()
        url = server.url

    def make(clock: Clock | None = None, **settings: Any) -> SessionStore:
        store = STORES[request.param](tmp_path, url, replace(DEFAULTS, **settings), clock or StoppedClock())
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store(opened: Callable[..., SessionStore], clock: StoppedClock) -> SessionStore:
    return opened(clock)
