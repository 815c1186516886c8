"""The files of a tuning: given tune.json's body, puts it and what goes with it into a folder, all or none.

Not for trials, which are kept one by one (record.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from eval.folders import write_whole
from eval.tuning.report import markdown


def write(out: Path, body: Mapping[str, Any], request: Mapping[str, Any], model: str | None) -> None:
    """`request` is the profile; `model` the text of trees."""
    files = {
        "profile.json": orjson.dumps(request, option=orjson.OPT_INDENT_2),
        "report.md": markdown(body).encode(),
        "tune.json": orjson.dumps(body, option=orjson.OPT_INDENT_2),
    }
    write_whole(out, files if model is None else {**files, "model.txt": model.encode()})
