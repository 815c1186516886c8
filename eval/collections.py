"""Test collections: given a folder, files, or the id of a set of ir_datasets, returns topics, judgements and documents.

The one door to eval/sets/, where each kind of file has its reader: our layout, BEIR, TREC, plain, gzip or zstd. Not
for indexing, and not for holding judgements against the corpus (eval/sets/checks.py), which costs reading it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from eval.errors import DatasetError
from eval.sets.collection import Source, TestCollection, Topic
from eval.sets.documents import CorpusFiles
from eval.sets.files import PACKINGS
from eval.sets.judgements import read_judgements
from eval.sets.layouts import ALL, CORPUS, EVALUATED_SPLIT, Files, chosen_splits, files_of
from eval.sets.library import PREFIX, read_library
from eval.sets.topics import TopicLine, read_topics

__all__ = ["CORPUS_NAMES", "Source", "TestCollection", "Topic", "read_collection", "read_judged"]

CORPUS_NAMES: Final = tuple(f"{CORPUS}{packing}" for packing in PACKINGS)


def read_collection(
    source: str | Path | None,
    *,
    split: str | None = None,
    topics: Path | None = None,
    qrels: Path | None = None,
    corpus: Path | None = None,
) -> TestCollection:
    """The set at `source`: a folder, or `ir_datasets:ID`. Files that are named replace those of the folder; with topics
    and qrels no folder is needed. `split`: of a set that has splits; None: test where there is one, else all.

    DatasetError says which file is missing or which line is wrong."""
    if source is not None and str(source).startswith(PREFIX):
        if split or topics or qrels or corpus:
            raise DatasetError(
                f"{source} names its own files and split",
                hint="name a split by its id, e.g. ir_datasets:beir/scifact/test",
            )
        return read_library(str(source).removeprefix(PREFIX))
    files = files_of(None if source is None else Path(source), topics, qrels, corpus)
    return _gathered(files.topics.parent if source is None else Path(source), files, split)


def read_judged(qrels: Path) -> TestCollection:
    """Judgements alone: topics without a text, and no documents. DatasetError as above."""
    if not qrels.is_file():
        raise DatasetError(f"there is no {qrels}", hint="look at its name")
    grades, by_url = read_judgements((qrels,))
    topics = tuple(Topic(name, "") for name in grades)
    return TestCollection(qrels.parent.resolve().name, qrels.parent, topics, grades, by_url, None, judged_in=(qrels,))


def _gathered(folder: Path, files: Files, split: str | None) -> TestCollection:
    rows = read_topics(files.topics)
    known = frozenset(row.id for row in rows)
    named = None
    if list(files.judgements) != [ALL]:
        chosen = chosen_splits(folder, list(files.judgements), split)
        named = chosen[0] if len(chosen) == 1 else None
        paths = tuple(files.judgements[each] for each in chosen)
    else:
        rows, named = _of_split(folder, rows, split)
        paths = tuple(files.judgements.values())
    qrels, by_url = read_judgements(paths)
    return TestCollection(
        name=folder.resolve().name,
        folder=folder,
        topics=tuple(Topic(row.id, row.text, row.type) for row in rows if row.id in qrels),
        qrels=qrels,
        by_url=by_url,
        corpus=files.corpus[0] if len(files.corpus) == 1 else None,
        source=CorpusFiles(files.corpus) if files.corpus else None,
        known=known,
        judged_in=paths,
        split=named,
    )


def _of_split(folder: Path, rows: tuple[TopicLine, ...], split: str | None) -> tuple[tuple[TopicLine, ...], str | None]:
    """(the topics of the split, its name where it is one of several)."""
    present = sorted({row.split for row in rows if row.split is not None})
    chosen = chosen_splits(folder, present, split)
    if split == ALL or (split is None and chosen == tuple(present) != (EVALUATED_SPLIT,)):
        return rows, None
    return tuple(row for row in rows if row.split in chosen), chosen[0]
