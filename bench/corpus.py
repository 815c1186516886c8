"""A collection of the documentation web: given a data folder, makes one of 50,000 and more passages, or a JSONL file.

    python -m bench.corpus DATA CACHE --collection docs              crawl it on loopback, then build the index
    python -m bench.corpus DATA CACHE --jsonl docs.jsonl.zst         write its pages for `forage ingest`
    ... --core: the 4,231 pages of the data folder, without apt;  --pages N: stop after so many

The collection goes where FORAGE_DATA says. Crawling goes through the product's own crawler, so that robots.txt, links
between hosts, redirects and WARC are what they would be on the real sites. Not for measuring: bench/crawl.py and
bench/search.py do, on what this makes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

if __package__ in (None, ""):  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson
import zstandard

from api.settings import Settings
from bench.sites import Web, core_sites, packages
from bench.web import serve
from crawler.crawl import crawl
from crawler.events import CrawlEvent, CrawlReport
from crawler.settings import CrawlSettings
from indexer.build import BuildReport, build
from indexer.collection import Collection, create_collection, get_collection
from indexer.embed import load_embedder
from indexer.errors import CollectionNotFoundError
from indexer.progress import Progress

EVERY_S = 5.0
MANY = 1_000_000


@dataclass(frozen=True)
class Made:
    """What was done: None where it was not asked for."""

    crawled: CrawlReport | None
    built: BuildReport | None


def write_jsonl(web: Web, target: Path, pages: int = MANY) -> int:
    """Every page as one line {url, html, modified_at}, zstd; returns how many."""
    count = 0
    with target.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as lines:
        for site in web.sites:
            for path, page in site.pages():
                if count == pages:
                    return count
                moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(page.stat().st_mtime))
                html = page.read_bytes().decode("utf-8", "replace")
                row = {"url": f"http://{site.host}{quote(path)}", "html": html, "modified_at": moment}
                lines.write(orjson.dumps(row) + b"\n")
                count += 1
    return count


def open_collection(data: Path, name: str) -> Collection:
    """The collection, made when it is not there."""
    try:
        return get_collection(data, name)
    except CollectionNotFoundError:
        return create_collection(data, name)


def crawl_web(web: Web, collection: Collection, pages: int = MANY) -> CrawlReport:
    """Crawl every site of the web over loopback into the collection's WARC files and documents."""
    with serve(web) as served, collection.documents() as documents:
        settings = CrawlSettings(max_pages=pages, allow_private=True, connect_to=served.connect_to)
        say = _Teller("crawl")

        def on_event(event: CrawlEvent) -> None:
            if event.kind in ("progress", "finished"):
                say(event.counts.fetched, f"waiting {event.counts.waiting}", last=event.kind == "finished")

        return asyncio.run(crawl(web.seeds(), collection.folder, documents, settings, on_event))


def build_index(collection: Collection) -> BuildReport:
    """Embed with every core, and switch to the new generation."""
    say = _Teller("index")

    def on_progress(progress: Progress) -> None:
        left = "" if progress.eta is None else f", {progress.eta:.0f} s left"
        say(progress.done, f"of {progress.total} {progress.unit} ({progress.stage}{left})")

    return build(collection.folder, load_embedder(threads=os.cpu_count() or 1), progress=on_progress)


def make(web: Web, data: Path, name: str, pages: int = MANY) -> Made:
    """Crawl and build; both go on where an earlier run stopped."""
    collection = open_collection(data, name)
    return Made(crawl_web(web, collection, pages), build_index(collection))


class _Teller:
    """A line now and then."""

    def __init__(self, what: str) -> None:
        self._what, self._began, self._told = what, time.monotonic(), 0.0

    def __call__(self, done: int, note: str, *, last: bool = False) -> None:
        now = time.monotonic()
        if last or now - self._told >= EVERY_S:
            self._told = now
            print(f"{self._what}: {done} {note}, {now - self._began:.0f} s", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a collection, or a JSONL file, of the documentation web.")
    parser.add_argument("data", type=Path, help="folder with web-sites-dev.json")
    parser.add_argument("cache", type=Path, help="folder for what is downloaded and unpacked")
    parser.add_argument("--collection", default="docs")
    parser.add_argument("--jsonl", type=Path, help="write the pages here instead")
    parser.add_argument("--core", action="store_true", help="4,231 pages, without apt")
    parser.add_argument("--pages", type=int, default=MANY)
    options = parser.parse_args()
    web = (core_sites if options.core else packages)(options.data, options.cache)
    if options.jsonl:
        print(f"{write_jsonl(web, options.jsonl, options.pages)} pages in {options.jsonl}")
        return
    made = make(web, Settings().data, options.collection, options.pages)
    print(made.crawled)
    print(made.built)


if __name__ == "__main__":
    main()
