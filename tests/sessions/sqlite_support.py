"""What tests of SqliteSessionStore share: another process that writes."""

from __future__ import annotations

from collections.abc import Callable

from sessions.sqlite import SqliteSessionStore
from tests.sessions.store_support import WRITING

Opener = Callable[..., SqliteSessionStore]

WRITER = (
    """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from sessions.settings import DEFAULTS
    from sessions.sqlite import SqliteSessionStore
    from tests.sessions.logs import search
    path, name, calls = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = SqliteSessionStore(path, replace(DEFAULTS, live_events=10, fold_step=3, seen_ids=40, busy_seconds=20))
"""
    + WRITING
)
