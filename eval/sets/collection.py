"""The nouns of a test collection: topics, judgements, and a source of documents.

Not for reading any of them: eval/collections.py is the door.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from eval.errors import DatasetError
from eval.sets.documents import CorpusFiles


@dataclass(frozen=True, slots=True)
class Topic:
    """One query of a test collection."""

    id: str
    text: str
    type: str | None = None


class Source(Protocol):
    """Where documents come from: files, or the library ir_datasets."""

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(place for messages, ingest line), documents without any text among them."""
        ...

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits: others for other documents."""
        ...


@dataclass(frozen=True, slots=True)
class TestCollection:
    """Topics that are judged, and judgements. `qrels[topic][document]`: the grade, an integer, relevant above 0.

    `by_url`: judgements name URLs, not document ids. `known`: every topic of the set, judged or not, of any split
    (empty: not known). `judged_in`: the files that judgements were read from.
    """

    name: str
    folder: Path
    topics: tuple[Topic, ...]
    qrels: dict[str, dict[str, int]] = field(repr=False)
    by_url: bool
    corpus: Path | None
    source: Source | None = field(default=None, repr=False)
    known: frozenset[str] = field(default=frozenset(), repr=False)
    judged_in: tuple[Path, ...] = ()
    split: str | None = None

    __test__ = False  # not a test class, whatever pytest thinks of the name

    @property
    def has_corpus(self) -> bool:
        return self.source is not None or self.corpus is not None

    def check_corpus(self) -> None:
        """DatasetError when there is no corpus to index."""
        if not self.has_corpus:
            raise DatasetError(
                f"{self.folder} has no corpus file", hint="name a collection that holds its pages with --collection"
            )

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(place for messages, ingest line) of every document, also of those without any text."""
        self.check_corpus()
        return self._source().rows()

    def documents(self) -> Iterator[dict[str, Any]]:
        """The corpus as ingest lines; documents without any text are left out (nothing could find them)."""
        return (document for _, document in self.rows() if has_text(document))

    def fingerprint(self) -> str:
        """Names the corpus by its bytes."""
        return self._source().fingerprint()

    def _source(self) -> Source:
        return self.source or CorpusFiles((self.corpus,) if self.corpus else ())


def has_text(document: dict[str, Any]) -> bool:
    """Whether a search could find it."""
    return bool(document["title"].strip() or document["text"].strip())
