"""The sets of a tuning: given folders, reads them, refuses what cannot be tuned on, and freezes their candidates.

Not for tuning (tune.py) nor for parting topics (folds.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from api.engine import Engine
from eval.adhoc.runs import Progress, ensure_indexed
from eval.collections import TestCollection, read_collection
from eval.errors import DatasetError
from eval.frozen.candidates import FrozenSet
from eval.frozen.files import frozen_at
from eval.sets.layouts import files_of
from eval.sets.library import PREFIX
from eval.tuning.folds import check_folds
from ranking.signals.catalogue import META_PREFIX


@dataclass(frozen=True, slots=True)
class Place:
    """One set: where it is read, where it is searched, what was frozen of it."""

    test: TestCollection
    collection: str
    frozen: FrozenSet


def sets_in(data: Path, names: Sequence[str]) -> tuple[Path | str, ...]:
    """The folders of the named sets, or ids of ir_datasets; without names `data` itself where it is a set, else every
    set in it that has documents. DatasetError when there is none."""
    if names:
        return tuple(name if name.startswith(PREFIX) else data / name for name in dict.fromkeys(names))
    if _has_documents(data):
        return (data,)
    found = tuple(each for each in sorted(data.iterdir() if data.is_dir() else ()) if _has_documents(each))
    if not found:
        raise DatasetError(
            f"{data} is no test collection with documents, and holds none",
            hint="a folder with corpus.jsonl.zst, queries.jsonl and qrels.tsv, or a folder of such folders",
        )
    return found


def _has_documents(folder: Path) -> bool:
    try:
        return folder.is_dir() and bool(files_of(folder).corpus)
    except DatasetError:
        return False


def read_set(source: Path | str, limit: int | None, folds: int) -> TestCollection:
    """The first `limit` topics of a set. DatasetError, TuneError for one that cannot be tuned on; what a run refuses is
    left to evaluate.check."""
    test = read_collection(source)
    test = replace(test, topics=test.topics[:limit])
    if not any(grade > 0 for topic in test.topics for grade in test.qrels[topic.id].values()):
        raise DatasetError(
            f"{test.name}: nothing is relevant for any of its {len(test.topics)} topics",
            hint="leave the set out with --set, or take more topics",
        )
    check_folds([(test.name, len(test.topics))], folds)
    return test


def check_names(tests: Sequence[TestCollection]) -> None:
    """DatasetError for two sets of one name: results are by name."""
    names = [test.name for test in tests]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"two sets are named {twice[0]}", hint="name it once, or rename one of the folders")


def frozen_place(
    engine: Engine,
    test: TestCollection,
    folder: Path,
    request: Mapping[str, Any],
    signals: Sequence[str],
    threads: int,
    progress: Progress,
) -> Place:
    """The set with its candidates, which are kept in `folder`. `signals`: those that may be weighed; metadata fields
    become signals by being named in the request."""
    collection = ensure_indexed(engine, test, progress)
    fields = {name: 0.0 for name in signals if name.startswith(META_PREFIX)}
    asked = {**request, "weights": {**fields, **(request.get("weights") or {})}} if fields else dict(request)
    path = folder / f"{test.name}.npz"
    frozen = frozen_at(path, engine, test, asked, collection=collection, threads=threads, progress=progress)
    return Place(test, collection, frozen)


def fingerprint(frozen: FrozenSet) -> str:
    """Names what trials depend on: topics, candidates, values, grades."""
    made = hashlib.blake2b(digest_size=8)
    for topic in frozen.topics:
        made.update(repr((topic.topic, topic.gains, topic.idfs, topic.documents)).encode())
        made.update(topic.values.tobytes())
        made.update(topic.grades.tobytes())
    return made.hexdigest()
