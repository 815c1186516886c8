"""The collection that benchmarks search: given the documentation web, returns a data folder with 50,000 passages.

Pages of all its hosts, in an order that depends on their URLs alone, through the product's own extraction and build,
until there are so many passages. Vectors are remembered between builds (vectors.py). Queries are titles and anchor
texts of 8 to 12 words from those pages. Not for crawling: bench/crawl.py.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson

from api.settings import Settings
from bench.corpus import open_collection
from bench.sites import Web, packages
from bench.vectors import RememberedVectors
from indexer.build import build
from indexer.collection import Collection
from indexer.embed import load_embedder
from indexer.generation import open_current
from indexer.progress import Progress
from indexer.settings import IndexSettings
from indexer.split import split
from ranking.types import Document

COLLECTION: Final = "default"
PASSAGES: Final = 50_000
WORDS: Final = range(8, 13)
SEED: Final = 20_26
KNOWN_ITEM: Final = "web-known-dev/queries.jsonl"
_BATCH: Final = 200
_SAY_EVERY_S: Final = 10.0
_PLAIN: Final = re.compile(r"[^\W\d_]{2,}")


def prepared(data: Path, cache: Path, passages: int = PASSAGES) -> Path:
    """A folder for FORAGE_DATA whose collection `default` has at least so many passages; made on first use."""
    folder = cache / f"passages-{passages}"
    folder.mkdir(parents=True, exist_ok=True)
    collection = open_collection(folder, COLLECTION)
    current = open_current(collection.folder).generation
    if current is None or current.manifest.passages < passages:
        web = packages(data, cache / "web")
        with collection.documents() as store:
            if not store.count():
                store.add(_until(documents(web), passages))
        embedder = RememberedVectors(load_embedder(Settings().model), cache / "vectors", os.cpu_count() or 1)
        print(build(collection.folder, embedder, progress=_Teller()), file=sys.stderr)
    return folder


def documents(web: Web) -> Iterator[Document]:
    """The web's pages as the crawler would store them, in the order of a hash of their URLs."""
    from crawler.extract import extract

    pages = [(f"http://{site.host}{quote(path)}", page) for site in web.sites for path, page in site.pages()]
    for url, page in sorted(pages, key=lambda page: zlib.crc32(page[0].encode())):
        fetched_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(page.stat().st_mtime))
        found = extract(page.read_bytes(), url, "text/html", {}, fetched_at).document
        if found is not None:
            yield found


def _until(pages: Iterator[Document], passages: int) -> Iterator[Document]:
    settings, count = IndexSettings(), 0
    for document in pages:
        yield document
        count += len(split(document.text, settings).sections) or 1
        if count >= passages:
            return


def queries(folder: Path, data: Path, count: int) -> list[str]:
    """Titles and anchor texts of 8 to 12 words, and the known-item queries of that length; the same each time."""
    found: set[str] = set()
    with Collection(folder / COLLECTION).documents() as store:
        for document in store.documents():
            for text in (document.title, *(link.text for link in document.links)):
                if _is_query(text):
                    found.add(" ".join(text.split()))
    known = data / KNOWN_ITEM
    if known.exists():
        rows: list[dict[str, Any]] = [orjson.loads(line) for line in known.read_bytes().splitlines()]
        found.update(row["text"] for row in rows if _is_query(row["text"]))
    ordered = sorted(found)
    if len(ordered) < count:
        raise ValueError(
            f"the collection has {len(ordered)} titles and anchors of 8 to 12 words, {count} are asked for"
        )
    return random.Random(SEED).sample(ordered, count)


def _is_query(text: str) -> bool:
    """So many words, nearly all of them letters, and none that the parser would read as an operator."""
    words = text.split()
    plain = sum(1 for word in words if _PLAIN.search(word))
    return len(words) in WORDS and plain >= len(words) - 1 and not any(mark in text for mark in ':"()*^~-+|')


class _Teller:
    """A line of progress now and then."""

    def __init__(self) -> None:
        self._told = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told >= _SAY_EVERY_S:
            self._told = now
            left = "" if progress.eta is None else f", {progress.eta:.0f} s left"
            print(
                f"{progress.stage}: {progress.done} of {progress.total} {progress.unit}{left}",
                file=sys.stderr,
                flush=True,
            )
