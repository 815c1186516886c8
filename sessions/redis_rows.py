"""A session as Redis has it: given what a script or a hash says, returns numbers, a history, rows; and back to texts.

Not for asking (redis.py), nor for the bytes of events and entries (redis_values.py).
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sessions.codec import decode_session
from sessions.events import Session
from sessions.packing import unpack
from sessions.redis_values import paired, unpack_events, unpack_summary
from sessions.settings import SessionSettings
from sessions.store import History, Snapshot

NEVER: Final = 1e300
"""Of a session that is kept until it is deleted: when it expires, as Redis' Lua can compare it."""

UNKNOWN: Final = ("", "", "", "")
"""What a process knows of a session that it does not know."""


@dataclass(frozen=True, slots=True)
class Marked(Snapshot):
    """`mark` is that of the last commit: a Redis that lost some events may come to the same seq by others."""

    mark: str = ""
    sample: bytes = b""  # that its events are compressed with

    @property
    def known(self) -> tuple[str, str, str, str]:
        return (str(self.incarnation), str(self.revision), str(self.seq), self.mark)


def new_number() -> int:
    """An incarnation: later ones are larger, and none comes twice, also after Redis forgot everything."""
    return time.time_ns() // 1_000 << 10 | secrets.randbits(10)


def fields(row: Sequence[bytes]) -> tuple[int, int, int, float, str]:
    """number, revision, seq, expires, mark"""
    number, revision, seq, expires, _, mark, *_ = row
    return int(number), int(revision), int(seq), end(float(expires)), mark.decode("ascii")


def history_of(tenant: str, session_id: str, expires: float, reply: list[Any]) -> History:
    """From a reply that holds all."""
    _, _, head, rows, entries, packed = reply
    session, branches = decode_session(head, tenant=tenant, id=session_id, expires=expires)
    events = unpack_events(rows, sample_in(packed))
    return History(session, branches, unpack_summary(paired(entries)), tuple(events))


def sample_in(packed: bytes) -> bytes:
    return unpack(packed) if packed else b""


def session_rows(client: Any, listing: str, start: int, limit: int) -> list[Any]:
    """(id, expires, head) of a tenant's sessions, newest first; None thrice for one that is no longer there."""
    names = client.zrevrange(listing, start, start + limit - 1)
    if not names:
        return []
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.hmget(name, ["id", "expires", "head"])
    return list(pipeline.execute())


def lives(session: Session, now: float, settings: SessionSettings) -> tuple[int, int]:
    """Milliseconds that Redis keeps the log, and the session itself; 0, 0: until it is deleted."""
    if session.keep:
        return (0, 0)
    log = session.expires - now + settings.stale_flight_seconds  # a call that began in time may still commit
    return (int(log * 1e3), int(max(log, session.expires - now + settings.tombstone_seconds) * 1e3))


def written(expires: float) -> float:
    return NEVER if math.isinf(expires) else expires


def end(expires: float) -> float:
    """The other way."""
    return math.inf if expires >= NEVER else expires
