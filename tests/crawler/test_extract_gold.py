"""Extraction beside trafilatura on a sample of the gold sets, scored here anew (the benchmark has its own code)."""

import io
import json
import os
import re
import tarfile
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from crawler.extract import extract

DATA = os.environ.get("FORAGE_TEST_DATA")
TOLERANCE = 0.005
SAMPLE = 60
pytestmark = pytest.mark.skipif(not DATA, reason="FORAGE_TEST_DATA is not set: no gold sets")


def sample(name):
    """Gold records with their bodies: SAMPLE pages of a set, evenly spread."""
    folder = Path(DATA) / name
    records = [json.loads(line) for line in (folder / "gold.jsonl").read_text("utf-8").splitlines()]
    records = records[:: len(records) // SAMPLE][:SAMPLE]
    with zstandard.open(folder / "pages.tar.zst", "rb") as packed:
        content = io.BytesIO(packed.read())
    with tarfile.open(fileobj=content) as archive:
        return [(record, archive.extractfile(record["file"]).read()) for record in records]


def ours(body, url):
    """Our text of a page."""
    document = extract(body, url, "text/html").document
    return document.text if document else ""


def theirs(body, url):
    """trafilatura's text of a page, in its fast mode."""
    import trafilatura

    return trafilatura.extract(body, url=url, fast=True, include_comments=False) or ""


def words_f1(text, markup):
    """F1 of the words of a page against the expected article."""
    expected = re.sub(r"<[^>]*>", " ", markup)
    found, gold = (Counter(re.findall(r"\w{2,}", t.lower())) for t in (text, expected))
    return 2 * (found & gold).total() / max(1, found.total() + gold.total())


def segments_f1(pages, read):
    """F1 over all segments: those to keep that are there, those to drop that are not."""
    hits = misses = noise = 0
    for gold, body in pages:
        text = re.sub(r"\s+", " ", read(body, gold["url"]))
        kept = sum(re.sub(r"\s+", " ", segment).strip() in text for segment in gold["with"])
        hits, misses = hits + kept, misses + len(gold["with"]) - kept
        noise += sum(re.sub(r"\s+", " ", segment).strip() in text for segment in gold["without"])
    return 2 * hits / (2 * hits + misses + noise)


@pytest.mark.filterwarnings("ignore")
def test_words_are_no_worse_than_trafilaturas():
    """On articles with known text: mean F1 of the words."""
    pages = sample("ext-readability")
    scores = {
        read: sum(words_f1(read(body, "http://fakehost/x"), gold["expected_html"]) for gold, body in pages) / len(pages)
        for read in (ours, theirs)
    }
    assert scores[ours] >= scores[theirs] - TOLERANCE


@pytest.mark.filterwarnings("ignore")
def test_segments_are_no_worse_than_trafilaturas():
    """On multilingual pages with segments to keep and to drop: F1 over all of them."""
    pages = sample("ext-trafilatura-a")
    assert segments_f1(pages, ours) >= segments_f1(pages, theirs) - TOLERANCE
