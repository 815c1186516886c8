"""JSON over HTTP for a run with a real agent: given an address and a body, returns what a reader makes of the answer.

The one file of eval that speaks HTTP. Everything is bounded: bytes of an answer, tries, waits. What may pass is tried
again with growing waits or as Retry-After says: no connection, an answer cut off or unreadable, 408, 425, 429, 5xx. A
key goes into the header of requests and nowhere else: it is in no message, and struck out of whatever comes back. A
redirect is not followed, for it would take the key elsewhere. Not for what is said (chat.py, backends.py).
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import orjson

from eval.errors import EndpointError
from eval.live.loose_json import read_json

TRIES: Final = 5
"""Of one request: with the waits below some fifteen seconds of trouble are sat out."""
FIRST_WAIT_S: Final = 1.0
"""After the first failure; twice as long after each other one."""
MAX_WAIT_S: Final = 60.0
"""Whoever asks for a longer wait with Retry-After means: another day."""
CONNECT_S: Final = 10.0
ANSWER_S: Final = 120.0
"""A long answer of a slow model."""
MAX_BYTES: Final = 4_000_000
"""Of an answer: no reply of a model and no page of results is longer."""
QUOTED: Final = 300
"""Characters of a refusal that a message quotes."""
PASSING: Final = frozenset({408, 425, 429})
"""Refusals that may pass, beside 5xx."""
STRUCK: Final = "[key]"
SHORTEST_SECRET: Final = 8
"""Characters: `none` and `EMPTY`, which local servers are given, are words and no secrets."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Address:
    """Where and with which key. `variable`: the name of the environment variable that holds the key."""

    base: str
    key: str = field(repr=False)
    variable: str

    @property
    def public(self) -> str:
        """Without what may be secret: scheme, host, port and path."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"


def address(url: str, variable: str, *, needs_key: bool) -> Address:
    """EndpointError for what is no address of HTTP, or when a key is needed and the variable is empty. A server on
    loopback needs none: it is the user's own."""
    parts = urlsplit(url.strip())
    try:
        wrong = (
            parts.scheme not in ("http", "https") or not parts.hostname or (parts.port is not None and not parts.port)
        )
    except ValueError:
        wrong = True
    if wrong:
        raise EndpointError("that is no address of an HTTP server", hint="for example http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise EndpointError(
            "the address holds a user or a password", hint=f"leave them out, and put the key into ${variable}"
        )
    key = os.environ.get(variable, "").strip()
    if needs_key and not key and not is_loopback(parts.hostname or ""):
        raise EndpointError(
            f"{parts.hostname} needs a key, and the variable {variable} is empty",
            hint=f"export {variable}=..., or name another variable; nothing was run",
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise EndpointError(
            f"what the variable {variable} holds is no key", hint="a key is printable ASCII without spaces"
        )
    return Address(url.strip().rstrip("/"), key, variable)


def is_loopback(host: str) -> bool:
    """By name or number; nothing is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Refusal(Exception):
    """An answer that will not pass by itself. `body`: as JSON, or None; `told`: in one short line."""

    def __init__(self, status: int, body: Any, told: str) -> None:
        super().__init__(told)
        self.status, self.body, self.told = status, body, told


class Wire:
    """A client of one address; of any number of threads. close() when done. `pause` waits so many seconds."""

    def __init__(
        self,
        where: Address,
        *,
        answer_s: float = ANSWER_S,
        tries: int = TRIES,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.where = where
        self._tries = tries
        self._pause = pause
        headers = {"authorization": f"Bearer {where.key}"} if where.key else {}
        own = is_loopback(urlsplit(where.base).hostname or "")
        timeout = httpx.Timeout(answer_s, connect=CONNECT_S)
        # A proxy of the environment cannot reach this machine's own loopback.
        self._http = httpx.Client(headers=headers, timeout=timeout, trust_env=not own, follow_redirects=False)

    def ask(self, method: str, path: str, body: Any, reads: Callable[[Any], T]) -> T:
        """What `reads` makes of the answer's JSON. ValueError of `reads` is an answer that was cut off or mixed up:
        tried again. Refusal for an answer that will not pass, EndpointError when every try failed."""
        wait, trouble = FIRST_WAIT_S, ""
        for number in range(1, self._tries + 1):
            asked = None
            try:
                status, headers, raw = self._once(method, path, body)
                if status < 300:
                    return reads(read_json(raw) if raw else None)
                trouble = f"{status} {_told(raw)}".strip()
                if status < 500 and status not in PASSING:
                    raise Refusal(status, _json_or_none(raw), trouble)
                asked = _retry_after(headers)
            except httpx.HTTPError as error:
                trouble = self._clean(str(error) or type(error).__name__)
            except ValueError as error:
                trouble = f"an answer that cannot be read ({error})"
            if asked is not None and asked > MAX_WAIT_S:
                raise EndpointError(
                    f"{self.where.public} asks to wait {asked:.0f} seconds: {trouble}",
                    hint="run the same command again later: what is done is kept",
                )
            if number < self._tries:
                self._pause(wait if asked is None else asked)
                wait = min(2 * wait, MAX_WAIT_S)
        raise EndpointError(
            f"{self.where.public} failed {self._tries} times, the last time with {trouble}",
            hint="run the same command again when it works: what is done is kept",
        )

    def _once(self, method: str, path: str, body: Any) -> tuple[int, httpx.Headers, str]:
        content = None if body is None else orjson.dumps(body)
        kind = {} if body is None else {"content-type": "application/json"}
        with self._http.stream(method, f"{self.where.base}{path}", content=content, headers=kind) as response:
            raw = bytearray()
            for some in response.iter_bytes():
                raw += some
                if len(raw) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES:,} bytes")
            return response.status_code, response.headers, self._clean(raw.decode("utf-8", "replace"))

    def _clean(self, text: str) -> str:
        """Without the key: some servers repeat it in a refusal."""
        key = self.where.key
        return text.replace(key, STRUCK) if len(key) >= SHORTEST_SECRET else text

    def close(self) -> None:
        self._http.close()


def _json_or_none(raw: str) -> Any:
    try:
        return read_json(raw)
    except ValueError:
        return None


def _told(raw: str) -> str:
    """What a refusal says, in one short line: the message of its error object, or its text."""
    body = _json_or_none(raw)
    error = body.get("error", body) if isinstance(body, dict) else body
    said = error.get("message") if isinstance(error, dict) else error
    return " ".join((said if isinstance(said, str) else raw).split())[:QUOTED]


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds, given as a number or a date; None for anything else."""
    given = headers.get("retry-after", "").strip()
    if given.isdecimal():
        return float(given)
    try:
        until = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp())
