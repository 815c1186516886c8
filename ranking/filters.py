"""Filters of a request: given FilterParams, returns the condition that a document must satisfy.

Values of one list are alternatives; lists, dates and metadata fields all hold together. Canonical forms are those
of the operators (values.py). Not for filters in query text (units.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ranking.constants import MAX_RULE_VALUES, MAX_VALUE_CHARACTERS
from ranking.dates import parse_date
from ranking.errors import ParamsError
from ranking.params import FilterParams
from ranking.shown import shown
from ranking.suggest import nearest
from ranking.types import Filter, FilterKind, Node, Not
from ranking.units import conjunction, disjunction
from ranking.values import filetype, language, site

BOUNDS: Final = ("gte", "gt", "lte", "lt")
"""Of a metadata range."""


def condition_of(filters: FilterParams) -> Node | None:
    """What the request's filters demand. Values of one list are alternatives, lists and fields all hold together.

    Raises ParamsError, with the JSON path, for a value that no document could be compared with.
    """
    return conjunction(
        [
            _one_of("site", filters.include_sites, site, "include_sites"),
            *map(Not, _each("site", filters.exclude_sites, site, "exclude_sites")),
            _one_of("lang", filters.languages, language, "languages"),
            _one_of("filetype", filters.filetypes, filetype, "filetypes"),
            _one_of("url_prefix", filters.url_prefixes, _prefix, "url_prefixes"),
            _date("after", filters.after),
            _date("before", filters.before),
            *(node for name, wanted in filters.metadata.items() for node in _metadata(name, wanted)),
        ]
    )


def _one_of(kind: FilterKind, values: Iterable[str], canonical: Callable[[str], str], field: str) -> Node | None:
    return disjunction(_each(kind, values, canonical, field))


def _each(kind: FilterKind, values: Iterable[str], canonical: Callable[[str], str], field: str) -> list[Filter]:
    nodes = []
    for place, value in enumerate(values):
        try:
            nodes.append(Filter(kind, canonical(value)))
        except ParamsError as error:
            raise ParamsError(error.message, path=f"$.filters.{field}[{place}]", hint=error.hint) from None
    return nodes


def _prefix(text: str) -> str:
    if not text.strip():
        raise ParamsError("an empty URL prefix fits every URL", hint="leave it out")
    return text.strip()


def _date(kind: FilterKind, value: str | None) -> Node | None:
    if value is None:
        return None
    try:
        parse_date(value)
    except ParamsError as error:
        raise ParamsError(error.message, path=f"$.filters.{kind}", hint=error.hint) from None
    return Filter(kind, value.strip())


def _metadata(name: str, wanted: Any) -> list[Filter]:
    path = f"$.filters.metadata.{name}"
    if isinstance(wanted, Mapping):
        if not wanted:
            raise ParamsError("an empty range bounds nothing", path=path, hint='write {"gte": 2020} or leave it out')
        return [_bound(name, str(bound), value, path) for bound, value in wanted.items()]
    if isinstance(wanted, list | tuple):
        if not wanted:
            raise ParamsError("an empty list fits no document", path=path, hint="leave it out, or name values")
        if len(wanted) > MAX_RULE_VALUES:
            raise ParamsError(
                f"{len(wanted):,} values are too many, at most {MAX_RULE_VALUES:,} can be",
                path=path,
                hint="a field that tells those documents from others would need one value",
            )
        values = [_scalar(value, f"{path}[{place}]") for place, value in enumerate(wanted)]
        return [Filter("metadata", _json(values), name, "in")]
    return [Filter("metadata", _json(_scalar(wanted, path)), name, "eq")]


def _bound(name: str, bound: str, value: Any, path: str) -> Filter:
    if bound not in BOUNDS:
        raise ParamsError(
            f"{shown(bound)} is no bound of a range",
            path=f"{path}.{bound}",
            hint=f"bounds are {', '.join(BOUNDS)}",
            did_you_mean=nearest(bound, BOUNDS),
        )
    if isinstance(value, bool):
        raise ParamsError("true and false have no order", path=f"{path}.{bound}", hint="bounds are numbers or text")
    return Filter("metadata", _json(_scalar(value, f"{path}.{bound}")), name, bound)


def _scalar(value: Any, path: str) -> str | int | float | bool:
    if isinstance(value, str) and len(value) > MAX_VALUE_CHARACTERS:
        raise ParamsError(
            f"{shown(value)} has {len(value):,} characters, at most {MAX_VALUE_CHARACTERS:,} can be compared", path=path
        )
    if isinstance(value, str | bool) or (isinstance(value, int | float) and abs(value) <= sys.float_info.max):
        return value
    given = "null" if value is None else str(value)
    raise ParamsError(
        f"{shown(given)} is no value to compare with", path=path, hint="use text, a finite number, true or false"
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
