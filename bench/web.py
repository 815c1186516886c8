"""Serves the documentation web on loopback: given a Web, all its hosts answer on one port by Host header.

    python -m bench.web DATA CACHE [--core] [--port 8099] [--python]

nginx sends the pages when it is installed; what is not a file (redirects, aliases, 404) it hands to a small Python
server, which does everything by itself when there is no nginx. Every page has Last-Modified and ETag; every host has
robots.txt and sitemap.xml. `Served.connect_to` is what CrawlSettings takes. Loopback only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.sites import Web, core_sites, http_date, packages

START_S: Final = 10.0
TYPES: Final = {
    "text/html": "html htm",
    "text/css": "css",
    "text/xml": "xml rss",
    "text/markdown": "md",
    "application/javascript": "js",
    "application/json": "json",
    "application/pdf": "pdf",
    "application/gzip": "gz tgz",
    "application/zip": "zip",
    "image/png": "png",
    "image/gif": "gif",
    "image/jpeg": "jpg jpeg",
    "image/svg+xml": "svg",
    "image/x-icon": "ico",
    "font/woff2": "woff2",
    "font/woff": "woff",
}
PLAIN: Final = "text/plain"
_BY_SUFFIX: Final = {f".{suffix}": kind for kind, suffixes in TYPES.items() for suffix in suffixes.split()}


@dataclass(frozen=True)
class Served:
    """A web that answers now."""

    web: Web
    address: str  # ip:port
    server: str  # nginx | python
    log: Path

    @property
    def connect_to(self) -> dict[str, str]:
        """Every host of the web -> the address that serves it."""
        return dict.fromkeys(self.web.hosts, self.address)

    def requests(self) -> list[tuple[int, str]]:
        """(status, URL) of every request so far, in the order of their ends."""
        rows = (line.split(" ", 2) for line in self.log.read_text("utf-8").splitlines())
        return [(int(status), f"http://{host}{path}") for status, host, path in rows]


@contextmanager
def serve(web: Web, *, port: int = 0, nginx: bool | None = None) -> Iterator[Served]:
    """Serve until the block ends. `port` 0: any free one. `nginx`: None for "if it is installed".

    Raises RuntimeError when nginx is wanted and missing, or does not start.
    """
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx and not binary:
        raise RuntimeError("nginx is not installed: apt-get install nginx-light")
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forage-web-")))
        work.chmod(0o755)  # nginx's workers may be another user
        log = work / "requests.log"
        log.touch()
        if not binary or nginx is False:
            address = stack.enter_context(_python_server(web, port, log))
            yield Served(web, address, "python", log)
            return
        behind = stack.enter_context(_python_server(web, 0, None))
        port = port or _free_port()
        configuration = _configure(web, work, port, behind, log)
        process = subprocess.Popen([binary, "-p", str(work), "-c", str(configuration)], stderr=subprocess.PIPE)
        try:
            _wait(port, process)
            yield Served(web, f"127.0.0.1:{port}", "nginx", log)
        finally:
            process.terminate()
            process.communicate(timeout=START_S)


# ---------------------------------------------------------------- nginx


def _configure(web: Web, work: Path, port: int, behind: str, log: Path) -> Path:
    """Writes the tree of hosts (links into the cache), robots.txt, sitemaps and nginx.conf."""
    for host, sites in web.by_host.items():
        made = work / "made" / host
        made.mkdir(parents=True)
        (made / "robots.txt").write_text(web.robots(host), "utf-8")
        (made / "sitemap.xml").write_text(web.sitemap(host), "utf-8")
        for site in sites:
            place = work / "www" / (host + site.prefix.rstrip("/"))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(site.folder.resolve())
    types = "\n".join(f"    {kind} {suffixes};" for kind, suffixes in TYPES.items())
    places = "\n".join(
        f"  {name}_temp_path {work}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    target = work / "nginx.conf"
    target.write_text(
        f"""{user}
