"""A segment: an immutable folder that makes a batch of documents searchable. Given documents, writes one.

Local row = position of the document in the input (ids must be unique in it). Everything is written, fsynced,
and never changed again; deletes, authority and anchors live in the overlay (overlay.py). Reading: reader.py.

segment.json   counts, settings, embedder          postings.bin   vocabulary, postings, positions (forward.py)
columns.bin    one value per document, passages    vectors.bin    passage vectors; vectors.faiss beside it when many
texts.zst      stored documents (texts.py)         tantivy/       stems per field (lexical.py)
"""

from __future__ import annotations

import json
import os
import shutil
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Final

import numpy as np
import xxhash

from indexer.analyze import ANALYZER, algorithm_of, body_tokens, url_tokens
from indexer.arrays import Array, ArrayWriter, add_strings, read_arrays
from indexer.columns import ColumnWriter
from indexer.errors import EmbedderMismatchError, SettingsMismatchError
from indexer.forward import ForwardWriter
from indexer.layout import COLUMNS, LEXICAL, MANIFEST, POSTINGS, QUANTISER, TEXTS, VECTORS
from indexer.layout import SegmentCounts as SegmentCounts
from indexer.layout import read_counts as read_counts
from indexer.layout import read_ids as read_ids
from indexer.lexical import LEXICAL_FIELDS, LexicalWriter
from indexer.settings import FORMAT, IndexSettings
from indexer.split import Split, embedding_text, split
from indexer.storage import sync_file, sync_folder
from indexer.texts import TextReader, TextWriter
from indexer.vectors import write_quantiser
from ranking.ports import Embedder
from ranking.text import tokenize
from ranking.types import Document, Floats, Mask

KnownVectors = Callable[[Sequence[str]], list[Floats | None]]
"""Texts as they would be embedded -> their vectors where known (same embedder), else None."""

Progress = Callable[[int, int], None]
"""(passages embedded or reused so far, passages in all)."""

_SCRATCH: Final = "scratch"


def write_segment(
    folder: Path,
    documents: Iterable[Document],
    embedder: Embedder | None,
    settings: IndexSettings | None = None,
    progress: Progress | None = None,
    known_vectors: KnownVectors | None = None,
) -> SegmentCounts:
    """Write `folder` (must not exist; it is removed again when anything fails).

    Streams: memory grows with the vocabulary, by about 1 KB a document (ids, URLs, link keys) and 40 bytes a passage,
    not with the text. Raises OSError (ENOSPC: disk full), and ValueError for an id that occurs twice.
    """
    settings = settings or IndexSettings()
    folder.mkdir(parents=True)
    batch: _Batch | None = None
    try:
        scratch = folder / _SCRATCH
        scratch.mkdir()
        batch = _Batch(folder, scratch, settings, embedder is not None)
        for document in documents:
            batch.add(document)
        batch.write()
        embedded = reused = 0
        if embedder is not None:
            embedded, reused = _write_vectors(folder, batch, embedder, settings, progress, known_vectors)
        batch.close()
        shutil.rmtree(scratch)
        counts = SegmentCounts(
            batch.documents, batch.passages, _bytes(folder), batch.words, embedder.id if embedder else None,
            embedder.dimension if embedder else 0, embedded, reused,
        )  # fmt: skip
        head = {"format": FORMAT, "analyzer": ANALYZER, "settings": settings.to_json(), "counts": asdict(counts)}
        _write_durably(folder / MANIFEST, json.dumps(head, indent=1).encode())
        sync_folder(folder)
        return counts
    except BaseException:
        if batch is not None:
            batch.abandon()
        shutil.rmtree(folder, ignore_errors=True)
        raise


def merge_segments(
    folder: Path,
    sources: Sequence[tuple[Path, Mask]],
    settings: IndexSettings | None = None,
    progress: Progress | None = None,
) -> SegmentCounts:
    """One segment of the rows whose mask is True (= keep), sources in order; vectors are copied, not computed.

    Raises EmbedderMismatchError or SettingsMismatchError when the sources cannot be one segment.
    """
    settings = settings or IndexSettings()
    paths = [path for path, _ in sources]
    counts = [read_counts(path) for path in paths]
    models = {(count.embedder, count.dimension) for count in counts}
    if len(models) > 1:
        raise EmbedderMismatchError(f"segments of different models cannot be merged: {sorted(map(str, models))}")
    name, dimension = models.pop() if models else (None, 0)

    def documents() -> Iterator[Document]:
        for path, keep in sources:
            texts = TextReader(path / TEXTS, read_arrays(path / COLUMNS))
            for row in np.flatnonzero(keep).tolist():
                yield texts.document(row, text=True)

    embedder = _Copying(name, dimension) if name else None
    known = known_vectors_of(paths) if name else None
    return write_segment(folder, documents(), embedder, settings, progress, known)


