"""Measures extraction on the two gold sets beside trafilatura and resiliparse; writes the table of docs/quality.md.

Run: `python -m bench.extraction [--data DIR] [--sample N]`; DIR (else FORAGE_TEST_DATA) holds `ext-readability`
and `ext-trafilatura-a`. One process, one thread; speed is pages per second of CPU time of this process, all
pages of both sets, the systems in turns page by page, after a warm-up. Not for tuning.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trafilatura
import zstandard
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding
from selectolax.lexbor import LexborHTMLParser

from bench.tables import markdown, replace_table
from crawler import html_fallback
from crawler.extract import extract

ARTICLES, SEGMENTS = "ext-readability", "ext-trafilatura-a"
WARM_UP_PAGES = 20
_WORD = re.compile(r"\w+")
_NOT_WORD = re.compile(r"\W+")


@dataclass(frozen=True)
class Page:
    """A page with its gold record."""

    name: str
    body: bytes
    url: str
    gold: dict[str, Any]


@dataclass(frozen=True)
class Read:
    """What a system made of a page."""

    text: str
    title: str | None = None
    author: str | None = None
    date: str | None = None


Reader = Callable[[Page], Read]


def pages_of(folder: Path, sample: int | None = None) -> list[Page]:
    """The pages of a gold set; `sample`: only so many, evenly spread."""
    with zstandard.open(folder / "pages.tar.zst", "rb") as packed:
        content = io.BytesIO(packed.read())
    with tarfile.open(fileobj=content) as archive:
        bodies = {member.name: file.read() for member in archive if (file := archive.extractfile(member)) is not None}
    records = [json.loads(line) for line in (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines()]
    if sample and sample < len(records):
        records = records[:: len(records) // sample][:sample]
    return [Page(r["id"], bodies[r["file"]], r.get("url") or f"http://fakehost/{r['id']}", r) for r in records]


def _ours(page: Page) -> Read:
    document = extract(page.body, page.url, "text/html").document
    if document is None:
        return Read("")
    return Read(document.text, document.title, document.author, document.published_at)


def _trafilatura(**options: Any) -> Reader:
    def read(page: Page) -> Read:
        return Read(trafilatura.extract(page.body, url=page.url, include_comments=False, **options) or "")

    return read


def _trafilatura_with_metadata(page: Page) -> Read:
    found = trafilatura.bare_extraction(page.body, url=page.url, include_comments=False, with_metadata=True)
    if found is None:
        return Read("")
    return Read(found.text or "", found.title, found.author, found.date)


def _resiliparse(page: Page) -> Read:
    markup = page.body.decode(detect_encoding(page.body) or "utf-8", "replace")
    return Read(extract_plain_text(markup, main_content=True, alt_texts=False, preserve_formatting=False))


SYSTEMS: dict[str, Reader] = {
    "trafilatura": _trafilatura(),
    "trafilatura, fast": _trafilatura(fast=True),
    "trafilatura, with metadata": _trafilatura_with_metadata,
    "resiliparse, main content": _resiliparse,
    "Forage (text, metadata, links)": _ours,
}


def bag_score(text: str, expected: str) -> tuple[float, float, float]:
    """Precision, recall and F1 of the words of a page, repeats counted."""
    found, gold = Counter(_WORD.findall(text.lower())), Counter(_WORD.findall(expected.lower()))
    common = (found & gold).total()
    precision, recall = common / max(1, found.total()), common / max(1, gold.total())
    return precision, recall, 2 * precision * recall / (precision + recall) if common else 0.0


def segment_counts(text: str, gold: dict[str, Any]) -> Counter[str]:
    """How many segments that must be kept were found (tp) or not (fn), and of those that must go (fp)."""
    plain = " ".join(text.split())
    kept = [" ".join(segment.split()) in plain for segment in gold["with"]]
    gone = [" ".join(segment.split()) in plain for segment in gold["without"]]
    return Counter(tp=sum(kept), fn=len(kept) - sum(kept), fp=sum(gone))


def _plain(markup: str) -> str:
    body = LexborHTMLParser(markup).body
    return body.text(separator=" ") if body is not None else ""


def _letters(text: str | None) -> str:
    return _NOT_WORD.sub("", text or "").lower()


def _right(found: str | None, gold: str | None, *, exact: bool) -> bool:
    one, other = _letters(found), _letters(gold)
    return one == other if exact else bool(one) and (one in other or other in one)


def _share(answers: Iterator[bool]) -> str:
    counted = list(answers)
    return f"{sum(counted) / max(1, len(counted)):.2f}"


def read_all(pages: list[Page]) -> tuple[dict[str, list[Read]], dict[str, float], int]:
    """What each system made of each page, its CPU seconds, and how often our second reader was asked.

    The systems take turns page by page, so that what else the machine does slows all of them alike.
    """
    for page in pages[:: max(1, len(pages) // WARM_UP_PAGES)]:
        for reader in SYSTEMS.values():
            reader(page)
    asked = 0
    slow = html_fallback.read_slowly

    def counting(markup: str) -> str:
        nonlocal asked
        asked += 1
        return slow(markup)

    html_fallback.read_slowly = counting
    read: dict[str, list[Read]] = {name: [] for name in SYSTEMS}
    spent = dict.fromkeys(SYSTEMS, 0.0)
    for number, page in enumerate(pages, start=1):
        for name, reader in SYSTEMS.items():
            start = time.process_time()
            read[name].append(reader(page))
            spent[name] += time.process_time() - start
        if number % 100 == 0:
            print(f"{number} of {len(pages)} pages", file=sys.stderr, flush=True)
    html_fallback.read_slowly = slow
    return read, spent, asked


def row_of(
    name: str, found: list[Read], spent: float, asked: int, articles: list[Page], segments: list[Page]
) -> list[str]:
    """One row of the table."""
    read, parts = found[: len(articles)], found[len(articles) :]
    bags = [bag_score(r.text, _plain(p.gold["expected_html"])) for r, p in zip(read, articles, strict=True)]
    precision, recall, f1 = (sum(values) / max(1, len(bags)) for values in zip(*bags, strict=True))
    counts = sum((segment_counts(r.text, p.gold) for r, p in zip(parts, segments, strict=True)), Counter[str]())
    kept = counts["tp"] / max(1, counts["tp"] + counts["fp"])
    found = counts["tp"] / max(1, counts["tp"] + counts["fn"])
    pairs = [(r, p.gold["metadata"]) for r, p in zip(read, articles, strict=True)]
    stated = any(r.title is not None for r in read)
    total = len(articles) + len(segments)
    return [
        name,
        f"{precision:.4f}",
        f"{recall:.4f}",
        f"{f1:.4f}",
        f"{kept:.4f}",
        f"{found:.4f}",
        f"{2 * kept * found / (kept + found):.4f}",
        f"{total / spent:.0f}",
        _share(_right(r.title, m["title"], exact=True) for r, m in pairs) if stated else "-",
        _share(_right(r.author, m["byline"], exact=False) for r, m in pairs if m.get("byline")) if stated else "-",
        _share((r.date or "")[:10] == m["publishedTime"][:10] for r, m in pairs if m.get("publishedTime"))
        if stated
        else "-",
        f"{asked / total:.1%}" if SYSTEMS[name] is _ours else "-",
    ]


def main() -> int:
    """Prints each row as it is measured and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("FORAGE_TEST_DATA"), help="folder of the gold sets")
    parser.add_argument("--sample", type=int, help="pages of each set; writes no table")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "quality.md")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("no data: give --data DIR or set FORAGE_TEST_DATA")
    articles = pages_of(Path(arguments.data) / ARTICLES, arguments.sample)
    segments = pages_of(Path(arguments.data) / SEGMENTS, arguments.sample)
    rows: list[list[str]] = [
        [
            "system",
            "words P",
            "words R",
            "words F1",
            "segments P",
            "segments R",
            "segments F1",
            "pages/CPU s",
            "title",
            "author",
            "date",
            "second reader",
        ]
    ]
    read, spent, asked = read_all([*articles, *segments])
    for name in SYSTEMS:
        rows.append(row_of(name, read[name], spent[name], asked, articles, segments))
        print(*rows[-1], sep="\t", flush=True)
    if arguments.sample is None:
        replace_table(arguments.out, "extraction", "python -m bench.extraction --data DIR", markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
