"""Runs extraction again over what was crawled, without the network: given a collection folder, refills its sink.

The latest answer of every page is read from the WARC folder with the settings' extractor; documents, aliases,
duplicates and links are decided anew. A lost frontier is rebuilt from the archive first. Not for fetching.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from crawler.crawl import replay
from crawler.errors import ArchiveError
from crawler.events import CrawlEvent, CrawlReport
from crawler.settings import CrawlSettings
from crawler.warc import archive_files
from crawler.workspace import WARC_FOLDER
from ranking.ports import DocumentSink


def reextract(
    folder: Path, sink: DocumentSink, settings: CrawlSettings, on_event: Callable[[CrawlEvent], None]
) -> CrawlReport:
    """Reads every archived page again; the report's `documents` says how many there are now.

    Blocks; inside an event loop, await `crawler.crawl.replay` instead. Pages found by the new reading wait for the
    next crawl. Raises ArchiveError when there is no archive,
    CrawlBusyError, CrawlerError.
    """
    if not archive_files(folder / WARC_FOLDER):
        raise ArchiveError(f"no WARC file in {folder / WARC_FOLDER}", hint="crawl first: forage crawl URL")
    return asyncio.run(replay(folder, sink, settings, on_event))
