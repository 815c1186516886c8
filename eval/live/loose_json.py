"""JSON as models write it: given a text, returns its value, with a question mark for half a surrogate pair.

Models cut characters in two now and then, and strict readers refuse the whole text for it. Not for files (orjson).
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def read_json(text: str) -> Any:
    """ValueError for what is no JSON, or nested too deep."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as strict:
        try:
            whole = json.dumps(json.loads(text), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        except (ValueError, RecursionError):
            raise strict from None
        return orjson.loads(whole)
