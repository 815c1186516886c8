"""One request, one answer: given an address to fetch, returns what the server said, within bounds.

The only file that knows httpx. It follows no redirect, retries nothing and waits for nobody: the loop, the
frontier and the lanes do. It goes to httpx's transport itself (no cookies, no proxies from the environment,
no authentication), which also halves the cost of a request.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

import httpcore
import httpx

from crawler.decode import decode, decode_start
from crawler.dial import GuardedBackend
from crawler.errors import FetchError
from crawler.guard import Guard
from crawler.settings import CrawlSettings

ACCEPT: Final = "text/html,application/xhtml+xml,text/markdown,text/plain;q=0.9,application/pdf;q=0.8,*/*;q=0.5"
ACCEPT_ENCODING: Final = "gzip, deflate, br, zstd"
RETRYABLE: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524})
_READABLE: Final = ("text/", "application/xhtml", "application/xml", "application/pdf", "application/markdown")
_PACKED: Final = ("application/gzip", "application/x-gzip", "application/octet-stream")
_UNREADABLE: Final = ("text/css", "text/javascript", "text/csv", "text/calendar", "text/vcard")
_SMALL_BYTES: Final = 16_384  # so little is decoded in less time than it takes to hand it to a thread
_KEEPALIVE_S: Final = 15.0  # most servers close an idle connection after 5 to 75 s


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. `raw` is the body as sent, `body` without its encodings; `seconds` until the headers came.

    `headers` keep their order and case; `at` is epoch seconds. `private`: the host is not on the public internet.
    `cut`: the body was longer than asked for and ends at the limit. `unread`: a type that holds no text.
    """

    address: str
    status: int
    headers: tuple[tuple[str, str], ...]
    raw: bytes
    body: bytes
    at: float
    seconds: float
    private: bool = False
    http_version: str = "HTTP/1.1"
    phrase: str = ""
    request_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    peer: str = ""
    cut: bool = False
    unread: bool = False

    def header(self, name: str) -> str | None:
        """The first header of that name (lower case), or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def content_type(self) -> str:
        """Media type, lower case, without parameters; "" when the server named none."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()


