"""HTML that was handed in, not fetched: given markup and its address, returns its document.

Read as a crawled page is, in another process with a deadline and a memory cap: a page that wants more is refused and
costs its sender nothing else. The process starts with the first page, and pages are read in the order asked. Nothing
the page says of robots counts: whoever hands it in wants it indexed. Not for URLs to fetch: crawl.py.
"""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType

from crawler.errors import ExtractionError
from crawler.pool import ReadingPool
from crawler.reading import Task
from crawler.scope import Scope
from crawler.settings import CrawlSettings
from ranking.types import Document


class HtmlReader:
    """A context manager, for one thread at a time. `page_seconds` and `worker_memory_bytes` bound a page."""

    def __init__(self, settings: CrawlSettings | None = None) -> None:
        self._settings = replace(settings or CrawlSettings(), workers=1)
        self._scope = Scope()
        self._pool: ReadingPool | None = None

    def read(self, html: str, url: str) -> Document:
        """The document of `html`; `url` ("" when it has none) is what its links are relative to.

        Raises ExtractionError: there is no text in it, or reading it takes too long or too much memory. NoReaderError:
        the machine has no process to read it with now.
        """
        if self._pool is None:
            self._pool = ReadingPool(self._settings)
        body, headers = html.encode("utf-8", "replace"), (("content-type", "text/html; charset=utf-8"),)
        reading = self._pool.submit(Task(url, url, body, headers, at=0.0, given=True), self._scope).result()
        if reading.document is None:
            raise ExtractionError(f"no text could be extracted: {reading.reason}")
        return reading.document

    def close(self) -> None:
        """Lets go of the process. Idempotent."""
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> HtmlReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
