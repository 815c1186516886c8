"""Frozen candidates on disk: given a FrozenSet, writes one .npz, whole or not at all; given the file, returns the set.

A file says what it was frozen of: collection and generation, request with every default, topics, judgements, formulas
of signals and constants. Who reads it may say what is wanted, and another specification is refused: numbers of other
candidates would look like results. Not for freezing (candidates.py), nor for tables that other programs read
(features.py).
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from api.engine import Engine
from eval.adhoc.runs import Progress, query_of, searched
from eval.collections import TestCollection, Topic
from eval.errors import FrozenError
from eval.frozen.candidates import FrozenSet, FrozenTopic, check_sums, freeze
from ranking.constants import CONSTANTS
from ranking.signals.catalogue import SIGNALS

LAYOUT: Final = 1
"""Of the file; another is refused."""
HEADER: Final = "header"


def specification(
    engine: Engine,
    test: TestCollection,
    request: Mapping[str, Any],
    *,
    collection: str,
    topics: Sequence[Topic] | None = None,
    operators: bool = False,
) -> dict[str, Any]:
    """What decides every number of a FrozenSet; searches nothing. Raises what freeze raises before its first search."""
    asked = searched(request, collection)
    dry = check_sums(engine, asked)
    wanted = test.topics if topics is None else topics
    judged = {topic.id: test.qrels.get(topic.id, {}) for topic in wanted}
    return {
        "name": test.name,
        "generation": dry["generation"],
        "request": dry["resolved"],
        "topics": digest([[topic.id, query_of(topic, operators)] for topic in wanted]),
        "judgements": digest([judged, test.by_url]),
        "signals": digest(
            [
                [[spec.name, spec.formula] for spec in SIGNALS.values()],
                [[row.name, row.value] for row in CONSTANTS.values()],
            ]
        ),
    }


def frozen_at(
    path: Path,
    engine: Engine,
    test: TestCollection,
    request: Mapping[str, Any],
    *,
    collection: str,
    threads: int,
    progress: Progress,
    topics: Sequence[Topic] | None = None,
    operators: bool = False,
) -> FrozenSet:
    """The file's candidates where it is there, else frozen and kept there. Raises what load, freeze and save raise."""
    wanted = specification(engine, test, request, collection=collection, topics=topics, operators=operators)
    if path.exists():
        return load(path, wanted)
    made = freeze(
        engine,
        test,
        request,
        collection=collection,
        threads=threads,
        progress=progress,
        topics=topics,
        operators=operators,
    )
    save(path, made, wanted)
    return made


def save(path: Path, frozen: FrozenSet, of: Mapping[str, Any]) -> None:
    """`of`: its specification. A file that was there stays until the new one is whole. FrozenError says why it cannot
    be written."""
    topics = frozen.topics
    header = {
        "layout": LAYOUT,
        "of": of,
        "name": frozen.name,
        "signals": frozen.signals,
        "request": frozen.request,
        "generation": frozen.generation,
        "topics": [[topic.topic, topic.ids, topic.gains, topic.idfs, topic.documents] for topic in topics],
    }
    arrays: dict[str, Any] = {
        HEADER: np.frombuffer(orjson.dumps(header), dtype=np.uint8),
        "values": np.concatenate([np.empty((0, len(frozen.signals))), *(topic.values for topic in topics)]),
        "grades": np.concatenate([np.empty(0, np.int64), *(topic.grades for topic in topics)]),
        "judged": np.concatenate([np.empty(0, np.bool_), *(topic.judged for topic in topics)]),
    }
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise FrozenError(f"cannot write {path}: {error.strerror}", hint="give a path that you may write") from error


def load(path: Path, of: Mapping[str, Any] | None = None) -> FrozenSet:
    """`of`: the specification that it must have; None takes whatever is there.

    FrozenError: no file, a damaged one, another layout, or candidates of other searches, with the first difference."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            header = orjson.loads(held[HEADER].tobytes())
            values, grades, judged = held["values"], held["grades"], held["judged"]
    except FileNotFoundError:
        raise FrozenError(f"there are no frozen candidates at {path}", hint="freeze them first") from None
    except _DAMAGED as error:
        raise FrozenError(f"{path} holds no whole frozen candidates: {error}", hint="remove it, freeze again") from None
    if header["layout"] != LAYOUT:
        raise FrozenError(f"{path} has layout {header['layout']}, this is {LAYOUT}", hint="remove it, freeze again")
    for name, wanted in ({} if of is None else plain(of)).items():
        if header["of"].get(name) != wanted:
            raise FrozenError(
                f"{path} holds candidates of other {_WORDS.get(name, name)} than asked for",
                hint="remove it, or give another path",
            )
    topics, first = [], 0
    for topic, ids, gains, idfs, documents in header["topics"]:
        rows = slice(first, first + len(ids))
        first = rows.stop
        topics.append(
            FrozenTopic(
                topic, tuple(ids), values[rows], grades[rows], judged[rows], tuple(gains), tuple(idfs), documents
            )
        )
    return FrozenSet(header["name"], tuple(header["signals"]), tuple(topics), header["request"], header["generation"])


_DAMAGED: Final = (
    *(OSError, KeyError, ValueError, TypeError, AttributeError, EOFError, NotImplementedError, RuntimeError),
    *(struct.error, SyntaxError, zipfile.BadZipFile, zlib.error),
)
"""What readers of zip and of arrays raise for bytes that are neither."""

_WORDS: Final = {
    "name": "sets",
    "generation": "generations of the collection",
    "request": "params",
    "topics": "topics",
    "judgements": "judgements",
    "signals": "signals or constants",
}


def digest(value: Any) -> str:
    """Names JSON-ready data by what it says."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """As it comes back from a file: tuples as lists."""
    read: dict[str, Any] = orjson.loads(orjson.dumps(value))
    return read
