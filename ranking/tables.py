"""Reference tables from the single sources: given nothing, returns rows for docs/params.md and docs/operators.md.

Rows are plain text; `markdown` prints them. A field without unit and reason fails here, so that nothing can be added
to a request undocumented. Not for prose: the docs generator puts these between its own sentences.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ranking import constants as module
from ranking.constants import CONSTANTS
from ranking.operators import OPERATORS
from ranking.params import Params

_LIMITS: Final = (
    ("ge", "at least {}"),
    ("gt", "above {}"),
    ("le", "at most {}"),
    ("lt", "below {}"),
    ("min_length", "{} or more"),
    ("max_length", "up to {}"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, in the order of its columns."""

    name: str
    default: str
    unit: str
    range: str
    reason: str


def parameters(model: type[BaseModel] = Params, *, strict: bool = True) -> tuple[Row, ...]:
    """Every field of a request, nested ones by their JSON path. ValueError names a field without a reason."""
    return tuple(_rows(model, "", strict))


def constants() -> tuple[Row, ...]:
    """Every constant of formulas and of the parser, in the order of constants.py, whoever was imported first."""
    order = [*vars(module), *sorted(CONSTANTS)]
    return tuple(
        Row(constant.name, f"{constant.value:g}", constant.unit, constant.range, constant.reason)
        for name in dict.fromkeys(order)
        if (constant := CONSTANTS.get(name)) is not None
    )


def operators() -> tuple[tuple[str, str, str, str], ...]:
    """(syntax, meaning, example, executed) of every operator."""
    return tuple((spec.syntax, spec.meaning, spec.example, "yes" if spec.executed else "not yet") for spec in OPERATORS)


def parameter_table(model: type[BaseModel] = Params) -> str:
    return markdown(("parameter", "default", "unit", "range", "reason"), map(_cells, parameters(model)))


def constant_table() -> str:
    return markdown(("constant", "value", "unit", "range", "reason"), map(_cells, constants()))


def operator_table() -> str:
    rows = ((f"`{syntax}`", meaning, f"`{example}`", done) for syntax, meaning, example, done in operators())
    return markdown(("operator", "meaning", "example", "executed"), rows)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    return (f"`{row.name}`", f"`{row.default}`", row.unit, row.range, row.reason)


def _rows(model: type[BaseModel], prefix: str, strict: bool) -> Iterator[Row]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        nested = _models(field.annotation)
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        reason = str(extra.get("reason") or field.description or "")
        if strict and not nested and not reason and not _is_tag(field):
            raise ValueError(f"{path} has no reason: declare it with knob(default, unit, reason)")
        if nested and get_origin(field.annotation) is None:
            yield from _rows(nested[0], f"{path}.", strict)
            continue
        yield Row(path, _default(field), str(extra.get("unit", "")), _range(field), reason or "names the kind")
        for inner in nested:
            tag = next((get_args(one.annotation)[0] for one in inner.model_fields.values() if _is_tag(one)), "")
            yield from _rows(inner, f"{path}[{tag}].", strict)


def _is_tag(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        return ", ".join(str(getattr(item, "name", item)) for item in value)
    if isinstance(value, BaseModel):
        value = value.model_dump(by_alias=True)
    return json.dumps(value, default=list)


def _range(field: FieldInfo) -> str:
    """What is allowed: the choices, or the limits in words."""
    choices = _choices(field.annotation)
    if choices:
        return " or ".join(json.dumps(choice) for choice in choices)
    if _holds(field.annotation, bool):
        return "true or false"
    limits = {
        key: getattr(rule, key) for rule in field.metadata for key, _ in _LIMITS if getattr(rule, key, None) is not None
    }
    words = [template.format(f"{limits[key]:,}") for key, template in _LIMITS if key in limits]
    return ", ".join(words)


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _holds(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_holds(argument, kind) for argument in get_args(annotation)[:1])