def known_vectors_of(segments: Sequence[Path]) -> KnownVectors:
    """A lookup over the vectors of existing segments, for `write_segment`: an unchanged passage is not embedded
    again. All of one embedder: the caller checks."""
    keys, vectors = [], []
    for path in segments:
        if (path / VECTORS).exists():
            keys.append(read_arrays(path / COLUMNS)["passage.key"])
            vectors.append(read_arrays(path / VECTORS)["vectors"])
    key = np.concatenate(keys) if keys else np.empty(0, np.uint64)
    order = np.argsort(key, kind="stable")
    key = key[order]
    offsets = np.cumsum([0, *map(len, keys)])

    def lookup(texts: Sequence[str]) -> list[Floats | None]:
        wanted = np.array([embedding_key(text) for text in texts], np.uint64)
        at = np.searchsorted(key, wanted)
        found: list[Floats | None] = []
        for place, value in zip(at.tolist(), wanted.tolist(), strict=True):
            if place == len(key) or int(key[place]) != value:
                found.append(None)
                continue
            row = int(order[place])
            owner = int(np.searchsorted(offsets, row, "right")) - 1
            found.append(vectors[owner][row - int(offsets[owner])])
        return found

    return lookup


def embedding_key(text: str) -> int:
    """What an embedded text is recognised by: XXH3."""
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


# ---------------------------------------------------------------- first pass: everything but vectors


class _Batch:
    """Documents on their way into one folder."""

    def __init__(self, folder: Path, scratch: Path, settings: IndexSettings, spool: bool) -> None:
        self.documents = self.passages = self.words = 0
        self._folder, self._settings = folder, settings
        self._forward = ForwardWriter(LEXICAL_FIELDS, scratch)
        self._lexical = LexicalWriter(folder / LEXICAL)
        self._columns = ColumnWriter()
        self._texts = TextWriter(folder / TEXTS)
        self._table = _PassageTable()
        self.spool = _Spool(scratch / "embed") if spool else None

    def add(self, document: Document) -> None:
        parts = split(document.text, self._settings)
        tokens, token_at = _body(document.text, parts)
        algorithm = algorithm_of(document.language, self._settings.default_language)
        stems: dict[str, list[str]] = {}
        for name, held in (
            ("title", tokenize(document.title)),
            ("heading", [token for heading in parts.headings for token in tokenize(heading)]),
            ("body", tokens),
            ("url", url_tokens(document.url)),
        ):
            numbers = self._forward.vocabulary.number(held, algorithm)
            self._forward.add(name, numbers)
            stems[name] = list(map(self._forward.vocabulary.stems.__getitem__, numbers))
        self._lexical.add(self.documents, stems)
        self._columns.add(document, len(tokens), len(set(tokens)))
        self._texts.add(document)
        self._add_passages(document, parts, token_at)
        self.documents += 1
        self.words += len(tokens)

    def _add_passages(self, document: Document, parts: Split, token_at: list[int]) -> None:
        rows = [(part.start, part.end, part.heading, *parts.cells(part)) for part in parts.sections]
        for start, end, heading, first, last in rows or [(0, 0, "", 0, 0)]:  # a title alone is found by its vector too
            text = embedding_text(document.title, heading, document.text[start:end], self._settings)
            self._table.add(start, end, token_at[first], token_at[last], heading, embedding_key(text))
            if self.spool is not None:
                self.spool.add(text)
            self.passages += 1
        self._table.close_document(self.passages)

    def write(self) -> None:
        self._lexical.close()
        with ArrayWriter(self._folder / POSTINGS) as postings:
            self._forward.write(postings)
        with ArrayWriter(self._folder / COLUMNS) as columns:
            self._columns.write(columns)
            self._texts.write(columns)
            self._table.write(columns)

    def abandon(self) -> None:
        self._lexical.abandon()
        self.close()

    def close(self) -> None:
        """Let go of every file; nothing is made durable by it."""
        self._forward.close()
        self._texts.close()
        if self.spool is not None:
            self.spool.close()


def _body(text: str, parts: Split) -> tuple[list[str], list[int]]:
    """(tokens of a text, how many come before each cut): cell by cell, so that a passage is a run of tokens."""
    tokens: list[str] = []
    before = [0]
    for start, end in zip(parts.cuts, parts.cuts[1:], strict=False):
        tokens.extend(body_tokens(text[start:end]))
        before.append(len(tokens))
    return tokens, before


