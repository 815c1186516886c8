"""kill -9 at any time: the same command goes on, nothing is lost, and only what was on the wire is fetched twice."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from crawler.frontier import FILE, State
from tests.crawler.conftest import Crawling, settings
from tests.web.server import Answer, Request, Site, page

PAGES = 120


def tree(request: Request) -> Answer | None:
    """PAGES pages; page n links to 2n + 1, 2n + 2 and back to the first."""
    name = request.path.strip("/") or "0"
    if not name.isdecimal() or int(name) >= PAGES:
        return None
    number = int(name)
    following = [f"/{child}" for child in (2 * number + 1, 2 * number + 2) if child < PAGES]
    return Answer(page(f"page {number}", "/", *following).encode(), headers={"ETag": f'"{number}"'}, delay=0.01)


def start(folder: Path, url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.crawler.crawl_process", str(folder), url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    counts: dict[str, Any] = json.loads(out.splitlines()[-1])
    return counts


def test_killed_again_and_again(site: Site, tmp_path: Path) -> None:
    """Killed three times at points spread over the crawl, it ends with every page, each fetched about once."""
    site.fallback = tree
    folder = tmp_path / "collection"
    random.seed(7)
    kills = 0
    for share in (0.05, 0.35, 0.7):
        process = start(folder, site.url)
        goal = share * PAGES + random.random() * 5
        deadline = time.monotonic() + 60
        while sum(site.hits().values()) < goal and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
        process.communicate()
        kills += 1
    counts = finish(start(folder, site.url))
    with sqlite3.connect(folder / "documents.sqlite") as documents:
        titles = {row[0] for row in documents.execute("SELECT title FROM documents")}
    documents.close()
    assert titles == {f"page {number}" for number in range(PAGES)}
    assert (counts["run"], counts["fetched"]) == (1, PAGES)
    again = sum(hits - 1 for hits in site.hits().values())
    # On the wire: the private host's four, and those answered within the fifth of a second before the kill.
    assert again <= kills * (settings().private_host_concurrency + 20)
    assert again < PAGES / 2


def test_answers_archived_but_not_settled_are_read_from_the_archive(site: Site, crawling: Crawling) -> None:
    """The frontier as it was before its last transactions, the archive as it is: nothing is fetched again."""
    site.fallback = tree
    crawling(site.url)
    with sqlite3.connect(crawling.folder / FILE) as frontier:
        frontier.execute(
            "UPDATE pages SET state = 0, warc = NULL, document = 0, content = NULL WHERE url NOT LIKE '%/'"
        )
        frontier.execute("UPDATE meta SET value = '[\"forage-00001.warc.gz\", 0]' WHERE key = 'archive'")
        frontier.execute("UPDATE meta SET value = '{\"number\": 1, \"finished\": false}' WHERE key = 'run'")
        frontier.execute("UPDATE meta SET value = '{}' WHERE key = 'counts'")
    frontier.close()
    crawling.sink.documents.clear()
    site.log.clear()
    report = crawling(site.url)
    assert len(crawling.sink.documents) == PAGES
    assert not site.hits()
    assert report.counts.documents == PAGES


def test_a_torn_archive_is_repaired(site: Site, crawling: Crawling) -> None:
    """A WARC file cut in the middle: what was behind the cut is fetched whole at the next run, not asked for with
    a validator whose body nobody has."""
    site.fallback = tree
    crawling(site.url)
    path = crawling.folder / "warc" / "forage-00001.warc.gz"
    os.truncate(path, path.stat().st_size // 2)
    site.log.clear()
    report = crawling(site.url)
    asked = [request for request in site.log if request.path.strip("/").isdecimal() or request.path == "/"]
    whole = [request for request in asked if "if-none-match" not in request.headers]
    assert len(asked) == PAGES
    assert PAGES * 0.3 < len(whole) < PAGES * 0.7
    assert report.counts.fetched == PAGES
    assert len(crawling.sink.documents) == PAGES
    with sqlite3.connect(crawling.folder / FILE) as frontier:
        missing = "SELECT count(*) FROM pages WHERE state = ? AND warc IS NULL AND kind = 0"
        assert frontier.execute(missing, (State.DONE,)).fetchone() == (0,)
    frontier.close()
