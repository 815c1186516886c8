"""HTML that is handed in: read as a crawled page is, and a bad page costs only itself."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from api.embeddings import QueryVectors
from api.lanes import ingest_lines
from api.settings import Settings
from crawler.errors import ExtractionError
from crawler.extract import extract
from crawler.given import HtmlReader
from crawler.settings import CrawlSettings
from indexer.embed import load_embedder
from tests.crawler.conftest import settings
from tests.web.server import page

PAGES = [page(f"page {number}", f"/{number + 1}") for number in range(30)]


@pytest.fixture
def reader() -> Iterator[HtmlReader]:
    with HtmlReader() as opened:
        yield opened


def test_documents_are_those_of_extraction(reader: HtmlReader) -> None:
    """One after another, with and without an address; lone surrogates do no harm."""
    for url in ("http://h.org/a", ""):
        for markup in PAGES:
            assert reader.read(markup, url) == extract(markup.encode(), url, "text/html").document
    assert "half ? a" in reader.read("<p>half \ud800 a character", "").text


def test_a_page_that_is_handed_in_is_wanted(reader: HtmlReader) -> None:
    """noindex is for those who come by themselves."""
    assert reader.read('<meta name="robots" content="noindex"><p>Some words.', "").text == "Some words."


def test_a_page_without_text_is_refused(reader: HtmlReader) -> None:
    """With the reason, and the next one is read."""
    with pytest.raises(ExtractionError, match="no text"):
        reader.read("<p> </p>", "")
    assert reader.read(PAGES[0], "").title == "page 0"


def test_bad_pages_lose_only_themselves() -> None:
    """A crash, a hang in Python, one in C, too much memory: each is refused in time, and what follows is read."""
    with HtmlReader(settings(page_seconds=0.5)) as reader:
        for name in ("crash", "hang", "spin", "greedy"):
            started = time.monotonic()
            with pytest.raises(ExtractionError):
                reader.read(PAGES[0], f"http://h.org/{name}")
            assert time.monotonic() - started < 15
            assert reader.read(PAGES[1], "http://h.org/").title == "page 1"


def test_an_extractor_that_does_not_start() -> None:
    """Every page says why it could not be read."""
    with HtmlReader(CrawlSettings(extractor="no.such.module:extract")) as reader:
        for _ in range(2):
            with pytest.raises(ExtractionError, match="No module named"):
                reader.read(PAGES[0], "")


def test_an_ingest_reads_html_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line's html becomes its document though this process could not read it."""

    def here(*arguments: object) -> None:
        raise AssertionError("read in the server's own process")

    monkeypatch.setattr("crawler.extract.extract", here)
    chosen = Settings(data=tmp_path)
    lines = b"\n".join(orjson.dumps({"url": f"http://h.org/{n}", "html": markup}) for n, markup in enumerate(PAGES))
    vectors = QueryVectors(lambda: load_embedder(chosen.model), 1)
    report = ingest_lines(chosen, "default", "default", io.BytesIO(lines), vectors)
    assert (report["documents"], report["collection_documents"]) == (30, 30)
