"""Every session store by name, and how a test calls one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ranking.ports import Clock
from sessions.events import Draft
from sessions.idempotency import Claim, Fresh
from sessions.memory import MemorySessionStore
from sessions.redis import RedisSessionStore
from sessions.settings import SessionSettings
from sessions.sqlite import SqliteSessionStore
from sessions.store import Committed, SessionStore, Snapshot

Open = Callable[[Path, str, SessionSettings, Clock], SessionStore]
"""The path is a folder, the text the URL of a Redis."""

STORES: dict[str, Open] = {
    "memory": lambda folder, url, settings, clock: MemorySessionStore(settings, clock),
    "redis": lambda folder, url, settings, clock: RedisSessionStore(url, settings, clock),
    "sqlite": lambda folder, url, settings, clock: SqliteSessionStore(folder / "sessions.sqlite", settings, clock),
}


def call(store: SessionStore, *drafts: Draft, session: str = "s", tenant: str = "t", **more: Any) -> Committed:
    """One call from load to commit; its answer names the seq."""
    return store.commit(
        tenant, session, drafts, lambda seq: b"answer %d" % seq, snapshot=store.load(tenant, session), **more
    )


def loaded(store: SessionStore, session: str = "s", tenant: str = "t") -> Snapshot:
    snapshot = store.load(tenant, session)
    assert snapshot is not None
    return snapshot


def claimed(store: SessionStore, request_id: str, body: str = "b", tenant: str = "t") -> Claim:
    outcome = store.begin(tenant, request_id, body)
    assert isinstance(outcome, Fresh)
    return outcome.claim
