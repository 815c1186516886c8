"""Markdown into passages: given a text, returns where its passages begin and end and the headings above each.

Blocks (paragraphs, list items, tables, fenced code, headings) are packed in order up to a size; a block too large
is cut at sentences or lines, then between words, and never inside a word (scripts without spaces may be cut between
characters). Code and tables that fit stay whole. A heading begins a new passage unless the one before it is still
small. Consecutive passages of a section share about `overlap_tokens`. Linear in the text. Not for HTML.

Laws: passages cover every non-blank character, in order; `text[start:end]` is the passage; `cuts` are all their
borders, so each passage is a whole number of cells [cuts[i], cuts[i+1]) and no two cells share a character.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from indexer.analyze import readable
from indexer.settings import IndexSettings

_UNSPACED: Final = "\u0e00-\u0e7f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_PIECE: Final = re.compile(rf"[{_UNSPACED}\uac00-\ud7af]|[^\W\d_]{{1,6}}|\d{{1,3}}|[^\w\s]|_")
_ASCII_PIECE: Final = re.compile(r"[a-zA-Z]{1,6}|[0-9]{1,3}|[^a-zA-Z0-9\s]")
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_HEADING: Final = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM: Final = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")
_SENTENCE_END: Final = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]+[」』）]*\s*|\n\s*")
_LINE_END: Final = re.compile(r"\n")
_WORD_END: Final = re.compile(rf"\s+|(?<=[{_UNSPACED}])(?=\S)|(?<=\S)(?=[{_UNSPACED}])")
_MARKUP: Final = re.compile(r"[*_`]+|!?\[([^\]]*)\]\([^)]*\)")
HEADING_SEPARATOR: Final = " > "
MAX_HEADING_CHARACTERS: Final = 300
"""A longer line is prose, whatever it begins with: headings are repeated with every passage below them."""


@dataclass(frozen=True, slots=True)
class Section:
    """One passage: characters [start, end), and the headings above it joined with " > "."""

    start: int
    end: int
    heading: str


@dataclass(frozen=True, slots=True)
class Split:
    """All of a text. `headings` are the texts of its heading lines, in order."""

    sections: tuple[Section, ...]
    cuts: tuple[int, ...]
    headings: tuple[str, ...]

    def cells(self, section: Section) -> tuple[int, int]:
        """First cell of a passage and the one after its last."""
        return bisect_left(self.cuts, section.start), bisect_left(self.cuts, section.end)


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never cut by packing. `level` is 1 to 6 for a heading line, else 0."""

    start: int
    end: int
    size: int
    level: int = 0
    title: str = ""


def estimate(text: str) -> int:
    """About how many tokens a BERT-like model reads in `text` (within 15 % on English web text)."""
    return len((_ASCII_PIECE if text.isascii() else _PIECE).findall(text))


def split(text: str, settings: IndexSettings) -> Split:
    """Passages of `text`; none for a blank text."""
    packer = _Packer(settings)
    for unit in _units(text, settings):
        packer.add(unit)
    packer.flush()
    borders = {0, len(text)}
    for section in packer.sections:
        borders.update((section.start, section.end))
    return Split(tuple(packer.sections), tuple(sorted(borders)), tuple(packer.titles))


def embedding_text(title: str, heading: str, passage: str, settings: IndexSettings) -> str:
    """What the embedder reads for a passage: title and headings give it the context that cutting took away."""
    parts = []
    if settings.embed_title and title:
        parts.append(title)
    if settings.embed_heading and heading and heading != title:
        parts.append(heading.removeprefix(title + HEADING_SEPARATOR))
    parts.append(readable(passage))
    return "\n".join(part for part in parts if part)


# ---------------------------------------------------------------- blocks


def _units(text: str, settings: IndexSettings) -> Iterator[_Unit]:
    for start, end, kind, level, title in _blocks(text):
        start, end = _trimmed(text, start, end)
        if start == end:
            continue
        size = estimate(text[start:end])
        if kind == "heading":
            yield _Unit(start, end, size, level, title)
        elif size <= (settings.passage_tokens if kind == "whole" else settings.overlap_tokens):
            yield _Unit(start, end, size)
        else:
            yield from _cut(text, start, end, settings, _LINE_END if kind == "whole" else _SENTENCE_END)