worker_processes 1;
daemon off;
pid {work}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
{places}
  types {{
{types}
  }}
  default_type {PLAIN};
  sendfile on;
  keepalive_requests 1000000;
  log_format short '$status $host $request_uri';
  access_log {log} short;
  server {{
    listen 127.0.0.1:{port};
    root {work}/www/$host;
    location = /robots.txt {{ root {work}/made/$host; try_files $uri @other; }}
    location = /sitemap.xml {{ root {work}/made/$host; try_files $uri @other; }}
    location / {{ try_files $uri @other; }}
    location ~ /$ {{ try_files ${{uri}}index.html @other; }}
    location @other {{ proxy_pass http://{behind}; proxy_http_version 1.1; proxy_set_header Host $host; }}
  }}
}}
""",
        "utf-8",
    )
    return target


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"nginx ended at once: {process.communicate()[1].decode()[-500:]}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    process.terminate()
    raise RuntimeError(f"nginx did not listen on port {port} within {START_S:.0f} s")


# ---------------------------------------------------------------- Python


class _Handler(BaseHTTPRequestHandler):
    """Answers for every host of a Web."""

    protocol_version = "HTTP/1.1"
    server_version = "forage-web"
    disable_nagle_algorithm = True

    def __init__(self, web: Web, log: Path | None, *arguments: Any) -> None:
        self.web, self.log = web, log
        super().__init__(*arguments)

    def do_GET(self) -> None:
        host = (self.headers.get("Host") or "").rpartition(":")[0] or self.headers.get("Host") or ""
        host, path = host.lower(), unquote(urlsplit(self.path).path)
        if path == "/robots.txt" and host in self.web.by_host:
            return self._send(200, self.web.robots(host).encode(), PLAIN)
        if path == "/sitemap.xml" and host in self.web.by_host:
            return self._send(200, self.web.sitemap(host).encode(), "text/xml")
        found = self.web.answer(host, path) if path.startswith("/") else None
        if found is None:
            return self._send(404, b"<html><title>404 Not Found</title><h1>Not Found</h1></html>", "text/html")
        if isinstance(found, str):
            return self._send(301, b"<html><title>301 Moved</title></html>", "text/html", Location=found)
        state = found.stat()
        tag, date = f'"{int(state.st_mtime):x}-{state.st_size:x}"', http_date(state.st_mtime)
        asked = self.headers.get("If-None-Match")
        if asked == tag or (asked is None and self.headers.get("If-Modified-Since") == date):
            return self._send(304, b"", "", ETag=tag)
        kind = _BY_SUFFIX.get(found.suffix.lower(), PLAIN)
        return self._send(200, found.read_bytes(), kind, **{"Last-Modified": date, "ETag": tag})

    do_HEAD = do_GET

    def _send(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.log is not None:
            host = (self.headers.get("Host") or "").partition(":")[0]
            with self.log.open("a", encoding="utf-8") as file:
                file.write(f"{int(code)} {host} {self.path}\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: a client that hangs up is no news."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Quiet, as above."""


@contextmanager
def _python_server(web: Web, port: int, log: Path | None) -> Iterator[str]:
    server = _Server(("127.0.0.1", port), partial(_Handler, web, log))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the documentation web on loopback.")
    parser.add_argument("data", type=Path, help="folder with web-sites-dev.json")
    parser.add_argument("cache", type=Path, help="folder for what is downloaded and unpacked")
    parser.add_argument("--core", action="store_true", help="the 4,231 pages of the data folder, without apt")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--python", action="store_true", help="without nginx")
    options = parser.parse_args()
    web = (core_sites if options.core else packages)(options.data, options.cache)
    with serve(web, port=options.port, nginx=False if options.python else None) as served:
        print(f"{len(served.web.hosts)} hosts on {served.address} ({served.server}); seeds:")
        print("\n".join(web.seeds()), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
