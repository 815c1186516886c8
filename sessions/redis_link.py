"""The way to one Redis: given a URL, runs scripts there; everything that goes wrong leaves as SessionStoreError.

A Redis that does not answer costs one call its time limit; then nothing is asked of it for `redis_pause_seconds`, and
each call fails at once. After that one call asks whether it is back, while the others go on failing. Never retries by
itself: whether a call may be made twice is for the store to know. Not for what is stored (redis.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from sessions.errors import SessionStoreError
from sessions.redis_url import WANTED, place, trouble
from sessions.settings import SessionSettings

Value = str | bytes | int | float

_GONE: Final = (redis.ConnectionError, redis.TimeoutError, OSError)


class RedisLink:
    """Thread-safe; connections are made when they are first needed, and anew in a forked process."""

    def __init__(self, url: str, settings: SessionSettings) -> None:
        """Raises SessionStoreError for a URL that cannot be one. Connects to nothing yet."""
        wrong = trouble(url)
        if wrong:
            raise SessionStoreError(f"the URL of Redis: {wrong}", path="redis_url", hint=WANTED)
        self.place = place(url)
        self.read_seconds = settings.redis_read_seconds
        self._pause = settings.redis_pause_seconds
        self._client = self._connect(url, settings.redis_read_seconds, settings.redis_connect_seconds)
        self._probe = self._connect(url, settings.redis_connect_seconds, settings.redis_connect_seconds)
        self._lock = threading.Lock()
        self._refusal: SessionStoreError | None = None
        self._resting_until = 0.0
        self._ahead: float | None = None
        self._closed = False

    @staticmethod
    def _connect(url: str, read_seconds: float, connect_seconds: float) -> redis.Redis:
        try:
            return redis.Redis.from_url(
                url,
                socket_timeout=read_seconds,
                socket_connect_timeout=connect_seconds,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        except (ValueError, redis.RedisError) as error:
            raise SessionStoreError(f"the URL of Redis: {error}", path="redis_url", hint=WANTED) from error

    def script(self, source: str) -> Script:
        """For `run`; Redis knows it by its hash, and is sent it when it does not."""
        return self._client.register_script(source)

    def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Value]) -> list[Any]:
        """One round trip. Raises SessionStoreError."""
        reply: list[Any] = self.ask(lambda client: script(keys, arguments, client=client))
        return reply

    def ask(self, question: Callable[[redis.Redis], Any]) -> Any:
        """Whatever the client can do. Raises SessionStoreError."""
        self._admit()
        try:
            return question(self._client)
        except _GONE as error:
            raise self._lost(error) from error
        except redis.RedisError as error:
            raise SessionStoreError(
                f"Redis at {self.place} refuses: {error}", hint="look at its log, memory and permissions"
            ) from error

    def deadline(self) -> int:
        """Microseconds of Redis' own clock until which a call that begins now is waited for."""
        ahead = self._ahead
        if ahead is None:
            ahead = self.ask(_time_of) - time.monotonic()  # at most so much: the reply took some time, too
            self._ahead = ahead
        return int((time.monotonic() + ahead + self.read_seconds) * 1e6)

    def forget_time(self) -> None:
        """One of the clocks was set: measure again."""
        self._ahead = None

    def close(self) -> None:
        """Idempotent."""
        self._closed = True
        self._client.close()
        self._probe.close()

    def _admit(self) -> None:
        """Raises while Redis is known not to answer; one call in a while finds out whether it does again."""
        if self._closed:
            raise SessionStoreError("the session store is closed", hint="open a new one")
        if self._refusal is None:
            return
        with self._lock:
            refusal = self._refusal
            if refusal is None:
                return
            if time.monotonic() < self._resting_until:
                raise SessionStoreError(refusal.message, hint=refusal.hint)
            self._resting_until = time.monotonic() + self._pause
        try:
            self._probe.ping()
        except (redis.RedisError, OSError) as error:
            raise self._lost(error) from error
        self._refusal = None

    def _lost(self, error: Exception) -> SessionStoreError:
        refusal = SessionStoreError(
            f"Redis at {self.place} does not answer: {error or type(error).__name__}",
            hint="start it, or look at FORAGE_REDIS_URL; it is tried again by itself",
        )
        with self._lock:
            self._ahead = None
            self._refusal = refusal
            self._resting_until = time.monotonic() + self._pause
        for client in (self._client, self._probe):
            client.connection_pool.disconnect(inuse_connections=False)
        return refusal


def _time_of(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6
