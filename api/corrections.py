"""The request that was meant: given a request and the error that refused it, returns the request corrected, where the
error says what was meant. For errors that only show once names are looked up; shapes are mended in ranking/suggest.py.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from ranking.errors import ExpressionError, ForageError
from ranking.params import Params
from ranking.shown import shown

_PATH: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_NAMED: Final = ("$.weights.", "$.fuse.weights.", "$.diversify.max_per.")
"""Objects whose keys are names: a wrong key is renamed, where elsewhere a wrong value is replaced."""


@contextmanager
def correcting(payload: Any) -> Iterator[None]:
    """Errors that leave the block carry a corrected request where one can be made, and name the profile to blame."""
    try:
        with blaming_profile(payload):
            yield
    except ForageError as error:
        if error.corrected_request is None and isinstance(payload, Mapping):
            error.corrected_request = corrected(payload, error)
        raise


@contextmanager
def blaming_profile(payload: Any) -> Iterator[None]:
    """Errors that leave the block about a field that the request does not have say that its profile set it: a signal
    may have gone since the profile was saved."""
    try:
        yield
    except ForageError as error:
        name = payload.get("profile") if isinstance(payload, Mapping) else None
        top = _PATH.match((error.path or "$").removeprefix("$"))
        if isinstance(name, str) and top is not None and top[1] in Params.model_fields and top[1] not in payload:
            error.message += f"; the profile {shown(name)} sets it"
            error.hint = f"{error.hint}; " if error.hint else ""
            error.hint += "set it in the request, or save a version of the profile without it"
            error.corrected_request = None
        raise


def corrected(payload: Mapping[str, Any], error: ForageError) -> dict[str, Any] | None:
    """A copy with the one mistake mended; None when the error does not say how."""
    body = copy.deepcopy(dict(payload))
    if isinstance(error, ExpressionError):
        if error.corrected_expression is None:
            return None
        return {**body, "score": error.corrected_expression}
    meant, path = error.did_you_mean, error.path or ""
    if meant is None:
        return None
    for prefix in _NAMED:
        if path.startswith(prefix):
            holder = _at(body, prefix.strip("$.").split("."))
            wrong = path.removeprefix(prefix)
            if isinstance(holder, dict) and wrong in holder and meant not in holder:
                holder[meant] = holder.pop(wrong)
                return body
            return None
    keys = [int(index) if index else name for name, index in _PATH.findall(path)]
    holder = _at(body, keys[:-1]) if keys else None
    if isinstance(holder, dict) and isinstance(holder.get(keys[-1]), str):
        holder[keys[-1]] = meant
        return body
    return None


def _at(body: Any, keys: list[Any]) -> Any:
    for key in keys:
        if isinstance(body, Mapping):
            body = body.get(key)
        elif isinstance(body, list) and isinstance(key, int) and key < len(body):
            body = body[key]
        else:
            return None
    return body
