"""Where results go: given a path, makes the folder and sees that it can be written; given results, puts them there
whole.

Not for what a report says.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from eval.errors import RunError


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


def write_results(out: Path, rows: Iterable[Mapping[str, Any]], body: Mapping[str, Any], report: str) -> None:
    """per_topic.jsonl, report.md and measures.json, the last at last: where it is new, all of them are. Each is its old
    self or its new one, whatever happens."""
    written = {
        "per_topic.jsonl": b"".join(orjson.dumps(row) + b"\n" for row in rows),
        "report.md": report.encode(),
        "measures.json": orjson.dumps(body, option=orjson.OPT_INDENT_2),
    }
    for name, data in written.items():
        part = out / f"{name}.part"
        part.write_bytes(data)
        part.replace(out / name)
