"""Values of pages for the oracle MemoryIndex: given a page and the name of a field, returns its number, its label or
the values that are counted; given all pages, quantiles and counts.

A metadata value is a number, a text or a list of them; objects are none. Not for serving; see memory.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from indexer.columns import language_code, metadata_values, registrable, seconds, site_of_document
from indexer.memory_pages import Page, is_number
from ranking.types import META_PREFIX, Doubles, Longs


def number(page: Page, name: str) -> float:
    """The largest number of a metadata field, a text of a number being one; NaN without."""
    values = metadata_values(page.document.metadata.get(name))
    return max((float(value) for value in values if is_number(value)), default=math.nan)


def quantiles(pages: Iterable[Page], name: str) -> Doubles | None:
    numbers = [value for page in pages if not math.isnan(value := number(page, name))]
    return np.quantile(numbers, np.linspace(0, 1, 101), method="linear") if numbers else None


def labels(pages: Sequence[Page], name: str) -> Longs:
    """[n] equal where the value is equal, -1 without a value."""
    codes: dict[Hashable, int] = {}
    values = [_label(page, name) for page in pages]
    return np.array([codes.setdefault(value, len(codes)) if value else -1 for value in values], np.int64)


def _label(page: Page, name: str) -> Hashable:
    if name == "cluster":
        return page.cluster
    if name.startswith(META_PREFIX):
        return frozenset(_metadata_texts(page, name.removeprefix(META_PREFIX)))
    return _own(page, name)


def facets(pages: Sequence[Page], names: Sequence[str], limit: int) -> dict[str, tuple[tuple[str, int], ...]]:
    found = {}
    for name in names:
        counts = Counter(value for page in pages for value in _counted(page, name))
        found[name] = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit])
    return found


def _counted(page: Page, name: str) -> set[str]:
    """The values for which the page counts, once each."""
    if name == "year":
        published = seconds(page.document.published_at)
        return set() if math.isnan(published) else {str(np.datetime64(math.floor(published), "s").astype("M8[Y]"))}
    own = _own(page, name)
    return _metadata_texts(page, name) if own is None else {own} - {""}


def _own(page: Page, name: str) -> str | None:
    """A value that every document has or lacks, "" if it does; None for another name."""
    site = site_of_document(page.document)
    match name:
        case "site":
            return site
        case "domain":
            return registrable(site)
        case "language":
            return language_code(page.document.language)
        case "filetype":
            return page.document.filetype.lower()
        case "author":
            return page.document.author or ""
    return None


def _metadata_texts(page: Page, name: str) -> set[str]:
    return {_written(value) for value in metadata_values(page.document.metadata.get(name))}


def _written(value: float | str) -> str:
    """2021.0 is written 2021."""
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() else repr(value)
