"""Crawl jobs: given a request, runs crawl and index in a process of its own and tells how it goes.

A job is a folder beside the collections, under a name that none of them can have. It holds job.json, events.jsonl
(append-only, its last line says how it ended) and lock, held by the process while it lives. So any server process can
read any job, and a killed job is seen as interrupted.
Not for crawling itself (api/lanes.py).
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from api.errors import InvalidRequestError, NotFoundError
from api.requests import CrawlRequest
from api.settings import Settings
from indexer.collection import check_name
from indexer.storage import storage_full, write_atomically
from ranking.shown import shown
from sessions.readback import instant

FOLDER: Final = ".crawls"
"""In the data folder; see indexer/collection.py for what names collections may have."""
_ID: Final = re.compile(r"crawl_[0-9a-f]{16}")
CLOSE_WAIT_S: Final = 2.0
"""A job that has written its last event needs less than this to exit."""
FINAL_KINDS: Final = frozenset({"finished", "failed", "stopped"})


class CrawlJobs:
    """The jobs of a data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._root = settings.data / FOLDER
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, request: CrawlRequest, tenant: str) -> dict[str, Any]:
        """Spawns the job and returns at once. StorageFullError when there is no room for it: then there is no job."""
        _check(request)
        crawl_id = f"crawl_{secrets.token_hex(8)}"
        folder = self._tenant(tenant) / crawl_id
        job = {
            "id": crawl_id,
            "tenant": tenant,
            "created_at": instant(time.time()),
            "request": request.model_dump(mode="json"),
            "allow_private": self._settings.allow_private,
        }
        try:
            with storage_full(folder):
                child = self._spawn(folder, orjson.dumps(job))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._children = [each for each in self._children if each.poll() is None] + [child]
        return {"id": crawl_id, "state": "running", "collection": request.collection}

    def _spawn(self, folder: Path, job: bytes) -> subprocess.Popen[bytes]:
        folder.mkdir(parents=True)
        (folder / "events.jsonl").touch()
        write_atomically(folder / "job.json", job)  # after events.jsonl: with it, the job is there to be read
        with (folder / "log.txt").open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "api.crawl_job", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "FORAGE_DATA": str(self._settings.data.absolute())},
                start_new_session=True,
            )
        try:
            (folder / "pid").write_text(str(child.pid))
        except BaseException:
            child.kill()
            child.wait()
            raise
        return child

    def read(self, crawl_id: str, tenant: str) -> dict[str, Any]:
        """State, latest counts and, at the end, the report. NotFoundError for ids of others too."""
        folder = self._folder(crawl_id, tenant)
        job = orjson.loads((folder / "job.json").read_bytes())
        rows = _rows(folder)
        last = rows[-1] if rows else {}
        kind = last.get("kind")
        state = kind if kind in FINAL_KINDS else ("running" if self._alive(folder) else "interrupted")
        body = {
            "id": crawl_id,
            "state": state,
            "collection": job["request"]["collection"],
            "created_at": job["created_at"],
            "request": job["request"],
            "events": len(rows),
            "progress": next((row for row in reversed(rows) if row.get("kind") != "page"), None),
        }
        if state == "interrupted":
            body["hint"] = "start a crawl of the same URLs: it goes on where this one stopped"
        return body

    def events(self, crawl_id: str, tenant: str, first: int) -> tuple[list[dict[str, Any]], bool]:
        """Events from number `first` on, and whether no more will come."""
        folder = self._folder(crawl_id, tenant)
        alive = self._alive(folder)
        rows = _rows(folder)
        ended = bool(rows) and rows[-1].get("kind") in FINAL_KINDS
        return rows[first:], ended or not alive

    def list(self, tenant: str) -> list[dict[str, Any]]:
        """Newest first."""
        ids = [path.parent.name for path in self._tenant(tenant).glob("*/job.json")]
        jobs = [self.read(crawl_id, tenant) for crawl_id in ids if _ID.fullmatch(crawl_id)]
        return sorted(jobs, key=lambda job: job["created_at"], reverse=True)

    def stop(self, crawl_id: str, tenant: str) -> None:
        """Ask a running job to end; no error when it has ended."""
        folder = self._folder(crawl_id, tenant)
        if self._alive(folder):
            os.killpg(int((folder / "pid").read_text()), signal.SIGTERM)

    def close(self) -> None:
        """Forget finished children; running ones go on without the server."""
        for child in self._children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=CLOSE_WAIT_S)
            child.returncode = child.returncode or 0  # not ours to wait for any more: Popen would complain of it
        self._children = []

    def _folder(self, crawl_id: str, tenant: str) -> Path:
        folder = self._tenant(tenant) / crawl_id
        if not _ID.fullmatch(crawl_id) or not (folder / "job.json").is_file():
            raise NotFoundError(
                f"there is no crawl {shown(crawl_id)}", path="crawl_id", hint="GET /v1/crawls lists them"
            )
        return folder

    def _tenant(self, tenant: str) -> Path:
        return self._root / check_name(tenant, "tenant")

    def _alive(self, folder: Path) -> bool:
        for child in self._children:
            child.poll()
        try:
            with (folder / "lock").open("ab") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        # Between spawn and its first line the process has no lock yet.
        pid = folder / "pid"
        starting = pid.is_file() and not (folder / "events.jsonl").stat().st_size
        return starting and any(child.poll() is None and str(child.pid) == pid.read_text() for child in self._children)


def _check(request: CrawlRequest) -> None:
    """Refuses URLs that cannot be crawled before they are stored: one may hold a password."""
    from crawler.errors import SettingsError, UrlError  # late: a server that only searches needs none of it
    from crawler.scope import Scope
    from crawler.urls import seed

    for number, url in enumerate(request.urls):
        try:
            seed(url)
        except UrlError as error:
            raise InvalidRequestError(error.message, path=f"$.urls[{number}]", hint=error.hint) from error
    try:
        Scope().with_hosts(request.allow_hosts)
    except SettingsError as error:
        raise InvalidRequestError(error.message, path="$.allow_hosts", hint=error.hint) from error


def _rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "events.jsonl").read_bytes().split(b"\n")
    return [orjson.loads(line) for line in lines[:-1] if line]  # the last piece may be half written
