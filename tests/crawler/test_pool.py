"""The pool of reading processes."""

from __future__ import annotations

import threading

from crawler.pool import ReadingPool
from crawler.settings import CrawlSettings

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
