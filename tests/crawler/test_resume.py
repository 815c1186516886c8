"""kill -9 at any time: the same command goes on, nothing is lost, and only what was on the wire is fetched twice."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import FolderGoneError
from crawler.frontier import FILE, Frontier, State
from crawler.warc import Archive, Position
from tests.crawler.conftest import Crawling, settings
from tests.web.server import Answer, Request, Site, page, redirect

PAGES = 120


def tree(request: Request) -> Answer | None:
    """PAGES pages; page n links to 2n + 1, 2n + 2 and back to the first."""
    name = request.path.strip("/") or "0"
    if not name.isdecimal() or int(name) >= PAGES:
        return None
    number = int(name)
    following = [f"/{child}" for child in (2 * number + 1, 2 * number + 2) if child < PAGES]
    return Answer(page(f"page {number}", "/", *following).encode(), headers={"ETag": f'"{number}"'}, delay=0.01)


def motley(request: Request) -> Answer | None:
    """The same, with links to what is no page: moved, gone, forbidden, and of a type that is not read."""
    kind, _, rest = request.path.strip("/").partition("-")
    match kind:
        case "moved":
            return redirect(f"/{rest}")
        case "picture":
            return Answer(b"\x89PNG", content_type="image/png")
        case "secret":
            return Answer(b"no", 403)
    answer = tree(request)
    if answer is None or request.path == "/":
        return answer
    more = "".join(
        f'<a href="/{kind}{request.path.replace("/", "-")}">x</a>' for kind in ("moved", "picture", "secret")
    )
    return replace(answer, body=answer.body.replace(b"</main>", more.encode() + b'<a href="/gone">gone</a></main>'))


def start(folder: Path, url: str, **changed: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.crawler.crawl_process", str(folder), url, json.dumps(changed)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def kill_after(process: subprocess.Popen[bytes], site: Site, requests: float) -> None:
    """kill -9 when the site has been asked so often, or at the end."""
    deadline = time.monotonic() + 60
    while len(site.log) < requests and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    process.communicate()


def finish(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    counts: dict[str, Any] = json.loads(out.splitlines()[-1])
    return counts


def again(site: Site) -> int:
    """How often something was asked for that had been asked for before."""
    return sum(hits - 1 for hits in site.hits().values())


def test_killed_again_and_again(site: Site, tmp_path: Path) -> None:
    """Killed at points spread over the crawl, it ends with every page; what was on the wire at a kill is all that is
    fetched twice, also of what is no page."""
    site.fallback = motley
    folder = tmp_path / "collection"
    random.seed(7)
    kills = (0.02, 0.1, 0.2, 0.4, 0.6, 0.8)
    for share in kills:
        kill_after(start(folder, site.url), site, share * 4 * PAGES + random.random() * 9)
    counts = finish(start(folder, site.url))
    with sqlite3.connect(folder / "documents.sqlite") as documents:
        titles = {row[0] for row in documents.execute("SELECT title FROM documents")}
    documents.close()
    assert titles == {f"page {number}" for number in range(PAGES)}
    assert (counts["run"], counts["fetched"], counts["redirects"]) == (1, 2 * PAGES - 1, PAGES - 1)
    assert again(site) <= len(kills) * settings().private_host_concurrency


def test_what_was_answered_is_archived_before_anything_is_settled(site: Site, tmp_path: Path) -> None:
    """However long a batch takes to come about: a kill costs the requests under way and no answer."""
    site.fallback = lambda request: (
        Answer(page("0", *(f"/{number}" for number in range(1, PAGES))).encode())
        if request.path == "/"
        else tree(request)
    )
    folder = tmp_path / "collection"
    process = start(folder, site.url, commit_s=600.0, commit_pages=10_000, backlog=400)
    kill_after(process, site, 2 + PAGES * 0.7)
    asked = len(site.log)
    counts = finish(start(folder, site.url))
    assert counts["fetched"] == PAGES
    assert asked > PAGES * 0.6
    assert again(site) <= settings().private_host_concurrency


def unsettle(folder: Path, run: int, since: Position | None = None, which: str = "1") -> None:
    """The frontier as it was before its last transactions, the archive as it is: pages wait, in a run that was killed;
    what is behind `since` was never settled."""
    place = Position("forage-00001.warc.gz", 0) if since is None else since
    with sqlite3.connect(folder / FILE) as frontier:
        frontier.execute(f"UPDATE pages SET state = 0, alias = NULL, alias_kind = NULL, run = 0 WHERE {which}")
        for key, value in (
            ("archive", [place.file, place.offset]), ("run", {"number": run, "finished": False}), ("counts", {}),
        ):  # fmt: skip
            frontier.execute("UPDATE meta SET value = ? WHERE key = ?", (json.dumps(value), key))
    frontier.close()


def test_answers_archived_but_not_settled_are_read_from_the_archive(site: Site, crawling: Crawling) -> None:
    """Nothing is fetched again."""
    site.fallback = tree
    crawling(site.url)
    unsettle(crawling.folder, 1)
    with sqlite3.connect(crawling.folder / FILE) as frontier:
        frontier.execute("UPDATE pages SET warc = NULL, document = 0, content = NULL")
    frontier.close()
    crawling.sink.documents.clear()
    site.log.clear()
    report = crawling(site.url)
    assert len(crawling.sink.documents) == PAGES
    assert not site.hits()
    assert report.counts.documents == report.counts.fetched == PAGES
    assert report.notices == ()


def test_pages_that_had_not_changed_are_not_asked_again(site: Site, crawling: Crawling) -> None:
    """A revisit in the archive says so, whether the server did (304) or the same bytes."""
    site.routes |= {
        "/": page("0", "/a", "/b"), "/a": page("a"), "/b": Answer(page("b").encode()),
    }  # fmt: skip
    crawling(site.url)
    documents = dict(crawling.sink.documents)
    since = Position("forage-00001.warc.gz", (crawling.folder / "warc" / "forage-00001.warc.gz").stat().st_size)
    assert crawling(site.url).counts.unchanged == 3
    unsettle(crawling.folder, 2, since)
    site.log.clear()
    report = crawling(site.url)
    assert not site.hits()
    assert (report.run, report.counts.unchanged) == (2, 3)
    assert crawling.sink.documents == documents


def test_what_is_no_page_is_taken_up_as_well(site: Site, crawling: Crawling) -> None:
    """Redirects, errors, types that are not read: each as it was settled the first time."""
    site.fallback = motley
    first = crawling(site.url)
    unsettle(crawling.folder, 1)
    crawling.sink.documents.clear()
    site.log.clear()
    second = crawling(site.url)
    assert not site.hits()
    assert len(crawling.sink.documents) == PAGES
    for name in ("fetched", "documents", "redirects", "skipped", "failed", "waiting"):
        assert getattr(second.counts, name) == getattr(first.counts, name), name


def test_a_redirect_out_of_the_crawl_stays_out(site: Site, crawling: Crawling) -> None:
    """Also when it is taken up from the archive; but where a seed leads to belongs to the crawl."""
    web = dict.fromkeys(("a.example", "b.example", "c.example"), f"127.0.0.1:{site.port}")
    site.routes |= {
        "a.example/": redirect("http://b.example/"), "b.example/": page("0", "/out"),
        "b.example/out": redirect("http://c.example/"), "c.example/": page("elsewhere"),
    }  # fmt: skip
    for _ in range(2):
        crawling("http://a.example/", connect_to=web)
        assert crawling.sink.urls == {"http://b.example/"}
        assert "c.example" not in {request.host for request in site.log}
        with sqlite3.connect(crawling.folder / FILE) as frontier:
            (known,) = frontier.execute("SELECT value FROM meta WHERE key = 'scope'").fetchone()
            assert sorted(json.loads(known)["hosts"]) == ["a.example", "b.example"]
            frontier.execute("DELETE FROM pages WHERE url LIKE '%b.example/'")
            scope = {"hosts": ["a.example"], "suffixes": [], "schemes": {"a.example": "http"}}
            frontier.execute("UPDATE meta SET value = ? WHERE key = 'scope'", (json.dumps(scope),))
        frontier.close()
        unsettle(crawling.folder, 1)
        crawling.sink.documents.clear()
        site.log.clear()


def test_a_frontier_of_the_first_layout_is_brought_up(site: Site, crawling: Crawling) -> None:
    """It kept only that a canonical address had led nowhere: the page is read again, and heeds it from then on."""
    site.routes |= {"/": page("0", "/a"), "/a": page("a", head='<link rel="canonical" href="/b">')}
    crawling(site.url)
    with sqlite3.connect(crawling.folder / FILE) as frontier:
        frontier.execute("DROP INDEX pages_canonical")
        frontier.execute("ALTER TABLE pages DROP COLUMN canonical")
        frontier.execute("ALTER TABLE pages ADD COLUMN standalone INTEGER NOT NULL DEFAULT 0")
        frontier.execute("UPDATE pages SET standalone = 1 WHERE url LIKE '%/a'")
        frontier.execute("PRAGMA user_version = 1")
    frontier.close()
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/a"}
    site.routes["/b"] = page("b")
    crawling(site.url)
    assert crawling.sink.paths() == {"/", "/b"}


def test_an_answer_is_archived_before_the_next_is_asked_for(
    site: Site, crawling: Crawling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the disk is: no more answers are in memory alone than requests may be under way."""
    site.routes["/"] = page("0", *(f"/{number}" for number in range(1, 40)))
    site.fallback = tree
    append, ahead, kept = Archive.append, list[int](), list[str]()

    def slowly(archive: Archive, url: str, *rest: Any, **named: Any) -> Position:
        time.sleep(0.02)
        ahead.append(sum(site.hits().values()) - len(kept))
        kept.append(url)
        return append(archive, url, *rest, **named)

    monkeypatch.setattr(Archive, "append", slowly)
    crawling(site.url, max_pages=40)
    assert len(kept) == 40
    assert 1 < max(ahead) <= settings().private_host_concurrency


