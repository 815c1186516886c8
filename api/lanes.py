"""The lanes by which pages get in: given a collection, crawls, extracts again, ingests and builds.

Wires the crawler to the document store and the store to the index, which do not know each other. Blocks; called by
the command line, by crawl jobs and by ingest. Not for searching. The crawler and the building of an index (scipy)
are imported late: a server that only searches starts without them.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import orjson

from api.embeddings import QueryVectors
from api.errors import InvalidRequestError
from api.settings import Settings
from indexer.collection import get_collection
from indexer.embed import load_embedder
from indexer.limits import IngestLimits
from ranking.ports import Embedder

if TYPE_CHECKING:
    from crawler.events import CrawlEvent
    from indexer.build import BuildReport
    from indexer.progress import Progress

Emit = Callable[[dict[str, Any]], None]
Tell = Callable[[int, int | None, str], None]


def crawl_into(
    settings: Settings,
    tenant: str,
    collection: str,
    urls: Sequence[str],
    *,
    max_pages: int,
    depth: int | None,
    allow_hosts: Sequence[str],
    allow_private: bool,
    emit: Emit,
    exclude: Sequence[str] = (),
) -> dict[str, Any]:
    """Crawl into the collection's WARC files and documents; returns the report. The index is built apart."""
    from crawler.crawl import crawl
    from crawler.frontier import aliases
    from crawler.settings import CrawlSettings

    target = get_collection(settings.data, collection, tenant)
    crawl_settings = CrawlSettings(
        max_pages=max_pages,
        depth=depth,
        allow_hosts=tuple(allow_hosts),
        allow_private=allow_private,
        exclude=tuple(exclude),
    )
    with target.documents() as documents:
        report = asyncio.run(crawl(urls, target.folder, documents, crawl_settings, lambda event: emit(_event(event))))
        documents.redirect(aliases(target.folder).items())  # so that links to a redirected address count
    return {
        "run": report.run,
        "reason": report.reason,
        "seconds": round(report.seconds, 2),
        "pages_per_second": round(report.rate, 1),
        "pages": report.counts.fetched,
        **asdict(report.counts),
        "notices": [asdict(notice) for notice in report.notices],
    }


def _event(event: CrawlEvent) -> dict[str, Any]:
    body: dict[str, Any] = {
        "kind": event.kind,
        "url": event.url,
        "pages": event.counts.fetched,
        "queued": event.counts.waiting,
        "rate": round(event.rate, 1),
        "seconds": round(event.seconds, 2),
    }
    for name in ("status", "bytes", "reason", "other"):
        value = getattr(event, name)
        if value:
            body[name] = value
    if event.kind in ("progress", "finished"):
        body["counts"] = asdict(event.counts)
        body["kind"] = "crawled" if event.kind == "finished" else "progress"  # a job is finished when it is indexed
    return body


def reextract(settings: Settings, tenant: str, collection: str, *, emit: Emit) -> dict[str, Any]:
    """Read every stored response again, without the network, into the collection's documents."""
    from crawler.reextract import reextract as reextract_folder
    from crawler.settings import CrawlSettings

    target = get_collection(settings.data, collection, tenant)
    with target.documents() as documents:
        report = reextract_folder(target.folder, documents, CrawlSettings(), lambda event: emit(_event(event)))
    return asdict(report)


def build_index(
    settings: Settings,
    tenant: str,
    collection: str,
    *,
    emit: Emit | None = None,
    rebuild: bool = False,
    embedder: Embedder | None = None,
) -> dict[str, Any]:
    """Make the collection's documents searchable; returns the report."""
    from indexer.build import build

    target = get_collection(settings.data, collection, tenant)
    told = None if emit is None else lambda progress: emit(_progress(progress))
    report = build(
        target.folder, embedder or load_embedder(settings.model, threads=settings.search_threads), None, told,
        rebuild=rebuild,
    )  # fmt: skip
    return _built(report)


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "kind": "index_progress",
        "stage": progress.stage,
        "unit": progress.unit,
        "done": progress.done,
        "total": progress.total,
        "rate": round(progress.rate, 1),
        "eta_s": None if progress.eta is None else round(progress.eta, 1),
        "note": progress.stage,
    }


def _built(report: BuildReport) -> dict[str, Any]:
    body = asdict(report)
    body["seconds"] = round(report.seconds, 2)
    body["notices"] = [asdict(notice) for notice in report.notices]
    return body


def ingest_lines(
    settings: Settings,
    tenant: str,
    collection: str,
    stream: IO[bytes],
    vectors: QueryVectors,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Store every line and make it searchable, or neither; returns what was stored and the new generation.

    Raises what import_documents and build raise: then nothing of the stream was stored.
    """
    from crawler.given import HtmlReader
    from crawler.urls import canonical, document_id
    from indexer.build import build
    from indexer.importer import import_documents

    target = get_collection(settings.data, collection, tenant)
    if tell is not None:
        tell(0, None, "reading")
    with target.stage() as staged:
        with HtmlReader() as reader:  # the same extraction as a crawled page's
            imported = import_documents(
                cast(BinaryIO, stream),
                staged,
                extract_html=reader.read,
                name_page=lambda url: document_id(canonical(url)),
                limits=IngestLimits(max_bytes=settings.max_ingest_bytes),
            )
        if tell is None:  # a server: searches need the other cores
            report = build(target.folder, vectors.embedder, staged=staged)
        else:
            embedder = load_embedder(settings.model, threads=settings.search_threads)
            report = build(
                target.folder, embedder, None, lambda now: tell(now.done, now.total, now.stage), staged=staged
            )
    return {
        "documents": imported.documents,
        "new_or_changed": report.stored,
        "notices": [asdict(notice) for notice in imported.notices],
        "generation": report.generation,
        "collection_documents": report.documents,
        "collection_passages": report.passages,
        "seconds": round(report.seconds, 3),
    }


def ingest_objects(
    settings: Settings, tenant: str, collection: str, payload: Any, vectors: QueryVectors
) -> dict[str, Any]:
    """The same for JSON: one document, a list of them, or {"documents": [...]}."""
    rows = payload
    if isinstance(payload, dict):
        rows = payload["documents"] if set(payload) == {"documents"} else [payload]
    if not isinstance(rows, list) or not rows:
        raise InvalidRequestError(
            'send one document, a non-empty list of them, or {"documents": [...]}',
            path="$",
            hint='for example {"id": "1", "title": "...", "text": "..."}',
        )
    lines = b"\n".join(_line(row, number) for number, row in enumerate(rows))
    return ingest_lines(settings, tenant, collection, io.BytesIO(lines), vectors)


def _line(row: Any, number: int) -> bytes:
    try:
        return orjson.dumps(row)
    except orjson.JSONEncodeError as error:  # nested deeper than orjson writes
        raise InvalidRequestError(
            f"document {number + 1} cannot be written as one line of JSON: {error}",
            path="$",
            hint=f"metadata may be nested {IngestLimits().max_metadata_depth} levels deep",
        ) from error
