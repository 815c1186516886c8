"""A file for sessions, and stores on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sessions.settings import DEFAULTS, SessionSettings
from sessions.sqlite import SqliteSessionStore
from tests.sessions.logs import StoppedClock
from tests.sessions.sqlite_support import Opener


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    """Opens stores on one file; closes them all."""
    with contextlib.ExitStack() as stack:

        def make(settings: SessionSettings = DEFAULTS, clock: StoppedClock | None = None) -> SqliteSessionStore:
            store = SqliteSessionStore(path, settings, clock)
            stack.callback(store.close)
            return store

        yield make
