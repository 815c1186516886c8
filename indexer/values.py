"""Values of documents by field: given a field's name, returns numbers, labels or codes over all rows of a generation.

Fields are site, domain, language, filetype, author, year (of publication), cluster, and those of metadata; a value is a
text, numbers being written shortest (2020, not 2020.0). Read once per field and kept. Not for filters, which compare
without that (filters.py), nor for counting (facets.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.arrays import Array
from indexer.cache import Cache
from indexer.columns import AUTHOR, CODED, number_in
from indexer.reader import Holdings, Segment
from ranking.types import META_PREFIX, Doubles, Ints, Longs

CACHE_BYTES: Final = 64_000_000
"""Memory for the values of fields."""

_OWN: Final = (*CODED, AUTHOR, "year")
_ROW_BYTES: Final = 32  # of a field: numbers or codes, and the texts that they stand for
_MINIMUM_CACHED: Final = 16
_QUANTILES: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True)
class Coded:
    """Which rows have which values: pairs by ascending row, each once. `texts` ascend, and a code is a place there."""

    texts: tuple[str, ...]
    rows: Ints
    codes: Ints


class Values:
    """Fields of one generation."""

    def __init__(self, held: Holdings) -> None:
        self._held = held
        self._cache = Cache(max(_MINIMUM_CACHED, CACHE_BYTES // (_ROW_BYTES * max(held.rows, 1))))

    def coded(self, name: str) -> Coded:
        """Of a field by its plain name; a metadata field that is named as one of the others is not offered."""
        return self._cache.get(("coded", name), lambda: self._read(name))

    def labels(self, name: str) -> Ints:
        """[rows] equal where the value (of a list: the set of values) is equal, -1 without any."""
        return self._cache.get(("label", name), lambda: self._labels(name))

    def numbers(self, name: str) -> Doubles:
        """[rows] the largest number of a metadata field, a text of a number being one; NaN without."""
        return self._cache.get(("number", name), lambda: self._numbers(name))

    def quantiles(self, name: str) -> Doubles | None:
        """[101] of the numbers of live documents; None when none has any."""
        return self._cache.get(("quantiles", name), lambda: self._quantiles(name))

    # ------------------------------------------------------------ reading

    def _read(self, name: str) -> Coded:
        if name in CODED:
            return self._table(name)
        if name == AUTHOR:
            return self._authors()
        if name == "year":
            return self._years()
        return self._metadata(name)

    def _table(self, name: str) -> Coded:
        parts = [
            (segment.columns.tables[name], segment.columns[f"{name}.code"], _rows_of(segment))
            for segment in self._held.segments
        ]
        return _joined(parts, unknown="")

    def _authors(self) -> Coded:
        parts: list[tuple[Sequence[str], Array, Array]] = []
        for segment in self._held.segments:
            known = segment.columns.authors
            if known is None:  # a segment from before there was this column
                heads = [segment.texts.document(row).author or "" for row in range(segment.documents)]
                table = sorted(set(heads))
                places = {text: place for place, text in enumerate(table)}
                known = table, np.array([places[text] for text in heads], np.int32)
            parts.append((*known, _rows_of(segment)))
        return _joined(parts, unknown="")

    def _years(self) -> Coded:
        published = self._held.column("published")
        rows = np.flatnonzero(np.isfinite(published))
        years = np.floor(published[rows]).astype(np.int64).astype("datetime64[s]").astype("datetime64[Y]")
        distinct, codes = np.unique(years, return_inverse=True)
        return _joined([(distinct.astype(str).tolist(), codes, rows)])

    def _metadata(self, name: str) -> Coded:
        parts: list[tuple[Sequence[str], Array, Array]] = []
        for segment in self._held.segments:
            held = segment.columns.metadata(name)
            if held is not None:
                numbers, number_rows, texts, codes, code_rows = held
                distinct, places = np.unique(numbers, return_inverse=True)
                written = [_written(number) for number in distinct.tolist()]
                parts.append((written, places, number_rows.astype(np.int64) + segment.offset))
                parts.append((texts.all(), codes, code_rows.astype(np.int64) + segment.offset))
        return _joined(parts)

    def _labels(self, name: str) -> Ints:
        if name == "cluster":
            return np.unique(self._held.cluster, return_inverse=True)[1].astype(np.int32)
        if name.startswith(META_PREFIX):
            coded = self._metadata(name.removeprefix(META_PREFIX))
        else:
            coded = self.coded(name) if name in _OWN else _joined(())
        labels = np.full(self._held.rows, -1, np.int32)
        labels[coded.rows] = coded.codes
        several = np.flatnonzero(np.bincount(coded.rows, minlength=self._held.rows) > 1)
        low, high = np.searchsorted(coded.rows, several), np.searchsorted(coded.rows, several, "right")
        sets: dict[bytes, int] = {}
        for row, begin, end in zip(several.tolist(), low.tolist(), high.tolist(), strict=True):
            labels[row] = len(coded.texts) + sets.setdefault(coded.codes[begin:end].tobytes(), len(sets))
        return labels

    def _numbers(self, name: str) -> Doubles:
        found = np.full(self._held.rows, np.nan)
        for segment in self._held.segments:
            held = segment.columns.metadata(name)
            if held is not None:
                numbers, number_rows, texts, codes, code_rows = held
                part = found[segment.offset : segment.offset + segment.documents]
                np.fmax.at(part, number_rows, numbers)
                if len(codes):
                    read = np.array([np.nan if (value := number_in(text)) is None else value for text in texts.all()])
                    np.fmax.at(part, code_rows, read[codes])
        return found

    def _quantiles(self, name: str) -> Doubles | None:
        numbers = self.numbers(name)[self._held.live]
        known = numbers[~np.isnan(numbers)]
        return np.quantile(known, _QUANTILES, method="linear") if len(known) else None


def _rows_of(segment: Segment) -> Longs:
    return np.arange(segment.offset, segment.offset + segment.documents, dtype=np.int64)


def _joined(parts: Iterable[tuple[Sequence[str], Array, Array]], unknown: str | None = None) -> Coded:
    """One Coded of (texts, codes, global rows); the text `unknown` is no value."""
    parts = [part for part in parts if len(part[1])]
    texts = sorted({text for table, _, _ in parts for text in table} - {unknown})
    places = {text: place for place, text in enumerate(texts)}
    pairs = [np.empty(0, np.int64)]
    for table, codes, rows in parts:
        place = np.array([places.get(text, -1) for text in table], np.int64)[codes]
        there = place >= 0
        pairs.append(rows[there].astype(np.int64) * len(texts) + place[there])
    distinct = np.unique(np.concatenate(pairs))
    rows, codes = np.divmod(distinct, max(len(texts), 1))
    return Coded(tuple(texts), rows.astype(np.int32), codes.astype(np.int32))


def _written(number: float) -> str:
    """2021.0 is written 2021."""
    return str(int(number)) if number.is_integer() else repr(number)