def test_a_torn_archive_is_repaired(site: Site, crawling: Crawling) -> None:
    """A WARC file cut in the middle: what was behind the cut is fetched whole at the next run, not asked for with
    a validator whose body nobody has. What is left of the file stays."""
    site.fallback = tree
    crawling(site.url)
    path = crawling.folder / "warc" / "forage-00001.warc.gz"
    os.truncate(path, path.stat().st_size // 2)
    before = path.read_bytes()
    site.log.clear()
    report = crawling(site.url)
    asked = [request for request in site.log if request.path.strip("/").isdecimal() or request.path == "/"]
    whole = [request for request in asked if "if-none-match" not in request.headers]
    assert len(asked) == PAGES
    assert PAGES * 0.3 < len(whole) < PAGES * 0.7
    assert report.counts.fetched == PAGES
    assert len(crawling.sink.documents) == PAGES
    told = {notice.code: notice.message for notice in report.notices}
    assert set(told) == {"archive_damaged", "archive_lost"}
    assert "forage-00001.warc.gz is damaged in 1 place" in told["archive_damaged"]
    assert path.read_bytes() == before
    assert f"the records of {len(whole)} pages" in told["archive_lost"]
    with sqlite3.connect(crawling.folder / FILE) as frontier:
        missing = "SELECT count(*) FROM pages WHERE state = ? AND warc IS NULL AND kind = 0"
        assert frontier.execute(missing, (State.DONE,)).fetchone() == (0,)
    frontier.close()


def test_what_a_kill_left_of_a_record_is_cut_off(site: Site, crawling: Crawling) -> None:
    """Behind everything that was settled: it goes, and the report says how much went."""
    site.fallback = tree
    crawling(site.url, max_pages=20)
    path = crawling.folder / "warc" / "forage-00001.warc.gz"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:100])
    report = crawling(site.url)
    (notice,) = report.notices
    assert notice.code == "archive_torn"
    assert f"its 100 bytes, from byte {len(whole)} on, were cut off" in notice.message
    assert path.read_bytes().startswith(whole + b"\x1f\x8b")
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert report.counts.fetched == PAGES - 20
    assert crawling(site.url).notices == ()


