"""What every crawl test needs: a sink that remembers, settings that do not wait, a site that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.crawl import crawl
from crawler.events import CrawlEvent, CrawlReport
from crawler.settings import CrawlSettings
from ranking.types import Document
from tests.web.server import Site

EXTRACTOR = "tests.crawler.plain_extractor:extract"


class MemorySink:
    """A DocumentSink in memory; `added` counts how often each id was written."""

    def __init__(self) -> None:
        self.documents: dict[str, Document] = {}
        self.added: dict[str, int] = {}

    def add(self, documents: Iterable[Document]) -> int:
        for document in documents:
            self.documents[document.id] = document
            self.added[document.id] = self.added.get(document.id, 0) + 1
        return len(self.documents)

    def remove(self, ids: Iterable[str]) -> int:
        return sum(self.documents.pop(identifier, None) is not None for identifier in ids)

    @property
    def urls(self) -> set[str]:
        return {document.url for document in self.documents.values()}

    def paths(self) -> set[str]:
        return {"/" + url.split("/", 3)[3] for url in self.urls}


def settings(**changed: Any) -> CrawlSettings:
    """Private addresses allowed, small extractor, no waiting."""
    values: dict[str, Any] = {
        "allow_private": True, "extractor": EXTRACTOR, "workers": 1, "retry_delay_s": 0.05, "robots_retry_s": 0.05,
        "page_seconds": 5.0, "connect_timeout_s": 2.0, "read_timeout_s": 2.0, "total_timeout_s": 4.0,
    }  # fmt: skip
    return CrawlSettings(**{**values, **changed})


class Crawling:
    """Crawls into one folder and one sink, again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sink = MemorySink()
        self.events: list[CrawlEvent] = []

    def __call__(self, *seeds: str, **changed: Any) -> CrawlReport:
        self.events = []
        return asyncio.run(crawl(seeds, self.folder, self.sink, settings(**changed), self.events.append))

    def told(self, kind: str) -> list[CrawlEvent]:
        return [event for event in self.events if event.kind == kind]


@pytest.fixture
def crawling(tmp_path: Path) -> Crawling:
    folder = tmp_path / "collection"
    folder.mkdir()
    return Crawling(folder)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running
