"""Settings of every test: hypothesis without deadlines, for the machine may be busy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer, running

settings.register_profile("forage", deadline=None)
settings.load_profile("forage")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One for all tests that do not hurt it; who uses it empties it first."""
    yield from running()
