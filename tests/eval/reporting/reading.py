"""A report read back, as programs and people do: the tables of its page, of its Markdown and of its JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

Rows = list[list[str]]


class Page(HTMLParser):
    """Tables in order, head first; every attribute of every element; titles of plots."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[Rows] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.titles: list[str] = []
        self.tags: list[str] = []
        self._cell: list[str] | None = None
        self._title = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []
        self._title = tag == "title"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        self._title = False

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
        if self._title:
            self.titles.append(data)


def markdown_tables(text: str) -> list[Rows]:
    """Tables in order, head first."""
    tables: list[Rows] = []
    before = False
    for line in text.splitlines():
        inside = line.startswith("| ")
        if inside and not before:
            tables.append([])
        if inside:
            cells = [
                re.sub(r"\\(.)", r"\1", cell).replace("&lt;", "<") for cell in re.split(r" \| |^\| | \|$", line)[1:-1]
            ]
            if set(cells) != {"---"}:
                tables[-1].append(cells)
        before = inside
    return tables


def json_tables(body: Any) -> Iterator[dict[str, Any]]:
    """Tables in reading order."""
    for section in body["sections"]:
        for block in section["blocks"]:
            if block["kind"] == "table":
                yield block
            elif block["kind"] == "figure":
                yield block["numbers"]
        yield from json_tables(section)
