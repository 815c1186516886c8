"""Layouts of folders: given a folder of a test collection, returns which file is what.

Ours: queries.jsonl, qrels.tsv, corpus.jsonl. BEIR: the same with qrels/SPLIT.tsv. TREC: one file of topics, one of
qrels, and a corpus that is a file or a folder. All plain, .gz or .zst. Not for what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from eval.errors import DatasetError
from eval.sets.files import PACKINGS, packed

TOPICS: Final = "queries.jsonl"
JUDGEMENTS: Final = "qrels.tsv"
CORPUS: Final = "corpus.jsonl"
SPLITS_OF: Final = "qrels"
"""The folder of BEIR: one file for each split."""
CORPUS_FOLDERS: Final = ("corpus", "docs", "documents", "collection")
EVALUATED_SPLIT: Final = "test"
"""Where a set has splits, only this one is measured unless another is named."""
ALL: Final = "all"
WHAT_WORKS: Final = (
    "a folder holds corpus.jsonl.zst, queries.jsonl and qrels.tsv; or give --topics, --qrels and --corpus"
)


@dataclass(frozen=True, slots=True)
class Files:
    """`judgements`: split (or "all") -> its file."""

    topics: Path
    judgements: dict[str, Path] = field(repr=False)
    corpus: tuple[Path, ...] = ()


def files_of(
    folder: Path | None, topics: Path | None = None, qrels: Path | None = None, corpus: Path | None = None
) -> Files:
    """What is named is taken, the rest is looked for in the folder. DatasetError for what is missing, or could be
    several files."""
    for given in filter(None, (topics, qrels, corpus)):
        if not given.exists():
            raise DatasetError(f"there is no {given}", hint="look at its name")
    if folder is None:
        if topics is None or qrels is None:
            raise DatasetError("no test collection was named", hint="give --data, or --topics and --qrels")
        return Files(topics, _splits(qrels), _inside(corpus) if corpus else ())
    if folder.is_file():
        raise DatasetError(f"{folder} is a file, not a folder", hint=WHAT_WORKS)
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder}", hint=WHAT_WORKS)
    found = topics or packed(folder, TOPICS) or _only(folder, "topics", ("topics", "queries"))
    if found is None:
        raise DatasetError(f"{folder} is not a test collection: no {TOPICS}", hint=WHAT_WORKS)
    splits = folder / SPLITS_OF
    judged = qrels or packed(folder, JUDGEMENTS) or (splits if splits.is_dir() else None)
    judged = judged or _only(folder, "qrels", ("qrels",))
    if judged is None or not _splits(judged):
        raise DatasetError(f"{folder} is not a test collection: no {JUDGEMENTS}", hint=WHAT_WORKS)
    documents = corpus or _corpus(folder)
    return Files(found, _splits(judged), _inside(documents) if documents else ())


def chosen_splits(folder: Path, present: Sequence[str], split: str | None) -> tuple[str, ...]:
    """Of the splits that a set has. DatasetError for one that it has not."""
    if split is None:
        return (EVALUATED_SPLIT,) if EVALUATED_SPLIT in present else tuple(present)
    if split == ALL:
        return tuple(present)
    if split not in present:
        named = ", ".join(sorted(present)) or "none"
        raise DatasetError(f"{folder} has no split {split!r}", hint=f"its splits: {named}; {ALL!r} takes every topic")
    return (split,)


def _splits(place: Path) -> dict[str, Path]:
    if place.is_file():
        return {ALL: place}
    files = sorted(each for each in place.iterdir() if each.is_file() and _stem(each.name, ".tsv"))
    return {_stem(each.name, ".tsv"): each for each in files}


def _stem(name: str, ending: str) -> str:
    """The name without the ending and its packing; empty when it ends otherwise."""
    return next((name.removesuffix(ending + each) for each in PACKINGS if name.endswith(ending + each)), "")


def _corpus(folder: Path) -> Path | None:
    """The file or folder of documents."""
    inside = next((folder / name for name in CORPUS_FOLDERS if (folder / name).is_dir()), None)
    return packed(folder, CORPUS) or inside or _only(folder, "corpus", CORPUS_FOLDERS)


def _inside(place: Path) -> tuple[Path, ...]:
    """The file, or the files of the folder in the order of their names."""
    if place.is_file():
        return (place,)
    found = sorted(each for each in place.rglob("*") if each.is_file() and not each.name.startswith((".", "_")))
    if not found:
        raise DatasetError(f"{place} has no files", hint="a corpus is a file of documents, or a folder of such files")
    return tuple(found)


def _only(folder: Path, what: str, names: tuple[str, ...]) -> Path | None:
    """The one file that is called so: topics.301-450.txt, robust.qrels."""
    found = sorted(each for each in folder.iterdir() if each.is_file() and _called(each.name, names))
    if len(found) > 1:
        listed = ", ".join(each.name for each in found)
        raise DatasetError(f"{folder} has several files that may be {what}: {listed}", hint=f"name one with --{what}")
    return found[0] if found else None


def _called(name: str, names: tuple[str, ...]) -> bool:
    """Whether its first or its last word is one of the names, packing aside."""
    for packing in filter(None, PACKINGS):
        name = name.removesuffix(packing)
    words = re.split(r"[._-]", name)
    return words[0] in names or words[-1] in names
