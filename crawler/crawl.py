"""Crawls: given seeds and a folder, fetches the pages they lead to and hands their documents to a sink.

The doors of this package: what is wrong is refused here, before anything is written. The work is loop.py's. Killed at
any instant, or ended by a limit, the same call goes on; after a finished run it recrawls conditionally.
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
from crawler.recorder import refused
from crawler.scope import Scope
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
    """Crawls from `seeds` into the collection folder (`warc/`, `frontier.sqlite`), documents to `sink`. The folder must
    exist.

    `sink` is called on one thread of the crawl's own. `on_event` is called on the event loop and must not block.
    Raises what `check` raises, CrawlBusyError, FolderGoneError, CrawlerError (disk full, say; what was acknowledged is
    kept). Cancelling it is safe at any time.
    """
    await check(seeds, settings)
    return await _run(seeds, folder, sink, settings, on_event)


async def check(seeds: Sequence[str], settings: CrawlSettings) -> None:
    """Refuses what `crawl` would refuse, and touches nothing. A seed whose host has no address fails later, as a page
    does. Raises UrlError, SettingsError, AddressError (a seed that may not be reached)."""
    if not seeds:
        raise SettingsError("no URL to crawl", path="urls", hint="give at least one, such as https://example.org/")
    Scope().with_hosts(settings.allow_hosts).without(settings.exclude)
    guard = Guard(settings)
    for name in [urls.seed(seed) for seed in seeds]:
        try:
            await guard.check(urls.host(name), urls.port(name))
        except AddressError as error:
            raise AddressError(f"{name} cannot be crawled: {error.message}", path="urls", hint=error.hint) from error
        except FetchError:
            continue


async def replay(
    folder: Path, sink: DocumentSink, settings: CrawlSettings, on_event: Callable[[CrawlEvent], None]
) -> CrawlReport:
    """Reads everything in the archive again, without the network: reextract.py's body."""
    return await _run(None, folder, sink, settings, on_event)


async def _run(
    seeds: Sequence[str] | None,
    folder: Path,
    sink: DocumentSink,
    settings: CrawlSettings,
    on_event: Callable[[CrawlEvent], None],
) -> CrawlReport:
    executor, appender = ThreadPoolExecutor(1, "crawl-writer"), ThreadPoolExecutor(1, "crawl-archive")
    loop = asyncio.get_running_loop()
    guard = Guard(settings)
    try:
        workspace = await loop.run_in_executor(executor, Workspace, folder, sink, settings)
        try:
            if seeds is None:
                await loop.run_in_executor(executor, workspace.begin_replay)
            else:
                await loop.run_in_executor(executor, workspace.begin, seeds)
            async with Fetcher(settings, guard) as fetcher:
                work = Loop(workspace, settings, on_event, fetcher, executor, appender, guard, online=seeds is not None)
                return await work.run(seeds[0] if seeds else "")
        finally:
            try:
                await loop.run_in_executor(appender, workspace.archive.close)  # behind the last record
            except OSError as error:
                raise refused(error) from error
            finally:
                await loop.run_in_executor(executor, workspace.close)
    finally:
        appender.shutdown(wait=False)
        executor.shutdown(wait=False)
