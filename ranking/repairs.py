"""Repairs of values: given a refused value and pydantic's context of the error, returns one that is allowed.

One function per type of error. Not for wrong names (suggest.py) nor for errors that only the sender can settle.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ranking.nearest import nearest

UNCHANGED: Final = object()
"""No repair is known."""
DEFAULT: Final = object()
"""Take the key out: its default then stands."""
_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


def choices(context: Mapping[str, Any], key: str = "expected") -> list[str]:
    return re.findall(r"'([^']*)'", str(context.get(key, "")))


def discriminator(context: Mapping[str, Any]) -> str:
    """The key whose value says which member of a union is meant."""
    return str(context.get("discriminator", "'type'")).strip("'")


def _literal(given: Any, context: Mapping[str, Any]) -> Any:
    expected = choices(context)
    if isinstance(given, str):
        return nearest(given, expected) or UNCHANGED
    if isinstance(given, bool) and not given and "none" in expected:
        return "none"
    return DEFAULT if given is None else UNCHANGED


def _tag(given: Any, context: Mapping[str, Any]) -> Any:
    """The discriminator of a union member, by its name or by the fields that only one member has."""
    if not isinstance(given, dict):
        return UNCHANGED
    tags = choices(context, "expected_tags") or ["bm25", "dense"]
    key = discriminator(context)
    said = given.get(key)
    synonyms = {
        "lexical": "bm25",
        "text": "bm25",
        "keyword": "bm25",
        "vector": "dense",
        "semantic": "dense",
        "knn": "dense",
    }
    guess = (synonyms.get(said.lower()) or nearest(said, tags)) if isinstance(said, str) else None
    if guess is None and said is None:
        guess = (
            "dense"
            if given.keys() & {"vector", "exact"}
            else "bm25"
            if given.keys() & {"fields", "k1", "b", "terms"}
            else None
        )
    return {**given, key: guess} if guess in tags else UNCHANGED


def _at_least(given: Any, context: Mapping[str, Any]) -> Any:
    return context["ge"]


def _at_most(given: Any, context: Mapping[str, Any]) -> Any:
    return context["le"]


def _beyond(given: Any, context: Mapping[str, Any]) -> Any:
    """An exclusive limit has no nearest valid number worth having: the default is."""
    return DEFAULT


def _integer(given: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(given, str):
        try:
            given = float(given)
        except ValueError:
            return DEFAULT
    if isinstance(given, float) and math.isfinite(given):
        return round(given)
    return given[0] if isinstance(given, list) and len(given) == 1 else DEFAULT


def _number(given: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(given, str):
        try:
            number = float(given)
        except ValueError:
            return DEFAULT
        return number if math.isfinite(number) else DEFAULT
    return given[0] if isinstance(given, list) and len(given) == 1 else DEFAULT


def _boolean(given: Any, context: Mapping[str, Any]) -> Any:
    said = str(given).strip().lower()
    return True if said in _TRUE else False if said in _FALSE else DEFAULT


def _string(given: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(given, bool) or given is None:
        return DEFAULT
    if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
        return " ".join(given)
    return str(given) if isinstance(given, int | float) else UNCHANGED


def _list(given: Any, context: Mapping[str, Any]) -> Any:
    if given is None:
        return DEFAULT
    return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else [given]


def _shorter(given: Any, context: Mapping[str, Any]) -> Any:
    """A text up to the limit. Never a list: of rules or sites, those at its end would be gone without a word."""
    limit = int(context["max_length"])
    return (given[:limit].rpartition(" ")[0] or given[:limit]) if isinstance(given, str) else UNCHANGED


def _longer(given: Any, context: Mapping[str, Any]) -> Any:
    """Only what is itself too short: pydantic says it of a list, too, whose items it refused."""
    return DEFAULT if len(given) < int(context["min_length"]) else UNCHANGED


def _mapping(given: Any, context: Mapping[str, Any]) -> Any:
    return DEFAULT if given is None or given is False or given == [] else UNCHANGED


MENDERS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "literal_error": _literal,
    "union_tag_invalid": _tag,
    "union_tag_not_found": _tag,
    "greater_than_equal": _at_least,
    "less_than_equal": _at_most,
    "greater_than": _beyond,
    "less_than": _beyond,
    "finite_number": _beyond,
    "int_type": _integer,
    "int_parsing": _integer,
    "int_from_float": _integer,
    "float_type": _number,
    "float_parsing": _number,
    "bool_type": _boolean,
    "bool_parsing": _boolean,
    "string_type": _string,
    "tuple_type": _list,
    "list_type": _list,
    "too_long": _shorter,
    "string_too_long": _shorter,
    "too_short": _longer,
    "dict_type": _mapping,
    "model_type": _mapping,
    "model_attributes_type": _mapping,
}
TAG_ERRORS: Final = frozenset({"union_tag_invalid", "union_tag_not_found"})
