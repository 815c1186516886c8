"""Ranking params in a file: given its path, returns what a run can take of it.

The file holds fields of a search's body, or a whole one such as `resolved` of an answer; what a run decides itself is
left out and named. Not for validating the rest: a search does that, and knows what was meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from api.requests import SearchRequest
from eval.errors import RunError
from ranking.params import Params

OWN: Final = frozenset(SearchRequest.model_fields) - frozenset(Params.model_fields) - {"profile"} | {
    "content",
    "explain",
    "facets",
    "max_results",
    "session",
}
"""Every run searches for a topic, without a session, for as many documents as measures look at."""
EXAMPLE: Final = 'for example {"weights": {"recency": 0.3}, "fuse": {"method": "rrf"}}'


def read_params(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(params, names of the fields that were left out). RunError for a file that is no JSON object, with the line."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}", hint=EXAMPLE) from None
    try:
        given = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RunError(f"{path} line {error.lineno}: not JSON ({error.msg})", hint=EXAMPLE) from None
    if not isinstance(given, dict):
        raise RunError(f"{path}: not an object of params", hint=EXAMPLE)
    wrapped = given.get("params")
    if isinstance(wrapped, dict) and set(given) <= {"name", "version", "created", "params", "ignored"}:
        given = wrapped  # a saved profile, as it is read back
    left_out = tuple(sorted(name for name in given if name in OWN))
    return {name: value for name, value in given.items() if name not in OWN}, left_out