class Fetcher:
    """Sends requests over kept connections. An async context manager; safe for many tasks at once."""

    def __init__(self, settings: CrawlSettings, guard: Guard, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._guard = guard
        self._transport = _GuardedTransport(settings, guard, tls or httpx.create_ssl_context(trust_env=False))
        self._timeouts = {
            "connect": settings.connect_timeout_s,
            "read": settings.read_timeout_s,
            "write": settings.read_timeout_s,
            "pool": settings.total_timeout_s,
        }
        self.requests = 0

    async def __aenter__(self) -> Fetcher:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def fetch(
        self,
        address: str,
        *,
        etag: str | None = None,
        modified: str | None = None,
        cut_at: int | None = None,
        decoded_limit: int | None = None,
        any_type: bool = False,
    ) -> Fetched:
        """GET `address`; `etag` and `modified` make it conditional (a 304 has no body).

        `cut_at`: read no more than so many bytes of the body, as sent and as decoded, and be content with them
        (robots.txt). The body of an error, and of a type that holds no readable text unless `any_type`, is not read
        at all.
        Raises FetchError, AddressError.
        """
        headers = [("User-Agent", self._settings.user_agent), ("Accept", ACCEPT), ("Accept-Encoding", ACCEPT_ENCODING)]
        if etag:
            headers.append(("If-None-Match", etag))
        if modified:
            headers.append(("If-Modified-Since", modified))
        self.requests += 1
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._settings.total_timeout_s):
                return await self._exchange(address, headers, started, cut_at, decoded_limit, any_type)
        except TimeoutError as error:
            raise self._failure(f"not done after {self._settings.total_timeout_s:g} s", "timeout", started) from error
        except httpx.TimeoutException as error:
            raise self._failure(f"timed out: {error or type(error).__name__}", "timeout", started) from error
        except httpx.ConnectError as error:
            raise self._failure(f"no connection: {error}", "connect", started) from error
        except (httpx.TransportError, httpx.StreamError, ssl.SSLError, OSError) as error:
            raise self._failure(f"broken answer: {error or type(error).__name__}", "protocol", started) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise FetchError(f"not an address: {error}", kind="protocol", retryable=False) from error

    @staticmethod
    def _failure(message: str, kind: str, started: float) -> FetchError:
        return FetchError(message, kind=kind, retryable=True, seconds=time.perf_counter() - started)  # type: ignore[arg-type]

    async def _exchange(
        self,
        address: str,
        headers: list[tuple[str, str]],
        started: float,
        cut_at: int | None,
        decoded_limit: int | None,
        any_type: bool,
    ) -> Fetched:
        request = httpx.Request("GET", address, headers=headers, extensions={"timeout": self._timeouts})
        response = await self._transport.handle_async_request(request)
        try:
            seconds = time.perf_counter() - started
            sent = tuple((key.decode("latin-1"), value.decode("latin-1")) for key, value in response.headers.raw)
            names = {key.lower(): value for key, value in reversed(sent)}
            readable = any_type or _readable(names.get("content-type", ""), address)
            wanted = 200 <= response.status_code < 300 and readable
            raw, cut = b"", False
            if wanted:
                raw, cut = await self._read(response, names.get("content-length", ""), cut_at)
            else:
                # A body left unread costs the connection; a short one (a 304's: none) is cheaper to read than to dial.
                await _drain(response)
        finally:
            await response.aclose()
        body, encoding = raw, names.get("content-encoding", "")
        if raw and encoding:
            limit = decoded_limit or self._settings.max_decoded_bytes
            if len(raw) <= _SMALL_BYTES:
                body, cut = _decoded(raw, encoding, limit, cut_at, cut)
            else:
                body, cut = await asyncio.to_thread(_decoded, raw, encoding, limit, cut_at, cut)
        stream = response.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream is not None else None
        return Fetched(
            address=address,
            status=response.status_code,
            headers=sent,
            raw=raw,
            body=body,
            at=time.time(),
            seconds=seconds,
            private=self._guard.is_private(request.url.host),
            http_version=response.extensions.get("http_version", b"HTTP/1.1").decode("ascii", "replace"),
            phrase=response.extensions.get("reason_phrase", b"").decode("latin-1"),
            request_headers=tuple(headers),
            peer=str(peer[0]) if peer else "",
            cut=cut,
            unread=not readable,
        )

    async def _read(self, response: httpx.Response, declared: str, cut_at: int | None) -> tuple[bytes, bool]:
        limit = self._settings.max_body_bytes if cut_at is None else cut_at
        if cut_at is None and declared.isdecimal() and int(declared) > limit:
            raise FetchError(f"{declared} bytes, more than {limit}", kind="too_large", retryable=False)
        parts: list[bytes] = []
        total = 0
        async for part in response.stream:  # type: ignore[union-attr]
            parts.append(part)
            total += len(part)
            if total > limit:
                if cut_at is None:
                    raise FetchError(f"more than {limit} bytes", kind="too_large", retryable=False)
                return b"".join(parts)[:limit], True
        return b"".join(parts), False


def _decoded(raw: bytes, encoding: str, limit: int, cut_at: int | None, cut: bool) -> tuple[bytes, bool]:
    """The body without its encodings, and whether it is but the start. Beyond `limit` it is refused, beyond `cut_at`
    cut. Raises FetchError."""
    if cut_at is None:
        return decode(raw, encoding, limit), cut
    return decode_start(raw, encoding, cut_at, cut=cut)


async def _drain(response: httpx.Response, limit: int = 65_536) -> None:
    """Reads a body nobody wants if it is short, so that the connection can be used again."""
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        return
    total = 0
    async for part in response.stream:  # type: ignore[union-attr]
        total += len(part)
        if total > limit:
            return


def _readable(content_type: str, address: str) -> bool:
    """Whether a body of this type may hold text; an unnamed or generic type is given the benefit of its ending."""
    media = content_type.partition(";")[0].strip().lower()
    if not media:
        return True
    path = address.partition("?")[0].lower()
    if media in _PACKED and path.endswith(".xml.gz"):
        return True
    if media == "application/octet-stream":
        return path.endswith((".md", ".txt", ".rst", ".html", ".htm", ".pdf", ".markdown"))
    return (media.startswith(_READABLE) and not media.startswith(_UNREADABLE)) or media.endswith("+xml")


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a pool that dials through the guard (httpx has no setting for the network below)."""

    def __init__(self, settings: CrawlSettings, guard: Guard, tls: ssl.SSLContext) -> None:
        connections = settings.hosts * max(settings.private_host_concurrency, settings.host_concurrency) + 8
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_KEEPALIVE_S,
            http1=True,
            http2=True,
            network_backend=GuardedBackend(guard),
        )
