"""The pool of reading processes."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from itertools import count
from typing import Any

import pytest

from crawler.errors import NoReaderError
from crawler.pool import ReadingPool, _Idle
from crawler.reading import Task
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from tests.crawler.conftest import Crawling, settings
from tests.web.server import Site, page

ENOUGH_S = 90.0


def test_closing_an_idle_pool_ends_every_thread() -> None:
    """A thread that stops first must not take the others' word to stop with it."""
    settings = CrawlSettings(workers=3)

    def open_and_close() -> None:
        for _ in range(15):
            ReadingPool(settings).close()

    thread = threading.Thread(target=open_and_close, daemon=True)
    thread.start()
    thread.join(ENOUGH_S)
    assert not thread.is_alive()


def refusing(monkeypatch: pytest.MonkeyPatch, *refused: int) -> None:
    """No worker is warm, and the system refuses these of the processes that are asked for (none named: all)."""
    start, lock, numbers = subprocess.Popen, threading.Lock(), count()

    def popen(*arguments: Any, **named: Any) -> subprocess.Popen[bytes]:
        with lock:
            number = next(numbers)
        if not refused or number in refused:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return start(*arguments, **named)

    monkeypatch.setattr("crawler.pool._IDLE", _Idle())
    monkeypatch.setattr("crawler.pool.subprocess.Popen", popen)


def task(number: int) -> Task:
    url = f"http://h.org/{number}"
    return Task(url, url, page(f"page {number}").encode(), (("content-type", "text/html"),), at=0.0)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_system_without_room_for_a_process_is_told_of_every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that waited and those that come later: none waits for ever, and no socket stays open."""
    refusing(monkeypatch)
    before = open_files()
    with ReadingPool(settings(workers=2)) as pool:
        for _ in range(2):
            for future in [pool.submit(task(number), Scope()) for number in range(20)]:
                with pytest.raises(NoReaderError, match=r"no process to read pages with: .*temporarily unavailable"):
                    future.result(ENOUGH_S)
        assert open_files() == before


def test_one_process_that_cannot_be_had_costs_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other reads them all."""
    refusing(monkeypatch, 0)
    with ReadingPool(settings(workers=2)) as pool:
        futures = [pool.submit(task(number), Scope()) for number in range(40)]
        documents = [future.result(ENOUGH_S).document for future in futures]
    assert [document and document.title for document in documents] == [f"page {number}" for number in range(40)]


def test_a_worker_that_cannot_be_replaced_leaves_its_pages_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worn out after a page, it gets no successor; the pages in its hands are read by the other."""
    refusing(monkeypatch, 2)
    with ReadingPool(settings(workers=2, worker_pages=1)) as pool:
        futures = [pool.submit(task(number), Scope()) for number in range(12)]
        assert all(future.result(ENOUGH_S).document for future in futures)


def test_whatever_ends_a_thread_its_futures_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody thought of too."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr("crawler.pool._IDLE", _Idle())
    monkeypatch.setattr("crawler.pool.subprocess.Popen", broken)
    with ReadingPool(settings()) as pool, pytest.raises(NoReaderError, match="out of luck"):
        pool.submit(task(1), Scope()).result(ENOUGH_S)


def test_a_crawl_without_a_process_to_read_with_ends_and_loses_nothing(
    crawling: Crawling, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not hang; what an earlier one stored stays; the next one reads the page from the archive."""
    site.routes["/"] = page("old")
    crawling(site.url)
    site.routes["/"] = page("new")
    with monkeypatch.context() as patched:
        refusing(patched)
        with pytest.raises(NoReaderError):
            crawling(site.url)
    assert [document.title for document in crawling.sink.documents.values()] == ["old"]
    asked = site.hits()["/"]
    crawling(site.url)
    assert [document.title for document in crawling.sink.documents.values()] == ["new"]
    assert site.hits()["/"] == asked
