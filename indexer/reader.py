"""A generation's segments and overlay, opened: given their folders, returns views that search reads. No search here.

Everything is memory-mapped and touched lazily. Rows are global: a segment's offset plus its local row.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from indexer.analyze import algorithm_of
from indexer.arrays import Array, Strings, read_arrays, strings_of
from indexer.columns import Columns
from indexer.errors import EmbedderMismatchError, GenerationCorruptError
from indexer.layout import COLUMNS, LEXICAL, POSTINGS, QUANTISER, TEXTS, VECTORS, read_manifest
from indexer.lexical import LEXICAL_FIELDS, LexicalReader
from indexer.overlay import ANCHOR_FIELD, read_anchors, read_rows
from indexer.postings import PostingSet
from indexer.scoring import Norms
from indexer.settings import STEMMED_LANGUAGES, STEMMED_SHARE, IndexSettings
from indexer.terms import Terms, main_algorithms
from indexer.texts import TextReader
from indexer.titles import names_of_segment
from indexer.vectors import VectorReader
from ranking.identity import number_of
from ranking.names import Names
from ranking.types import FIELDS, CollectionStatistics, Floats, Longs, Mask, Passage

ROWS_REMEMBERED: Final = 100_000
"""Ids whose row is kept, 150 bytes each: what recall names is fetched right after."""

IDS_IN_MEMORY: Final = 200_000
"""Documents of a segment whose ids are decoded at once, 100 bytes each: a search names hundreds."""

_DATES: Final = ("published", "modified")


class Segment:
    """One segment folder from global row `offset` on."""

    def __init__(self, folder: Path, offset: int, embedder: str | None) -> None:
        manifest = read_manifest(folder)
        counts = manifest["counts"]
        if embedder is not None and counts["embedder"] != embedder and counts["documents"]:
            raise EmbedderMismatchError(
                f"segment {folder.name} has vectors of {counts['embedder']}, the generation is of {embedder}",
                hint="build the index again: forage index --rebuild",
            )
        self.folder, self.offset = folder, offset
        self.embedded = counts["embedder"] is not None
        self.documents: int = counts["documents"]
        self.passages: int = counts["passages"]
        self.default_language = str(manifest["settings"].get("default_language", IndexSettings().default_language))
        self.arrays = read_arrays(folder / COLUMNS)
        self.columns = Columns(self.arrays)
        self.postings = PostingSet.open(read_arrays(folder / POSTINGS), LEXICAL_FIELDS, offset)
        self.lexical = LexicalReader(folder / LEXICAL)
        self.first = self.arrays["passage.first"]
        if self.postings.documents != self.documents or len(self.first) != self.documents + 1:
            raise GenerationCorruptError(f"the files of segment {folder.name} do not belong together")

    @cached_property
    def texts(self) -> TextReader:
        return TextReader(self.folder / TEXTS, self.arrays)

    @cached_property
    def vectors(self) -> VectorReader | None:
        if not self.embedded:
            return None
        vectors = read_arrays(self.folder / VECTORS)["vectors"]
        if len(vectors) != self.passages:
            raise GenerationCorruptError(f"segment {self.folder.name} has {len(vectors)} vectors")
        return VectorReader(vectors, self.folder / QUANTISER)

    @cached_property
    def ids(self) -> list[str] | Strings:
        """Ids by local row: all in memory unless there are very many."""
        return self.columns.ids.all() if self.documents <= IDS_IN_MEMORY else self.columns.ids

    @cached_property
    def headings(self) -> list[str]:
        return strings_of(self.arrays, "heading").all()

    @cached_property
    def names(self) -> Names:
        """Names of all documents, deleted ones too, by local row."""
        return names_of_segment(self.texts, self.documents)

    def documents_of(self, passages: Longs) -> Longs:
        """Local row of each passage."""
        found: Longs = np.searchsorted(self.first, passages, "right") - 1
        return found

    def passage(self, identifier: str, row: int, ordinal: int) -> Passage:
        at = int(self.first[row]) + ordinal
        start, end = int(self.arrays["passage.start"][at]), int(self.arrays["passage.end"][at])
        heading = self.headings[int(self.arrays["passage.heading"][at])]
        return Passage(identifier, ordinal, self.texts.part(row, start, end), heading, start, end)


class Holdings:
    """All segments and the overlay of one generation."""

    def __init__(self, generation: str, segments: Sequence[Path], overlay: Path, embedder: str | None, dimension: int):
        self.segments: list[Segment] = []
        offset = 0
        for folder in segments:
            self.segments.append(Segment(folder, offset, embedder))
            offset += self.segments[-1].documents
        self.rows = offset
        arrays = read_rows(overlay)
        if len(arrays["deleted"]) != offset:
            raise GenerationCorruptError(f"the overlay has {len(arrays['deleted'])} rows, the segments {offset}")
        self.live: Mask = ~arrays["deleted"]
        self.all_live = bool(self.live.all())
        self.documents = int(np.count_nonzero(self.live))
        self.authority, self.inlinks, self.cluster = arrays["authority"], arrays["inlinks"], arrays["cluster"]
        self.rank, self.best = arrays["rank"], arrays["best"]
        self._offsets = [segment.offset for segment in self.segments] or [0]
        anchors = PostingSet.open(read_anchors(overlay), (ANCHOR_FIELD,), 0)
        self.sets = (*(segment.postings for segment in self.segments), anchors)
        self.lengths = {
            name: self._joined([segment.postings.fields[name].length for segment in self.segments])
            for name in LEXICAL_FIELDS
        } | {ANCHOR_FIELD: anchors.fields[ANCHOR_FIELD].length}
        averages = {name: self._average(self.lengths[name]) for name in FIELDS}
        self.norms = Norms(self.lengths, averages)
        languages = self.counts("language")
        self.statistics = CollectionStatistics(
            generation=generation,
            documents=self.documents,
            passages=self._live_passages(),
            average_length=averages,
            embedder=embedder,
            dimension=dimension if embedder else 0,
            languages={name: count for name, count in languages.items() if name},
            sites=len(self.counts("site")),
            newest=self._newest(),
        )
        default = self.segments[0].default_language if self.segments else IndexSettings().default_language
        algorithms: Counter[str] = Counter()
        for name, count in languages.items():
            algorithms[algorithm_of(name or None, default)] += count
        self.terms = Terms(self.sets, self.live, main_algorithms(algorithms, STEMMED_SHARE, STEMMED_LANGUAGES))
        self._columns: dict[str, Array] = {}
        self._row_of: dict[str, int] = {}

    # ------------------------------------------------------------ rows

    def parts(self, rows: Longs) -> Iterator[tuple[Segment, slice, Longs]]:
        """(segment, which of `rows`, their local rows) for rows in ascending order."""
        low = 0
        for segment in self.segments:
            high = int(np.searchsorted(rows, segment.offset + segment.documents))
            if high > low:
                yield segment, slice(low, high), rows[low:high] - segment.offset
            low = high

    def owner(self, row: int) -> tuple[Segment, int]:
        segment = self.segments[bisect_right(self._offsets, row) - 1]
        return segment, row - segment.offset

    def row(self, identifier: str) -> int | None:
        """Row of a live document."""
        known = self._row_of.get(identifier)
        if known is not None:
            return known if self.live[known] else None
        for segment in self.segments:
            local = segment.columns.row_of_id(identifier)
            if local is not None and self.live[local + segment.offset]:
                return local + segment.offset
        return None

    def id(self, row: int) -> str:
        segment, local = self.owner(row)
        return segment.columns.ids[local]

    def ids(self, rows: Longs) -> list[str]:
        """Ids of rows in ascending order."""
        found: list[str] = []
        for segment, _, local in self.parts(rows):
            names = segment.ids
            found.extend([names[row] for row in local.tolist()])
        return found

    def urls(self, rows: Longs) -> list[str]:
        """URLs of rows in any order."""
        order = np.argsort(rows)
        found = np.empty(len(rows), object)
        for segment, which, local in self.parts(rows[order]):
            found[order[which]] = segment.columns.urls.take(local)
        return list(found)

    def most_authoritative(self, among: Mask, k: int) -> Longs:
        """The first k of these rows, by authority and then id."""
        found: Longs = self.best[among[self.best]][:k]
        return found

    @cached_property
    def url_order(self) -> Longs:
        """All rows by URL without its scheme, ties by id."""
        urls = self.urls(np.arange(self.rows, dtype=np.int64))
        rests = [rest if found else url for url in urls for _, found, rest in [url.partition("://")]]
        by_id = np.argsort(self.rank).tolist()
        return np.array(sorted(by_id, key=rests.__getitem__), np.int64)

    def names(self, rows: Longs) -> list[str]:
        """Ids of rows in any order; their rows are remembered, for what recall names is fetched right after."""
        if self._names is not None:
            found: list[str] = self._names[rows].tolist()
        else:
            order = np.argsort(rows)
            named = np.empty(len(rows), object)
            named[order] = self.ids(rows[order])
            found = named.tolist()
        if len(self._row_of) > ROWS_REMEMBERED:
            self._row_of = {}
        self._row_of.update(zip(found, rows.tolist(), strict=True))
        return found

    @cached_property
    def _names(self) -> Array | None:
        """[rows] ids; None when there are so many that they stay on disk."""
        if self.rows > IDS_IN_MEMORY:
            return None
        names = np.empty(self.rows, object)
        for segment in self.segments:
            names[segment.offset : segment.offset + segment.documents] = segment.ids
        return names

    # ------------------------------------------------------------ columns

    def column(self, name: str) -> Array:
        """A column over all rows. `site` is number_of(site), other coded columns are not offered here."""
        found = self._columns.get(name)
        if found is None:
            if name == "site":
                parts = [
                    np.array([number_of(text) for text in segment.columns.tables["site"]] or [0], np.int64)[
                        segment.columns["site.code"]
                    ]
                    for segment in self.segments
                ]
            else:
                parts = [segment.columns[name] for segment in self.segments]
            found = self._columns[name] = self._joined(parts)
        return found

    def counts(self, name: str) -> dict[str, int]:
        """Live documents by site, domain, language or filetype, most first."""
        total: Counter[str] = Counter()
        for segment in self.segments:
            table = segment.columns.tables[name]
            codes = segment.columns[f"{name}.code"]
            live = self.live[segment.offset : segment.offset + segment.documents]
            for text, count in zip(table, np.bincount(codes[live], minlength=len(table)).tolist(), strict=True):
                if count:
                    total[text] += count
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))

    def dates(self) -> Array:
        """Published, else modified, of every row; NaN unknown."""
        published, modified = (self.column(name) for name in _DATES)
        return np.where(np.isnan(published), modified, published)

    # ------------------------------------------------------------ sizes

    def _joined(self, parts: list[Array]) -> Array:
        return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0)

    def _average(self, lengths: Array) -> float:
        total = lengths.sum() if self.all_live else lengths[self.live].sum()
        return float(total) / self.documents if self.documents else 0.0

    def _live_passages(self) -> int:
        if self.all_live:
            return sum(segment.passages for segment in self.segments)
        return sum(
            int(np.diff(segment.first)[self.live[segment.offset : segment.offset + segment.documents]].sum())
            for segment in self.segments
        )

    @cached_property
    def length_matrix(self) -> Floats:
        """[F, rows] tokens of every field."""
        return np.stack([self.lengths[name] for name in FIELDS]).astype(np.float32)

    @cached_property
    def passage_length(self) -> float:
        """Tokens of the average passage of live documents, overlap counted twice."""
        total = 0
        for segment in self.segments:
            lengths = segment.arrays["passage.token_end"].astype(np.int64) - segment.arrays["passage.token_start"]
            live = self.live[segment.offset : segment.offset + segment.documents]
            total += int(lengths.sum() if self.all_live else lengths[np.repeat(live, np.diff(segment.first))].sum())
        return total / self.statistics.passages if self.statistics.passages else 0.0

    def _newest(self) -> float | None:
        known = [
            float(values.max())
            for segment in self.segments
            for name in _DATES
            if len(values := _finite(segment.columns[name][self.live[segment.offset :][: segment.documents]]))
        ]
        return max(known, default=None)


def _finite(values: Array) -> Array:
    return values[np.isfinite(values)]
