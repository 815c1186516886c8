"""Crawls: given seeds and a folder, fetches the pages they lead to and hands their documents to a sink.

The doors of this package: what is wrong is refused here, before anything is written. The work is loop.py's. Killed at
any instant, the same call goes on; after a finished run it recrawls conditionally.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crawler import urls
from crawler.errors import AddressError, FetchError, SettingsError
from crawler.events import CrawlEvent, CrawlReport
from crawler.fetch import Fetcher
from crawler.guard import Guard
from crawler.loop import Loop
from crawler.settings import CrawlSettings
from crawler.workspace import Workspace
from ranking.ports import DocumentSink


async def crawl(
    seeds: Sequence[str],
    folder: Path,
    sink: DocumentSink,
    settings: CrawlSettings,
    on_event: Callable[[CrawlEvent], None],
) -> CrawlReport:
    """Crawls from `seeds` into the collection folder (`warc/`, `frontier.sqlite`), documents to `sink`.

    `sink` is called on one thread of the crawl's own. `on_event` is called on the event loop and must not block.
    Raises UrlError, SettingsError, AddressError (a seed that may not be reached), CrawlBusyError, CrawlerError (disk
    full, say; what was acknowledged is kept). Cancelling it is safe at any time.
    """
    if not seeds:
        raise SettingsError("no URL to crawl", path="urls", hint="give at least one, such as https://example.org/")
    guard = Guard(settings)
    for seed in seeds:
        await _at_the_door(guard, urls.canonical(seed))
    return await _run(seeds, folder, sink, settings, on_event, guard)


async def replay(
    folder: Path, sink: DocumentSink, settings: CrawlSettings, on_event: Callable[[CrawlEvent], None]
) -> CrawlReport:
    """Reads everything in the archive again, without the network: reextract.py's body."""
    return await _run(None, folder, sink, settings, on_event, Guard(settings))


async def _at_the_door(guard: Guard, seed: str) -> None:
    """A seed that may not be reached is refused before anything is written; one without an address fails later."""
    try:
        await guard.check(urls.host(seed), urls.port(seed))
    except AddressError as error:
        raise AddressError(f"{seed} cannot be crawled: {error.message}", path="urls", hint=error.hint) from error
    except FetchError:
        return


async def _run(
    seeds: Sequence[str] | None,
    folder: Path,
    sink: DocumentSink,
    settings: CrawlSettings,
    on_event: Callable[[CrawlEvent], None],
    guard: Guard,
) -> CrawlReport:
    executor = ThreadPoolExecutor(1, "crawl-writer")
    loop = asyncio.get_running_loop()
    try:
        workspace = await loop.run_in_executor(executor, Workspace, folder, sink, settings)
        try:
            if seeds is None:
                await loop.run_in_executor(executor, workspace.begin_replay)
            else:
                await loop.run_in_executor(executor, workspace.begin, seeds)
            async with Fetcher(settings, guard) as fetcher:
                work = Loop(workspace, settings, on_event, fetcher, executor, guard, online=seeds is not None)
                return await work.run(seeds[0] if seeds else "")
        finally:
            await loop.run_in_executor(executor, workspace.close)
    finally:
        executor.shutdown(wait=False)
