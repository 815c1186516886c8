"""`forage demo`: crawl a real site, index it, and search it in a session through the running server.

The site is the documentation server that every Python has, or --url. Needs no network and no account.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ranking.errors import ForageError
from ranking.shown import cut

MAX_PAGES: Final = 120
"""Enough to search; embedding their passages is most of the demo's time."""
SKIPPED_PAGES: Final = ("antigravity", "this", "idlelib", "turtledemo", "test")
"""Pages that would run something when they are made, or that are hundreds of test modules."""
PRIVATE_MODULES: Final = r"/_\w+(\.\w+)*\.html$"
"""Nobody asks for the insides of the standard library."""
START_TIMEOUT_S: Final = 30.0
QUERIES: Final = (
    "read a file line by line without loading it all into memory",
    "read a text file line by line and decode it with an encoding",
    '"universal newlines" encoding errors when opening text files',
    "compressed file opened in text mode, read lines lazily",
)
"""Each builds on the last, as an agent's do."""
GENERAL_QUERIES: Final = (
    "what is this site about",
    "how do I get started",
    "installation and first steps",
    "known limits",
)


class DemoError(ForageError):
    """The demo cannot go on."""

    code = "demo_failed"


def demo(
    url: Annotated[str | None, typer.Option(help="crawl this site instead of Python's documentation server")] = None,
    data: Annotated[Path, typer.Option(help="folder for the demo's data; emptied by hand only")] = Path(".demo"),
    max_pages: Annotated[int, typer.Option(help="stop after so many pages", min=1)] = MAX_PAGES,
) -> None:
    """Crawl, index, serve and search, in a few minutes."""
    os.environ["FORAGE_DATA"] = str(data.absolute())
    started = time.monotonic()
    if url:
        _crawl([url], max_pages, allow_private=False)
        queries = GENERAL_QUERIES
    else:
        with _python_documentation() as site:
            typer.echo(f"1. crawl Python's own documentation server at {site}")
            _crawl([site], max_pages, allow_private=True)
        queries = QUERIES
    typer.echo(f"\n2. index ({time.monotonic() - started:.0f} s so far)")
    _index()
    typer.echo(f"\n3. serve, and search in one session ({time.monotonic() - started:.0f} s so far)")
    with _server() as server:
        _converse(server, queries)
        typer.echo(f"\ndone in {time.monotonic() - started:.0f} s. Go on by hand:")
    typer.echo(f"  FORAGE_DATA={data} .venv/bin/forage serve")
    typer.echo(
        "  curl -s localhost:8080/v1/search -H 'content-type: application/json' "
        '-d \'{"query": "open a zip file", "explain": true}\''
    )


def _crawl(urls: list[str], max_pages: int, allow_private: bool) -> None:
    from api.lanes import crawl_into
    from api.settings import Settings
    from cli.progress import Reporter

    with Reporter("   crawl") as reporter:

        def emit(row: dict[str, Any]) -> None:
            if "pages" in row:
                reporter.update(row["pages"], None, str(row.get("url") or "")[:80])

        report = crawl_into(
            Settings(),
            "default",
            "default",
            urls,
            max_pages=max_pages,
            depth=None,
            allow_hosts=(),
            allow_private=allow_private,
            exclude=(PRIVATE_MODULES, *(rf"/{re.escape(name)}(\.[\w.]+)?\.html$" for name in SKIPPED_PAGES)),
            emit=emit,
        )
    typer.echo(f"   {report['documents']} documents from {report['pages']} pages")


def _index() -> None:
    from api.lanes import build_index
    from api.settings import Settings
    from cli.progress import Reporter

    with Reporter("   index") as reporter:

        def emit(row: dict[str, Any]) -> None:
            if "done" in row:
                reporter.update(row["done"], row.get("total"), "")

        report = build_index(Settings(), "default", "default", emit=emit)
    typer.echo(f"   generation {report['generation']}: {report['documents']} documents, {report['passages']} passages")


def _converse(server: str, queries: tuple[str, ...]) -> None:
    import httpx

    from cli.show import show_answer

    session = None
    with httpx.Client(base_url=server, timeout=30) as client:
        for number, query in enumerate(queries, start=1):
            typer.echo(f"\n--- call {number}: {query}")
            payload = {"query": query, "session_id": session, "max_results": 5, "content": {"passages": 1}}
            response = client.post("/v1/search", json=payload)
            if response.status_code != 200:
                raise DemoError(f"the server answered {response.status_code}: {cut(response.text, 500)}")
            answer = response.json()
            session = answer["session_id"]
            show_answer(answer)
        log = client.get(f"/v1/sessions/{session}").json()
    shown = [row["document"] for event in log["events"] for row in event.get("shown", ())]
    typer.echo(
        f"\nThe session remembers {len(log['events'])} calls: {len(shown)} results shown, {len(set(shown))} of them "
        "different. What was shown moved down and made room; stubs name what was held back."
    )


@contextmanager
def _python_documentation() -> Iterator[str]:
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-m", "pydoc", "-n", "127.0.0.1", "-p", str(port)],
        stdin=subprocess.PIPE,  # open for as long as we live: pydoc ends at end of input
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process, "Python's documentation server")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdin:
            process.stdin.close()


@contextmanager
def _server() -> Iterator[str]:
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "serve", "--port", str(port)],
        env={**os.environ, "FORAGE_LOG_LEVEL": "warning"},
    )
    try:
        _wait_for(port, process, "forage serve")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], what: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"{what} ended with status {process.returncode} before it answered")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise DemoError(f"{what} did not answer on port {port} within {START_TIMEOUT_S:.0f} s", hint="forage doctor")
