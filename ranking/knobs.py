"""What a parameter is made of: given a default, its unit and its reason, returns a field of a validated, frozen model.

Every table of parameters (params.py, retriever_params.py, rule_models.py, rerank_params.py) is written with these.
Not for the parameters themselves.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function

from ranking.limits import MAX_FIELD_CHARACTERS, MAX_METADATA_FIELDS

MAX_WEIGHT = 1_000.0
"""Weights live in [-1000, 1000]: signals are in [0, 1], so more would only lose float precision."""

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z_][A-Za-z0-9_.\-]*$")]
Weight = Annotated[float, Field(ge=-MAX_WEIGHT, le=MAX_WEIGHT, allow_inf_nan=False)]


Fields = Annotated[
    dict[Annotated[str, Field(max_length=MAX_FIELD_CHARACTERS)], Any], Field(max_length=MAX_METADATA_FIELDS)
]
"""Conditions on metadata, by field; filters.py settles what each may be."""


def holds(**fields: Any) -> dict[str, Any]:
    """JSON schema of an object that has these fields, so: for what a validator of a whole model wants."""
    return {"required": [*fields], "properties": fields}


def knob(default: Any, unit: str, reason: str, **limits: Any) -> Any:
    """A field whose unit and reason go into the generated table."""
    extra: dict[str, Any] = {"unit": unit, "reason": reason}
    if callable(default):
        return Field(default_factory=default, description=reason, json_schema_extra=extra, **limits)
    return Field(default=default, description=reason, json_schema_extra=extra, **limits)


_NO_SCHEMAS = frozenset({"metadata", "default", "expected", "serialization"})
"""Keys of a core schema that hold values."""


def _of_one_kind(schema: Any) -> None:
    """Makes every number and truth value in a core schema take its own kind alone."""
    if isinstance(schema, list | tuple):
        for each in schema:
            _of_one_kind(each)
    elif isinstance(schema, dict) and not schema.get("strict"):
        kind = schema.get("type")
        if kind in ("int", "float", "bool"):
            schema["strict"] = True
            if kind == "int":
                whole = no_info_before_validator_function(_whole, dict(schema))
                schema.clear()
                schema.update(whole)
            return
        for key, inner in schema.items():
            if key not in _NO_SCHEMAS:
                _of_one_kind(inner)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Model(BaseModel):
    """Frozen; an unknown key is an error with the nearest known name (the door words it). A number is a number and a
    truth value a truth value: "3" and true are no 3, and "true" is no true. 3.0 is 3, for JSON has one kind of number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, validate_default=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Pydantic's own `strict` for the whole model would refuse a JSON array where a field is a tuple."""
        schema = handler(source)
        _of_one_kind(handler.resolve_ref_schema(schema))
        return schema
