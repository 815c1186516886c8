"""Where sessions live: given the settings of a process, returns the one store, not yet connected to anything.

Redis when it is configured, so that several servers share sessions; else a file beside the collections. Not for what a
store does (sessions/store.py).
"""

from __future__ import annotations

from typing import Final

from api.settings import Settings
from sessions.settings import SessionSettings
from sessions.store import SessionStore

FILE: Final = "sessions.sqlite"
"""In the data folder."""


def open_sessions(settings: Settings) -> SessionStore:
    limits = SessionSettings(
        idle_seconds=float(settings.session_ttl_s),
        redis_connect_seconds=settings.redis_connect_ms / 1_000,
        redis_read_seconds=settings.redis_read_ms / 1_000,
    )
    if settings.redis_url:
        from sessions.redis import RedisSessionStore  # late: the client takes a quarter of a second to load

        return RedisSessionStore(settings.redis_url, limits)
    from sessions.sqlite import SqliteSessionStore

    return SqliteSessionStore(settings.data / FILE, limits)
