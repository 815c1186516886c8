"""A crawl in a process of its own, to be killed: `python -m tests.crawler.crawl_process FOLDER URL [SETTINGS]`.

Its sink is a SQLite file; the last line it prints is the report's counts as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crawler.crawl import crawl
from ranking.types import Document
from tests.crawler.conftest import settings


class FileSink:
    """A DocumentSink that survives its process."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, check_same_thread=False)
        self.connection.execute("CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, url TEXT, title TEXT)")

    def add(self, documents: Iterable[Document]) -> int:
        rows = [(document.id, document.url, document.title) for document in documents]
        with self.connection:
            self.connection.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", rows)
        return len(rows)

    def remove(self, ids: Iterable[str]) -> int:
        with self.connection:
            return self.connection.executemany("DELETE FROM documents WHERE id = ?", [(one,) for one in ids]).rowcount


def main(folder: Path, url: str, changed: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    sink = FileSink(folder / "documents.sqlite")
    report = asyncio.run(crawl([url], folder, sink, settings(**changed), lambda event: None))
    print(json.dumps({**asdict(report.counts), "run": report.run}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]) if len(sys.argv) > 3 else {})
