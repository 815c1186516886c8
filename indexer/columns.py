"""One value per document: given documents in row order, writes columns that filters and attributes read.

Numbers are float64 (NaN: unknown) or codes into a list of texts; ids, URLs and link targets also have a sorted hash
for lookup. Metadata is kept by name: (row, number) and (row, text) pairs; lists give several pairs, objects none.
Not for reading conditions (filters.py).
"""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import numpy as np

from indexer.analyze import token_hash, url_depth
from indexer.arrays import Array, ArrayWriter, Strings, add_strings, strings_of
from indexer.urls import canonical_url, site_of, url_key
from ranking.dates import parse_date
from ranking.errors import ForageError
from ranking.identity import number_of
from ranking.types import Document, Longs

DATES: Final = ("published", "modified", "fetched")
CODED: Final = ("site", "domain", "language", "filetype")
AUTHOR: Final = "author"  # coded too, but its texts may be many: they are read when asked for
MAX_METADATA_TEXT: Final = 256
"""Characters of a metadata text that filters compare; longer ones are prose, not keys."""


def seconds(date: str | None) -> float:
    """Epoch seconds of the start of a date; NaN for none or an unreadable one."""
    if not date:
        return math.nan
    try:
        return parse_date(date).start
    except ForageError:
        return math.nan


def registrable(site: str) -> str:
    """The domain that was registered: public suffix and one label; the host itself when it has none."""
    found = _suffixes()(site)
    return str(found.top_domain_under_public_suffix) or site


@cache
def _suffixes() -> Any:
    """The public suffix list as the package carries it. Imported here: only writing needs it, and it is slow."""
    import tldextract

    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def language_code(language: str | None) -> str:
    return (language or "").lower()[:2]


def site_of_document(document: Document) -> str:
    return document.site or site_of(document.url)


def address_of(document: Document) -> str:
    """Site and what follows the authority in the URL: what site: and url_prefix: walk in sorted order."""
    rest = document.url.partition("://")[2]
    cut = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    return site_of_document(document) + (rest[cut:] or "/")


def quality_of(words: int, distinct: int) -> float:
    """[0, 1]: length (half at 100 words) times variety, so that stubs and repeated boilerplate score low.
    Ours: a plain prior until eval/ replaces it."""
    if not words:
        return 0.0
    variety = min(1.0, distinct / math.sqrt(words) / 4)  # Guiraud's root TTR; running text has 4 and more
    return words / (words + 100) * variety


def metadata_values(value: Any) -> list[float | str]:
    """What filters compare of one metadata value: numbers as float, truth values and texts as text."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, int | float):
        return [float(value)] if abs(value) <= sys.float_info.max else []
    if isinstance(value, str):
        return [value[:MAX_METADATA_TEXT]]
    if isinstance(value, list | tuple):
        return [item for part in value if not isinstance(part, list | tuple) for item in metadata_values(part)]
    return []


def number_in(value: float | str) -> float | None:
    """A number, or the one that a text writes; None for a text that writes none."""
    if isinstance(value, float):
        return value
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class ColumnWriter:
    """`add` documents in row order, then `write`."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._addresses: list[str] = []
        self._written: list[str] = []
        self._codes: dict[str, dict[str, int]] = {name: {} for name in (*CODED, AUTHOR)}
        self._coded: dict[str, list[int]] = {name: [] for name in (*CODED, AUTHOR)}
        self._numbers: dict[str, list[float]] = {name: [] for name in (*DATES, "depth", "words", "quality")}
        self._content: list[int] = []
        self._urls = _Pairs()
        self._links = _Pairs()
        self._metadata: dict[str, tuple[list[tuple[int, float]], list[tuple[int, str]]]] = {}

    def add(self, document: Document, words: int, distinct: int) -> None:
        row = len(self._ids)
        self._ids.append(document.id)
        self._addresses.append(address_of(document))
        self._written.append(document.url)
        site = site_of_document(document)
        for name, value in (
            ("site", site),
            ("domain", registrable(site)),
            ("language", language_code(document.language)),
            ("filetype", document.filetype.lower()),
            (AUTHOR, document.author or ""),
        ):
            codes = self._codes[name]
            self._coded[name].append(codes.setdefault(value, len(codes)))
        for name, number in (
            ("published", seconds(document.published_at)),
            ("modified", seconds(document.modified_at)),
            ("fetched", seconds(document.fetched_at)),
            ("depth", float(url_depth(document.url))),
            ("words", float(words)),
            ("quality", quality_of(words, distinct)),
        ):
            self._numbers[name].append(number)
        self._content.append(number_of(document.content_hash))
        self._urls.add({url_key(document.url), url_key(canonical_url(document.url))}, row)
        self._links.add({url_key(link.url) for link in document.links}, row)
        for key, value in document.metadata.items():
            numbers, texts = self._metadata.setdefault(str(key), ([], []))
            for item in metadata_values(value):
                if isinstance(item, float):
                    numbers.append((row, item))
                else:
                    texts.append((row, item))

    def write(self, writer: ArrayWriter) -> None:
        """Raises ValueError for an id that occurs twice."""
        if len(set(self._ids)) < len(self._ids):
            seen: set[str] = set()
            twice = next(value for value in self._ids if value in seen or seen.add(value))  # type: ignore[func-returns-value]
            raise ValueError(f"document {twice!r} occurs twice in one segment")
        add_strings(writer, "id", self._ids)
        hashes = _Pairs()
        for row, identifier in enumerate(self._ids):
            hashes.add((token_hash(identifier),), row)
        hashes.write(writer, "id")
        add_strings(writer, "address", self._addresses)
        add_strings(writer, "written", self._written)
        order = sorted(range(len(self._addresses)), key=self._addresses.__getitem__)
        writer.add("address.order", np.array(order, np.int32))
        for name in (*CODED, AUTHOR):
            writer.add(f"{name}.code", np.array(self._coded[name], np.int32))
            add_strings(writer, name, list(self._codes[name]))
        for name, values in self._numbers.items():
            writer.add(name, np.array(values, np.float64))
        writer.add("content", np.array(self._content, np.int64))
        self._urls.write(writer, "url")
        self._links.write(writer, "link")
        names = sorted(self._metadata)
        writer.add("metadata.names", np.frombuffer(json.dumps(names).encode(), np.uint8))
        for number, name in enumerate(names):
            numbers, texts = self._metadata[name]
            writer.add(f"metadata.{number}.number", np.array([value for _, value in numbers], np.float64))
            writer.add(f"metadata.{number}.number.row", np.array([row for row, _ in numbers], np.int32))
            distinct = sorted({text for _, text in texts})
            code = {text: at for at, text in enumerate(distinct)}
            add_strings(writer, f"metadata.{number}", distinct)
            writer.add(f"metadata.{number}.code", np.array([code[text] for _, text in texts], np.int32))
            writer.add(f"metadata.{number}.code.row", np.array([row for row, _ in texts], np.int32))