def _blocks(text: str) -> Iterator[tuple[int, int, str, int, str]]:
    """(start, end, kind, level, title); kind is heading, whole (code or table) or prose. Covers the text."""
    begun, kind, fence = 0, "", ""
    for match in _LINE.finditer(text):
        at, line = match.start(), match.group().rstrip("\n\r")
        if not line and kind == "blank" and not fence:
            continue
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence) and not line[mark.end() :].strip():
                yield begun, match.end(), "whole", 0, ""
                begun, kind, fence = match.end(), "", ""
            continue
        heading = _HEADING.match(line) if len(line) <= MAX_HEADING_CHARACTERS else None
        now = "fence" if mark else "heading" if heading else _kind(line)
        if now != kind or now in ("heading", "item", "blank"):
            if begun < at and kind != "blank":
                yield begun, at, "whole" if kind == "table" else "prose", 0, ""
            begun, kind = at, now
        if mark:
            fence = mark[1]
        elif heading:
            yield at, match.end(), "heading", len(heading[1]), _plain(line[heading.end() :])
            begun, kind = match.end(), ""
    if begun < len(text):
        yield begun, len(text), "whole" if kind in ("table", "fence") else "prose", 0, ""


def _kind(line: str) -> str:
    stripped = line.strip()
    if not stripped:
        return "blank"
    if stripped.startswith("|"):
        return "table"
    return "item" if _ITEM.match(line) else "prose"


def _plain(heading: str) -> str:
    """Text of a heading without markup and without the #s that may close it."""
    heading = heading.strip()
    closed = heading.rstrip("#")
    if not closed or closed[-1].isspace():
        heading = closed
    return " ".join(_MARKUP.sub(lambda match: match[1] or "", heading).split())


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    if not piece or piece.isspace():
        return end, end
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _cut(text: str, start: int, end: int, settings: IndexSettings, border: re.Pattern[str]) -> Iterator[_Unit]:
    """Pieces of a block at `border`; a piece too large is cut between words."""
    at = start
    ends = [match.end() for match in border.finditer(text, start, end)]
    for stop in (*ends, end):
        first, last = _trimmed(text, at, stop)
        if first == last:
            continue
        at = stop
        size = estimate(text[first:last])
        if size <= settings.passage_tokens:
            yield _Unit(first, last, size)
        else:
            yield from _cut_words(text, first, last, settings)


def _cut_words(text: str, start: int, end: int, settings: IndexSettings) -> Iterator[_Unit]:
    begun, at, size = start, start, 0
    for stop in (*(match.end() for match in _WORD_END.finditer(text, start, end)), end):
        if stop == at:
            continue
        word = estimate(text[at:stop])
        if size and size + word > settings.passage_tokens:
            first, last = _trimmed(text, begun, at)
            yield _Unit(first, last, size)
            begun, size = at, 0
        at, size = stop, size + word
    first, last = _trimmed(text, begun, end)
    if first < last:
        yield _Unit(first, last, size)


# ---------------------------------------------------------------- packing


class _Packer:
    """Units in, passages out."""

    def __init__(self, settings: IndexSettings) -> None:
        self.sections: list[Section] = []
        self.titles: list[str] = []
        self._settings = settings
        self._path: list[tuple[int, str]] = []
        self._held: list[_Unit] = []
        self._size = 0
        self._fresh = False  # holds more than what it shares with the passage before
        self._heading = ""

    def add(self, unit: _Unit) -> None:
        if unit.level:
            if unit.title:
                self.titles.append(unit.title)
            if self._size >= self._settings.section_tokens:
                self._emit(overlap=False)
            self._path = [step for step in self._path if step[0] < unit.level]
            if unit.title:
                self._path.append((unit.level, unit.title))
        if self._held and self._size + unit.size > self._settings.passage_tokens:
            self._emit(overlap=not unit.level)
            if self._size + unit.size > self._settings.passage_tokens:  # a large unit: what is shared gives way
                self._held, self._size = [], 0
        if not self._held or all(held.level for held in self._held):
            self._heading = HEADING_SEPARATOR.join(title for _, title in self._path)
        self._held.append(unit)
        self._size += unit.size
        self._fresh = True

    def flush(self) -> None:
        self._emit(overlap=False)

    def _emit(self, overlap: bool) -> None:
        if self._held and self._fresh:
            self.sections.append(Section(self._held[0].start, self._held[-1].end, self._heading))
        kept: list[_Unit] = []
        size = 0
        if overlap:
            for unit in reversed(self._held[1:]):
                if unit.level or size + unit.size > self._settings.overlap_tokens:
                    break
                kept.insert(0, unit)
                size += unit.size
        self._held, self._size, self._fresh = kept, size, False
        if kept:
            self._heading = HEADING_SEPARATOR.join(title for _, title in self._path)
