"""The table of constants: given name, value, unit, range and reason, keeps a row and returns the value.

A constant is so an ordinary module name and a row of the table at the same time. Not for the constants themselves
(constants.py), nor for knobs of a request (params.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar


@dataclass(frozen=True, slots=True)
class Constant:
    """One row: `range` in words ("0 to 1"), `unit` empty for a pure number."""

    name: str
    value: float
    unit: str
    range: str
    reason: str


CONSTANTS: Final[dict[str, Constant]] = {}
"""Every constant by name, in the order of definition."""

Number = TypeVar("Number", int, float)


def define(name: str, value: Number, unit: str, range: str, reason: str) -> Number:
    """Register a constant and return its value; a name defined twice is a defect."""
    if name in CONSTANTS:
        raise ValueError(f"constant {name} is defined twice")
    CONSTANTS[name] = Constant(name, value, unit, range, reason)
    return value