class _Pairs:
    """(64-bit key, row) pairs on their way into a sorted lookup, 12 bytes each: a page has a hundred links."""

    def __init__(self) -> None:
        self._keys, self._rows = array("Q"), array("i")

    def add(self, keys: Iterable[int], row: int) -> None:
        for key in keys:
            self._keys.append(key)
            self._rows.append(row)

    def write(self, writer: ArrayWriter, name: str) -> None:
        keys, rows = np.array(self._keys, np.uint64), np.array(self._rows, np.int32)
        order = np.lexsort((rows, keys))
        writer.add(f"{name}.key", keys[order])
        writer.add(f"{name}.row", rows[order])


class Columns:
    """One segment's columns by local row."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = arrays
        self.ids = strings_of(arrays, "id")
        self.addresses = strings_of(arrays, "address")
        self.address_order = arrays["address.order"]
        self.urls = strings_of(arrays, "written")
        self.tables: dict[str, list[str]] = {name: strings_of(arrays, name).all() for name in CODED}
        self._names: list[str] = json.loads(bytes(arrays["metadata.names"]))

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    @property
    def authors(self) -> tuple[list[str], Array] | None:
        """(texts, code of each row), "" for none; None in a segment that was written without."""
        if f"{AUTHOR}.code" not in self._arrays:
            return None
        return strings_of(self._arrays, AUTHOR).all(), self._arrays[f"{AUTHOR}.code"]

    def rows_of(self, name: str, key: int) -> Longs:
        """Local rows whose id, URL or link target (`name`: id, url, link) has this hash."""
        keys = self._arrays[f"{name}.key"]
        wanted = np.uint64(key)
        low, high = keys.searchsorted(wanted), keys.searchsorted(wanted, "right")
        return self._arrays[f"{name}.row"][low:high].astype(np.int64)

    def row_of_id(self, identifier: str) -> int | None:
        for row in self.rows_of("id", token_hash(identifier)).tolist():
            if self.ids[row] == identifier:
                return int(row)
        return None

    def metadata(self, name: str) -> tuple[Array, Array, Strings, Array, Array] | None:
        """(numbers, their rows, sorted texts, text codes, their rows) of one metadata field."""
        if name not in self._names:
            return None
        at = f"metadata.{self._names.index(name)}"
        arrays = self._arrays
        return (
            arrays[f"{at}.number"], arrays[f"{at}.number.row"], strings_of(arrays, at), arrays[f"{at}.code"],
            arrays[f"{at}.code.row"],
        )  # fmt: skip
