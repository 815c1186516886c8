"""Who answers a request, in Redis: given a claim, says what Redis knows of it, takes it, frees it; one round trip each.

Not for waiting (redis.py), nor for what a claim is (idempotency.py).
"""

from __future__ import annotations

import contextlib

from sessions.errors import LogFormatError, SessionStoreError
from sessions.idempotency import Claim, Conflict, Fresh, Replay, Running
from sessions.redis_keys import request_key
from sessions.redis_link import RedisLink
from sessions.redis_scripts import BEGIN, RELEASE
from sessions.redis_values import unpack_answer
from sessions.settings import SessionSettings


class RedisClaims:
    """Of one Redis."""

    def __init__(self, link: RedisLink, settings: SessionSettings) -> None:
        self._link = link
        self._seconds = settings.claim_seconds
        self._begin = link.script(BEGIN)
        self._release = link.script(RELEASE)

    def take(self, claim: Claim, now: float) -> Fresh | Replay | Conflict | Running:
        """Fresh: it is this claim's now."""
        until = now + self._seconds
        arguments = (now, claim.body, claim.owner, until, int(self._seconds * 1_000))
        word, *more = self._link.run(self._begin, [request_key(claim.tenant, claim.request_id)], arguments)
        if word == b"answered":
            return Replay(replayed(more[0]))
        if word == b"running":
            return Running()
        return Conflict() if word == b"conflict" else Fresh(claim)

    def free(self, claim: Claim) -> None:
        """Never raises."""
        with contextlib.suppress(SessionStoreError):
            self._link.run(self._release, [request_key(claim.tenant, claim.request_id)], [claim.owner])


def replayed(packed: bytes) -> bytes:
    """An answer that the script found to be valid. Raises LogFormatError."""
    answer = unpack_answer(packed, 0.0)
    if answer is None:
        raise LogFormatError("a stored answer without a date", hint="delete the session")
    return answer
