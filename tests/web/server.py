"""A web site on a real socket, as well- or ill-behaved as a test wants: given routes, serves them and keeps a log.

HTTP/1.1 by hand on asyncio in a thread of its own, because half of the answers here are ones that no decent
server would give: lengths that lie, bodies that never end, bytes that trickle, connections that fall silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import hashlib
import ssl
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType


@dataclass(frozen=True)
class Request:
    """What a client asked. `headers` are lower case; `at` is on the monotonic clock."""

    path: str
    query: str
    headers: Mapping[str, str]
    at: float

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def host(self) -> str:
        return self.headers.get("host", "")


@dataclass(frozen=True)
class Answer:
    """What the server says. `stream` replaces the body and is sent without a length until it ends.

    `length` declares another length than the body's; `hang`: nothing is said at all; `cut`: the connection closes
    after so many bytes of the body.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/html; charset=utf-8"
    stream: Callable[[], AsyncIterator[bytes]] | None = None
    length: int | None = None
    cut: int | None = None
    hang: bool = False
    delay: float = 0.0


Handler = Callable[[Request], "Answer | None"]
Route = Answer | str | Handler


def page(title: str, *links: str, text: str = "", head: str = "") -> str:
    """An HTML page with enough text of its own to be a document."""
    listed = "".join(f'<li><a href="{link}">to {link}</a></li>' for link in links)
    words = text or f"This page is about {title} and nothing but {title}; it says so in a sentence of its own."
    return (
        f"<!doctype html><html lang=en><head><title>{title}</title>{head}</head>"
        f"<body><main><h1>{title}</h1><p>{words}</p><ul>{listed}</ul></main></body></html>"
    )


def redirect(to: str, status: int = 301) -> Answer:
    return Answer(status=status, headers={"Location": to})


class Site:
    """A running server. `routes` may be changed while it runs; what they do not hold goes to `fallback`, then 404.

    A route under "host/path" is for that Host header alone. Strings become HTML pages with an ETag and answer
    conditional requests with 304.
    """

    def __init__(
        self,
        routes: Mapping[str, Route] | None = None,
        *,
        fallback: Handler | None = None,
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.routes: dict[str, Route] = dict(routes or {})
        self.fallback = fallback
        self.log: list[Request] = []
        self.port = 0
        self._address = address
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()
        self._stop: asyncio.Event

    def __enter__(self) -> Site:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://{self._address}:{self.port}"

    def hits(self, *, pages: bool = True) -> Counter[str]:
        """How often each target was asked for, robots.txt and sitemap.xml left out unless not `pages`."""
        counted = Counter(request.target for request in list(self.log))
        if pages:
            del counted["/robots.txt"], counted["/sitemap.xml"]
        return counted

    # ------------------------------------------------------------ the server

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connection, self._address, 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        target = first.split(" ")[1]
        pairs = (line.partition(":") for line in rest if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        path, _, query = target.partition("?")
        request = Request(path, query, headers, time.monotonic())
        self.log.append(request)
        answer = self._answer(request)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.hang:
            await self._stop.wait()
        return await self._send(answer, writer)

    def _answer(self, request: Request) -> Answer:
        route = self.routes.get(f"{request.host}{request.target}") or self.routes.get(request.target)
        route = route or self.routes.get(f"{request.host}{request.path}") or self.routes.get(request.path)
        if callable(route) and not isinstance(route, Answer):
            route = route(request)
        if route is None and self.fallback is not None:
            route = self.fallback(request)
        if isinstance(route, str):
            return conditional(request, route.encode())
        return route or Answer(b"<h1>Not found</h1>", 404)

    async def _send(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        headers = {"Content-Type": answer.content_type, **answer.headers}
        if answer.status == 304:
            headers.pop("Content-Type")
        elif answer.stream is None:
            headers["Content-Length"] = str(len(answer.body) if answer.length is None else answer.length)
        else:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode("latin-1"))
        if answer.stream is not None:
            async for part in answer.stream():
                writer.write(part)
                await writer.drain()
            return False
        writer.write(answer.body if answer.cut is None else answer.body[: answer.cut])
        await writer.drain()
        return answer.cut is None and answer.length is None


def conditional(request: Request, body: bytes, content_type: str = "text/html; charset=utf-8") -> Answer:
    """The body with its ETag, or 304 to one who has it."""
    etag = f'"{hashlib.sha1(body).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == etag:
        return Answer(status=304, headers={"ETag": etag})
    return Answer(body, headers={"ETag": etag}, content_type=content_type)


def folder(root: Path, prefix: str = "/") -> Handler:
    """A route (as `fallback`) that serves the files below `root`, with Last-Modified, as nginx would."""
    types = {".html": "text/html", ".txt": "text/plain", ".pdf": "application/pdf", ".md": "text/markdown"}

    def serve(request: Request) -> Answer | None:
        if not request.path.startswith(prefix):
            return None
        path = root / request.path.removeprefix(prefix)
        if path.is_dir():
            if not request.path.endswith("/"):
                return redirect(request.path + "/")
            path = path / "index.html"
        if not path.is_file() or root not in path.resolve().parents:
            return None
        stamp = email.utils.formatdate(path.stat().st_mtime, usegmt=True)
        if request.headers.get("if-modified-since") == stamp:
            return Answer(status=304)
        kind = types.get(path.suffix, "application/octet-stream")
        return Answer(path.read_bytes(), headers={"Last-Modified": stamp}, content_type=kind)

    return serve


def sitemap(urls: Iterable[str]) -> Answer:
    listed = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    body = f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>'
    return Answer(body.encode(), content_type="application/xml")
