"""Settings of every test: hypothesis without deadlines, for the machine may be busy. On CI it draws the same examples in
every run, so that a change is judged by itself; everywhere else new ones, which is how laws find faults."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer, running

settings.register_profile("forage", deadline=None)
settings.register_profile("ci", settings.get_profile("forage"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "forage")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One for all tests that do not hurt it; who uses it empties it first."""
    yield from running()
