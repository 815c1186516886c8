"""Crawl jobs through the door: start, follow, read, search what came in."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.http.conftest import Client

Serve = Callable[..., Client]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """No log."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Three pages on loopback."""
    folder = tmp_path / "site"
    folder.mkdir()
    links = "".join(f"<a href='/{name}.html'>{name}</a> " for name in ("tea", "coffee"))
    for name in ("index", "tea", "coffee"):
        text = f"<p>Everything that is to be known about {name}, written down at some length for a reader.</p>"
        page = f"<html lang='en'><head><title>{name}</title></head><body><main>{text}{links}</main></body></html>"
        (folder / f"{name}.html").write_text(page)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def ended(client: Client, crawl: str) -> dict[str, object]:
    """The job once it is no longer running."""
    for _ in range(600):
        body: dict[str, object] = client("GET", f"/v1/crawls/{crawl}").json()
        if body["state"] != "running":
            return body
        time.sleep(0.1)
    raise AssertionError("the crawl did not end")


def test_a_crawl_job_ends_searchable(tmp_path: Path, site: str, serve: Serve) -> None:
    """202, then progress as events, then the pages are found."""
    client = serve(tmp_path / "data", allow_private=True)
    started = client("POST", "/v1/crawls", {"urls": [site], "max_pages": 10})
    assert started.status_code == 202, started.text
    crawl = started.json()["id"]
    body = ended(client, crawl)
    assert body["state"] == "finished", body
    events = client("GET", f"/v1/crawls/{crawl}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    kinds = [line.removeprefix("event: ") for line in events.text.splitlines() if line.startswith("event: ")]
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
    assert "page" in kinds
    resumed = client("GET", f"/v1/crawls/{crawl}/events", headers={"last-event-id": str(len(kinds) - 2)})
    assert resumed.text.count("event: ") == 1
    time.sleep(1.1)  # a server picks up a new generation within a second
    assert client.search("about coffee")["results"][0]["url"].endswith("/coffee.html")
    assert client("GET", "/v1/crawls").json()["crawls"][0]["id"] == crawl


def test_private_addresses_need_the_server_s_consent(tmp_path: Path, site: str, serve: Serve) -> None:
    """By FORAGE_ALLOW_PRIVATE, never by the request."""
    client = serve(tmp_path / "data")
    refused = client("POST", "/v1/crawls", {"urls": [site], "allow_private": True})
    assert refused.status_code == 422
    crawl = client("POST", "/v1/crawls", {"urls": [site]}).json()["id"]
    body = ended(client, crawl)
    assert body["state"] == "failed"
    assert "loopback" in str(body["progress"])


@pytest.mark.parametrize("urls", [[], ["ftp://example.org/"], ["file:///etc/passwd"]])
def test_only_web_addresses_can_be_crawled(tmp_path: Path, serve: Serve, urls: list[str]) -> None:
    """422 with the path of the URL."""
    client = serve(tmp_path / "data")
    response = client("POST", "/v1/crawls", {"urls": urls})
    assert response.status_code == 422
    assert response.json()["error"]["path"].startswith("$.urls")
