"""Where results go: given a path, makes the folder and sees that it can be written; given results, puts them there
whole.

Files that belong together change together: each is written beside its old self, then one file says that all of them
are there, then they take the old ones' places. Who is killed before that instant leaves the old results, who is killed
after it the new ones, which `settle` puts in place for the next reader. Not for what a report says.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from eval.errors import RunError
from indexer.storage import sync_folder

COMPLETE: Final = ".results.json"
"""Names the files of results that are whole and have yet to take their places."""
UNFINISHED: Final = ("partial.jsonl", "trajectories", "trials.jsonl")
"""What runs of every kind keep while they go on."""


def writable(out: Path) -> Path:
    """RunError when nothing can be written there: before an hour of work, not after it."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise RunError(
            f"cannot write to {out}: {error.strerror}", hint="give a folder that you may write with --out"
        ) from error
    return out


def how_to_get(folder: Path, otherwise: str) -> str:
    """A hint for a folder without results: where a run was interrupted, to go on with that."""
    begun = any((folder / name).exists() for name in UNFINISHED)
    return "what wrote into it was interrupted: give the same command again, it goes on" if begun else otherwise


def write_results(out: Path, rows: Iterable[Mapping[str, Any]], body: Mapping[str, Any], report: str) -> None:
    """per_topic.jsonl, report.md and measures.json, all of them or none."""
    write_whole(
        out,
        {
            "per_topic.jsonl": b"".join(orjson.dumps(row) + b"\n" for row in rows),
            "report.md": report.encode(),
            "measures.json": orjson.dumps(body, option=orjson.OPT_INDENT_2),
        },
    )


def write_whole(out: Path, files: Mapping[str, bytes]) -> None:
    """All of the files, by name, or none."""
    settle(out)
    for name, data in files.items():
        _write(out / _part(name), data)
    _write(out / _part(COMPLETE), orjson.dumps(list(files)))
    (out / _part(COMPLETE)).replace(out / COMPLETE)
    sync_folder(out)
    settle(out)


def settle(out: Path) -> None:
    """Finish what a killed writer left whole; what it left unfinished stays where nobody reads it."""
    try:
        names = orjson.loads((out / COMPLETE).read_bytes())
    except FileNotFoundError:
        return
    for name in names:
        part = out / _part(name)
        if part.is_file():
            part.replace(out / name)
    sync_folder(out)
    (out / COMPLETE).unlink(missing_ok=True)


def _part(name: str) -> str:
    return f"{name}.part"


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
