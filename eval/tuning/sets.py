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
from eval.collections import CORPUS_NAMES, TestCollection, read_collection
from eval.errors import DatasetError
from eval.frozen import FrozenSet
from eval.frozen_files import frozen_at
from eval.runs import Progress, ensure_indexed
from eval.tuning.folds import check_folds
from ranking.signals.catalogue import META_PREFIX


@dataclass(frozen=True, slots=True)
class Place:
    """One set: where it is read, where it is searched, what was frozen of it."""

    test: TestCollection
    collection: str
    frozen: FrozenSet


def sets_in(data: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """The folders of the named sets; without names `data` itself where it is a set, else every set in it that has a
    corpus and judgements. DatasetError when there is none."""
    if names:
        return tuple(data / name for name in dict.fromkeys(names))
    if (data / "queries.jsonl").is_file():
        return (data,)
    found = tuple(
        each
        for each in sorted(data.iterdir() if data.is_dir() else ())
        if (each / "qrels.tsv").is_file() and any((each / name).is_file() for name in CORPUS_NAMES)
    )
    if not found:
        raise DatasetError(
            f"{data} holds no test collection",
            hint="a folder of folders, each with corpus.jsonl.zst, queries.jsonl and qrels.tsv",
        )
    return found


def read_set(folder: Path, topics: int | None, folds: int) -> TestCollection:
    """The first `topics` of a set. DatasetError, TuneError for one that cannot be tuned on."""
    test = read_collection(folder)
    test.check_corpus()
    if not test.topics:
        raise DatasetError(
            f"{folder} has no topic with a judgement", hint="ids in queries.jsonl and qrels.tsv must agree"
        )
    if not any(grade > 0 for topic in test.topics for grade in test.qrels[topic.id].values()):
        raise DatasetError(
            f"{folder / 'qrels.tsv'} calls nothing relevant: every grade is 0 or less",
            hint="leave the set out with --set",
        )
    test = replace(test, topics=test.topics[:topics])
    check_folds([(test.name, len(test.topics))], folds)
    return test


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