def test_a_file_that_holds_nothing_is_left_as_it_is(site: Site, crawling: Crawling) -> None:
    """Junk in the place of the archive: it stays, a new file is begun, and every page is fetched whole."""
    site.fallback = tree
    crawling(site.url)
    path = crawling.folder / "warc" / "forage-00001.warc.gz"
    path.write_bytes(b"hello\n")
    site.log.clear()
    report = crawling(site.url)
    assert path.read_bytes() == b"hello\n"
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, "forage-00002.warc.gz"]
    assert not any("if-none-match" in request.headers for request in site.log)
    assert [notice.code for notice in report.notices] == ["archive_unreadable", "archive_lost"]
    assert crawling(site.url).notices == ()
    assert path.read_bytes() == b"hello\n"


# ---------------------------------------------------------------- the folder


def test_a_crawl_makes_no_folder(crawling: Crawling, site: Site) -> None:
    """One that was deleted right before does not come back."""
    site.routes["/"] = page("0")
    crawling.folder.rmdir()
    with pytest.raises(FolderGoneError, match="no folder"):
        crawling(site.url)
    assert not crawling.folder.exists()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_deleted_while_it_is_opened(
    crawling: Crawling, site: Site, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    """Between the lock and the rest: nothing is written where another collection may be by now."""
    site.routes["/"] = page("0")

    class Deleted(Frontier):
        def __init__(self, path: Path) -> None:
            path.parent.rename(path.parent.with_name("deleted"))
            if replaced:
                path.parent.mkdir()
            super().__init__(path)

    monkeypatch.setattr("crawler.workspace.Frontier", Deleted)
    with pytest.raises(FolderGoneError, match="deleted meanwhile"):
        crawling(site.url)
    assert crawling.folder.exists() == replaced
    assert not site.log
    monkeypatch.undo()
    if replaced:
        crawling(site.url)
        assert crawling.sink.paths() == {"/"}


@pytest.mark.parametrize("failing", ["crawler.workspace.Archive", "crawler.workspace.CrawlLock.check"])
def test_a_folder_that_cannot_be_opened_leaves_nothing_open(
    crawling: Crawling, site: Site, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """The database of the frontier is closed, whichever step behind it failed."""
    site.routes["/"] = page("0")
    opened: list[Frontier] = []

    class Watched(Frontier):
        def __init__(self, path: Path) -> None:
            super().__init__(path)
            opened.append(self)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("crawler.workspace.Frontier", Watched)
    monkeypatch.setattr(failing, refuse)
    with pytest.raises(OSError, match="Too many open files"):
        crawling(site.url)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].note("run")
