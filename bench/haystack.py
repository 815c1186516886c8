"""A set among many other passages: given the data folder and a set, returns a data folder whose collection holds both.

    python -m bench.haystack WEB --set NAME

The others are the documentation web's (prepared.py), 50,000 passages and more, embedded once for all sets; the set's
documents are ingested beside them, as a user would. Not for measuring.
"""

from __future__ import annotations

import shutil
import sys
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

import orjson

from api.engine import Engine
from api.settings import Settings
from bench.prepared import PASSAGES, prepared
from bench.report import options
from eval.adhoc.runs import TENANT
from eval.collections import CORPUS_NAMES, TestCollection

COLLECTION: Final = "default"
DONE: Final = "haystack.json"
"""Written last: a folder without it was not finished."""


def haystack(data: Path, cache: Path, name: str, passages: int = PASSAGES) -> Path:
    """A folder for FORAGE_DATA with `passages` others and the set's documents in `default`; made on first use."""
    folder = cache / f"haystack-{name}"
    test = corpus_of(data / name)
    wanted = {"set": name, "corpus": test.fingerprint(), "others": passages}
    done = folder / DONE
    if done.is_file() and orjson.loads(done.read_bytes()) == wanted:
        return folder
    others = prepared(data, cache, passages)
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(others, folder)
    engine = Engine(Settings(data=folder))
    try:
        lines = BytesIO(b"\n".join(orjson.dumps(document) for document in test.documents()))
        engine.ingest_stream(COLLECTION, lines, TENANT, partial(_tell, name))
        holds = engine.read_collection(COLLECTION, TENANT)
    finally:
        engine.close()
    print(f"{name} among others: {holds['documents']:,} documents, {holds['passages']:,} passages", file=sys.stderr)
    done.write_bytes(orjson.dumps(wanted))
    return folder


def corpus_of(folder: Path) -> TestCollection:
    """The set's documents alone: its topics and judgements need not be there."""
    corpus = next((folder / name for name in CORPUS_NAMES if (folder / name).is_file()), None)
    return TestCollection(folder.name, folder, (), {}, False, corpus)


def _tell(name: str, done: int, total: int | None, note: str) -> None:
    print(f"{name}: {done} of {total} {note}", file=sys.stderr, flush=True)


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--set", dest="name", required=True)
    chosen = parser.parse_args()
    print(haystack(chosen.web, chosen.cache, chosen.name))


if __name__ == "__main__":
    main()
