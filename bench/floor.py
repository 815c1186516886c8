"""The floor under a hybrid search: given a collection, runs its raw parts with nothing of ours in them.

onnxruntime on the query, tantivy's best 300, faiss' best 200, 10 stored pages by id: what any engine of these parts
must spend. The parts read the files of the very generation that Forage serves, each through its own library; which
words tantivy is asked for was settled before. Not for a complete search: nothing is fused, scored or written down.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import onnxruntime
import tantivy
from tokenizers import Tokenizer

from ranking.types import Floats

LEXICAL_DEPTH: Final = 300
DENSE_DEPTH: Final = 200
FETCHED: Final = 10
PARTS: Final = ("embed", "lexical", "dense", "fetch")


@dataclass(frozen=True)
class Asked:
    """A query as the parts take it. `terms`: (field, stem, boost)."""

    text: str
    terms: Sequence[tuple[str, str, float]]


class Floor:
    """The four parts, open."""

    def __init__(self, segment: Path, model: Path, pages: Path) -> None:
        """`segment`: folder of the generation's only segment; `model`: folder with model.onnx and tokenizer.json;
        `pages`: SQLite file of `write_pages`."""
        faiss.omp_set_num_threads(1)
        session = onnxruntime.SessionOptions()
        session.intra_op_num_threads = session.inter_op_num_threads = 1
        self._model = onnxruntime.InferenceSession(str(model / "model.onnx"), session, ["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        opened = tantivy.Index.open(str(segment / "tantivy"))
        self._schema, self._searcher = opened.schema, opened.searcher()
        self._vectors = faiss.read_index(str(segment / "vectors.faiss"))
        self._pages = sqlite3.connect(pages)
        self._count = self._pages.execute("SELECT count(*) FROM pages").fetchone()[0]

    def run(self, asked: Asked) -> dict[str, float]:
        """Milliseconds of each part, in their order."""
        times = [time.perf_counter()]
        ids = np.array([self._tokenizer.encode(asked.text).ids], np.int64)
        vector = self._model.run(None, {"input_ids": ids})[0]
        times.append(time.perf_counter())
        rows = self.lexical(asked.terms)
        times.append(time.perf_counter())
        self.dense(vector[0])
        times.append(time.perf_counter())
        self.fetch(rows[:FETCHED])
        times.append(time.perf_counter())
        return {name: (end - begin) * 1_000 for name, begin, end in zip(PARTS, times, times[1:], strict=False)}

    def lexical(self, terms: Sequence[tuple[str, str, float]], depth: int = LEXICAL_DEPTH) -> list[int]:
        """Rows of tantivy's best."""
        clauses = [
            (
                tantivy.Occur.Should,
                tantivy.Query.boost_query(tantivy.Query.term_query(self._schema, field, stem, "freq"), boost),
            )
            for field, stem, boost in terms
        ]
        found = self._searcher.search(tantivy.Query.boolean_query(clauses), depth, count=False).hits
        return self._searcher.fast_field_values("row", [address for _, address in found])  # type: ignore[return-value]

    def dense(self, vector: Floats) -> None:
        """faiss' best."""
        self._vectors.search(vector[None, :], DENSE_DEPTH)

    def fetch(self, rows: Sequence[int]) -> list[Any]:
        """Stored pages."""
        holes = ", ".join("?" * len(rows))
        return self._pages.execute(f"SELECT url, title, text FROM pages WHERE row IN ({holes})", list(rows)).fetchall()


def write_pages(target: Path, pages: Sequence[tuple[int, str, str, str]]) -> None:
    """A table of (row, url, title, text): the plainest store there is."""
    with sqlite3.connect(target) as connection:
        connection.execute("CREATE TABLE pages (row INTEGER PRIMARY KEY, url TEXT, title TEXT, text TEXT)")
        connection.executemany("INSERT INTO pages VALUES (?, ?, ?, ?)", pages)
    connection.close()
