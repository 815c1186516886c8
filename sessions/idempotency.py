"""One request, one answer: given a request's id and body, says whether to answer it, replay it, refuse it, or wait.

Keyed by (tenant, request id), never by session, so that a retried first call finds the id it was given. Within
one process a second call waits for the first on an event; between processes a claim with a short lease is kept
in the store. A lease may be wrong (a slow worker is taken for a dead one): then two workers answer, and the
first commit wins; the other sends the bytes that the first stored. So nothing here is needed for correctness.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from sessions.errors import RequestConflict
from sessions.names import new_owner
from sessions.settings import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, SessionSettings


@dataclass(frozen=True, slots=True)
class Claim:
    """The right, and the duty, to answer one request: end it with `commit(claim=...)` or `abandon`."""

    tenant: str
    request_id: str
    body: str
    owner: str = field(default_factory=new_owner)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Nobody has answered this: you do."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Replay:
    """It was answered with these bytes. Send them with the header `Forage-Replayed: true`."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Conflict:
    """This id was used with another body: 409."""


@dataclass(frozen=True, slots=True)
class Running:
    """Still being answered after the wait: say so, and that a retry may find the answer."""


Outcome = Fresh | Replay | Conflict | Running


def poll(ask: Callable[[], Outcome], deadline: float) -> Outcome:
    """What `ask` says, once it is not Running: for the one thread of a process that may answer, while another process
    does. `deadline` as in Flights.begin."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        outcome = ask()
        left = deadline - time.monotonic()
        if not isinstance(outcome, Running) or left <= 0:
            return outcome
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def other_body(claim: Claim) -> RequestConflict:
    """What a commit raises when its request id was used with another body."""
    return RequestConflict(f"request id {claim.request_id!r} was used with another body", path="request_id")


def body_hash(payload: Any) -> str:
    """128 bits of SHA-256 over canonical JSON: sorted keys, no spaces. Any JSON value, lone surrogates and
    integers of any size included."""
    try:
        text = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    return hashlib.sha256(text).hexdigest()[:32]


class _Flight:
    """A request that this process is answering."""

    __slots__ = ("answer", "claim", "done", "since")

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.done = threading.Event()
        self.answer: bytes | None = None
        self.since = time.monotonic()


class Flights:
    """The requests that this process is answering now."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], _Flight] = {}

    def begin(
        self, tenant: str, request_id: str, body: str, wait: float, look: Callable[[Claim, float], Outcome]
    ) -> Outcome:
        """`look(claim, deadline)` asks the store, for the one caller that may; the others wait for its outcome.
        `deadline` is in seconds of `time.monotonic`."""
        deadline = time.monotonic() + wait
        mine = Claim(tenant, request_id, body)
        while True:
            flight = self._enter(mine)
            if flight.claim is mine:
                return self._lead(mine, look, deadline)
            if flight.claim.body != body:
                return Conflict()
            if not flight.done.wait(max(0.0, deadline - time.monotonic())):
                return Running()
            if flight.answer is not None:
                return Replay(flight.answer)

    def leave(self, claim: Claim, answer: bytes | None = None) -> None:
        """The request was answered, or given up (None): whoever waits goes on. Idempotent."""
        key = (claim.tenant, claim.request_id)
        with self._lock:
            flight = self._open.get(key)
            if flight is None or flight.claim is not claim:
                return
            del self._open[key]
        flight.answer = answer
        flight.done.set()

    def _enter(self, claim: Claim) -> _Flight:
        with self._lock:
            key = (claim.tenant, claim.request_id)
            flight = self._open.get(key)
            if flight is None or time.monotonic() - flight.since > self._settings.stale_flight_seconds:
                flight = self._open[key] = _Flight(claim)
            return flight

    def _lead(self, claim: Claim, look: Callable[[Claim, float], Outcome], deadline: float) -> Outcome:
        try:
            outcome = look(claim, deadline)
        except BaseException:
            self.leave(claim)
            raise
        if not isinstance(outcome, Fresh):
            self.leave(claim, outcome.answer if isinstance(outcome, Replay) else None)
        return outcome