class _PassageTable:
    """Where each passage lies in its document."""

    def __init__(self) -> None:
        self._first = [0]
        self._rows = {name: array("i") for name in ("start", "end", "token_start", "token_end", "heading")}
        self._keys = array("Q")
        self._headings: dict[str, int] = {}

    def add(self, start: int, end: int, token_start: int, token_end: int, heading: str, key: int) -> None:
        number = self._headings.setdefault(heading, len(self._headings))
        for name, value in zip(self._rows, (start, end, token_start, token_end, number), strict=True):
            self._rows[name].append(value)
        self._keys.append(key)

    def close_document(self, passages: int) -> None:
        self._first.append(passages)

    def write(self, writer: ArrayWriter) -> None:
        writer.add("passage.first", np.array(self._first, np.int64))
        for name, values in self._rows.items():
            writer.add(f"passage.{name}", np.array(values, np.int32))
        writer.add("passage.key", np.array(self._keys, np.uint64))
        add_strings(writer, "heading", list(self._headings))


class _Spool:
    """Texts to embed, kept on disk between the two passes."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("w+b")
        self._ends = array("q", [0])

    def add(self, text: str) -> None:
        self._ends.append(self._ends[-1] + self._file.write(text.encode("utf-8", "surrogatepass")))

    def read(self, low: int, high: int) -> list[str]:
        self._file.seek(self._ends[low])
        data = self._file.read(self._ends[high] - self._ends[low])
        begin = self._ends[low]
        return [
            data[a - begin : b - begin].decode("utf-8", "surrogatepass")
            for a, b in zip(self._ends[low:high], self._ends[low + 1 : high + 1], strict=True)
        ]

    def close(self) -> None:
        self._file.close()


# ---------------------------------------------------------------- second pass: vectors


def _write_vectors(
    folder: Path, batch: _Batch, embedder: Embedder, settings: IndexSettings, progress: Progress | None,
    known_vectors: KnownVectors | None,
) -> tuple[int, int]:  # fmt: skip
    """(vectors computed, vectors reused)."""
    assert batch.spool is not None
    with ArrayWriter(folder / VECTORS) as writer:
        return _fill_vectors(writer, folder, batch, batch.spool, embedder, settings, progress, known_vectors)


def _fill_vectors(
    writer: ArrayWriter, folder: Path, batch: _Batch, spool: _Spool, embedder: Embedder, settings: IndexSettings,
    progress: Progress | None, known_vectors: KnownVectors | None,
) -> tuple[int, int]:  # fmt: skip
    vectors = writer.allocate("vectors", np.float32, (batch.passages, embedder.dimension))
    embedded = reused = 0
    for low in range(0, batch.passages, settings.embed_window):
        high = min(low + settings.embed_window, batch.passages)
        texts = spool.read(low, high)
        known = known_vectors(texts) if known_vectors else [None] * len(texts)
        missing = []
        for i, vector in enumerate(known):
            if vector is None:
                missing.append(i)
            else:
                vectors[low + i] = vector
        reused += len(texts) - len(missing)
        missing.sort(key=lambda i: len(texts[i]))  # neighbours of one length: no padding
        if progress:
            progress(low + len(texts) - len(missing), batch.passages)
        for at in range(0, len(missing), settings.embed_batch):
            chosen = missing[at : at + settings.embed_batch]
            vectors[np.array(chosen) + low] = _checked(embedder.encode([texts[i] for i in chosen]), embedder)
            embedded += len(chosen)
            if progress:
                progress(embedded + reused, batch.passages)
    if write_quantiser(vectors, folder / QUANTISER):
        sync_file(folder / QUANTISER)
    return embedded, reused


def _checked(vectors: Array, embedder: Embedder) -> Array:
    if vectors.shape[1:] != (embedder.dimension,) or not np.isfinite(vectors).all():
        raise EmbedderMismatchError(f"{embedder.id} gave vectors of shape {vectors.shape}, or not finite")
    return vectors


class _Copying:
    """An Embedder that may only stand for vectors that exist."""

    def __init__(self, name: str, dimension: int) -> None:
        self.id, self.dimension = name, dimension

    def encode(self, texts: Sequence[str]) -> Floats:
        raise SettingsMismatchError(
            f"{len(texts)} passages have no vector under these settings, and a merge computes none",
            hint="build the index again: forage index",
        )


# ---------------------------------------------------------------- files


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
