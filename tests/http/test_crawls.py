"""Crawl jobs through the door: start, follow, read, search what came in."""

from __future__ import annotations

import errno
import http.server
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.http.conftest import Client

Serve = Callable[..., Client]
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


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
    first = orjson.loads(next(line for line in events.text.splitlines() if line.startswith("data: "))[6:])
    assert RFC_3339.fullmatch(first["at"])
    assert RFC_3339.fullmatch(str(body["created_at"]))


def test_private_addresses_need_the_server_s_consent(tmp_path: Path, site: str, serve: Serve) -> None:
    """By FORAGE_ALLOW_PRIVATE, never by the request."""
    client = serve(tmp_path / "data")
    refused = client("POST", "/v1/crawls", {"urls": [site], "allow_private": True})
    assert refused.status_code == 422
    crawl = client("POST", "/v1/crawls", {"urls": [site]}).json()["id"]
    body = ended(client, crawl)
    assert body["state"] == "failed"
    assert "loopback" in str(body["progress"])
    assert "FORAGE_ALLOW_PRIVATE" in str(body["progress"])
    assert "--allow-private" not in client("GET", f"/v1/crawls/{crawl}/events").text


def test_no_collection_holds_the_jobs(tmp_path: Path, site: str, serve: Serve) -> None:
    """A collection called crawls is one like any other: with it go no jobs, of no tenant."""
    client = serve(tmp_path / "data", api_keys="a:key-a,default:key-b")
    ours, theirs = {"x-api-key": "key-a"}, {"x-api-key": "key-b"}
    crawl = client("POST", "/v1/crawls", {"urls": [site]}, headers=ours).json()["id"]
    for headers in (ours, theirs):
        listed = client("GET", "/v1/collections", headers=headers).json()["collections"]
        assert [entry["name"] for entry in listed] == ["default"]
        assert client("POST", "/v1/collections", {"name": "crawls"}, headers=headers).status_code == 201
        assert client("DELETE", "/v1/collections/crawls", headers=headers).status_code == 204
    assert client("GET", f"/v1/crawls/{crawl}", headers=ours).json()["id"] == crawl
    assert [each["id"] for each in client("GET", "/v1/crawls", headers=ours).json()["crawls"]] == [crawl]
    assert client("GET", f"/v1/crawls/{crawl}", headers=theirs).status_code == 404
    client("DELETE", f"/v1/crawls/{crawl}", headers=ours)


@pytest.mark.parametrize("last", ["²", "9" * 5_000, "-1", "1.5", "abc"])
def test_a_last_event_id_that_is_none_of_ours_is_refused(tmp_path: Path, site: str, serve: Serve, last: str) -> None:
    """422 that names the header."""
    client = serve(tmp_path / "data")
    crawl = client("POST", "/v1/crawls", {"urls": [site]}).json()["id"]
    headers = {"last-event-id": last.encode("latin-1")}
    response = client("GET", f"/v1/crawls/{crawl}/events", headers=headers)
    assert response.status_code == 422
    assert response.json()["error"]["path"] == "header.last-event-id"
    assert "Last-Event-ID" in response.json()["error"]["message"]
    assert len(response.content) < 1_000


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("write", ["mkdir", "touch", "open", "write_text", "write_atomically"])
def test_a_crawl_that_finds_no_room_is_no_crawl(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    """507 whatever could not be written, with no job, no process and no folder left; with room it starts."""
    client = serve(tmp_path / "data", allow_private=True)
    children: list[subprocess.Popen[bytes]] = []

    class Child(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            children.append(self)

    monkeypatch.setattr("api.crawls.subprocess.Popen", Child)
    body = {"urls": ["http://127.0.0.1:1/"], "max_pages": 1}
    with monkeypatch.context() as patched:
        patched.setattr("api.crawls.write_atomically" if write == "write_atomically" else f"pathlib.Path.{write}", full)
        response = client("POST", "/v1/crawls", body)
    assert response.status_code == 507, response.text
    assert response.json()["error"]["code"] == "storage_full"
    assert client("GET", "/v1/crawls").json()["crawls"] == []
    assert list((tmp_path / "data").glob(".crawls/*/*")) == []
    assert all(child.returncode == -signal.SIGKILL for child in children)
    assert client("POST", "/v1/crawls", body).status_code == 202


def test_a_job_that_is_being_made_hides_no_other(tmp_path: Path, site: str, serve: Serve) -> None:
    """Its folder is there before its file is."""
    client = serve(tmp_path / "data")
    crawl = client("POST", "/v1/crawls", {"urls": [site]}).json()["id"]
    (tmp_path / "data" / ".crawls" / "default" / "crawl_0123456789abcdef").mkdir()
    assert [each["id"] for each in client("GET", "/v1/crawls").json()["crawls"]] == [crawl]


@pytest.mark.parametrize("urls", [[], ["ftp://example.org/"], ["file:///etc/passwd"]])
def test_only_web_addresses_can_be_crawled(tmp_path: Path, serve: Serve, urls: list[str]) -> None:
    """422 with the path of the URL."""
    client = serve(tmp_path / "data")
    response = client("POST", "/v1/crawls", {"urls": urls})
    assert response.status_code == 422
    assert response.json()["error"]["path"].startswith("$.urls")
