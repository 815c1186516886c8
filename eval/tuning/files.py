"""The files of a tuning, written whole: given tune.json's body, puts it and what goes with it into a folder.

tune.json comes last: where it is new, all of them are. Not for trials, which are kept one by one (record.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from eval.tuning.report import markdown


def write(out: Path, body: Mapping[str, Any], request: Mapping[str, Any], model: str | None) -> None:
    """`request` is the profile; `model` the text of trees. A file that is there stays until the new one is whole."""
    files = {
        "profile.json": orjson.dumps(request, option=orjson.OPT_INDENT_2),
        "report.md": markdown(body).encode(),
        "tune.json": orjson.dumps(body, option=orjson.OPT_INDENT_2),
    }
    if model is not None:
        files = {"model.txt": model.encode(), **files}
    for name, data in files.items():
        part = out / f"{name}.part"
        part.write_bytes(data)
        part.replace(out / name)
