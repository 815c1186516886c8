"""The functions and operators of score expressions: given a name, returns how it is written and what it computes.

To add a function: one row here; the parser, the evaluator and their messages follow from the row. `compute` maps
columns [n] to one column [n], element by element, and returns NaN or infinity where it has no value: the caller
counts those. Not for `if`, `and`, `or` (which look at one side only where it decides) nor for `norm` (which looks at
all candidates at once): evaluate.py has them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ranking.types import Doubles

Kind = Literal["number", "condition", "text"]

COMPARISONS: Final = ("<", "<=", ">", ">=", "==", "!=")
LOGICAL: Final = ("and", "or", "not")

# ---------------------------------------------------------------- formulas


def _smallest(*columns: Doubles) -> Doubles:
    return functools.reduce(np.minimum, columns)


def _largest(*columns: Doubles) -> Doubles:
    return functools.reduce(np.maximum, columns)


def _sigmoid(x: Doubles, mid: Doubles, slope: Doubles) -> Doubles:
    return 1.0 / (1.0 + np.exp(-slope * (x - mid)))


def _saturate(x: Doubles, mid: Doubles, exponent: Doubles) -> Doubles:
    """As 1/(1 + (mid/x)^e) but for x = 0: that power may overflow without harm. NaN where x^e is not real, although
    (mid/x)^e may be."""
    power = np.power(x, exponent)
    at_zero = power / (power + np.power(mid, exponent))
    value = np.where(x == 0, at_zero, 1.0 / (1.0 + np.power(mid / x, exponent)))
    return np.where(np.isnan(power), np.nan, value)


def _decay(x: Doubles, half_life: Doubles) -> Doubles:
    return np.where(half_life == 0, np.nan, np.exp2(-x / half_life))


def _gauss(x: Doubles, origin: Doubles, scale: Doubles) -> Doubles:
    return np.where(scale == 0, np.nan, np.exp(-(((x - origin) / scale) ** 2) / 2.0))


def _clamp(x: Doubles, low: Doubles, high: Doubles) -> Doubles:
    return np.minimum(np.maximum(x, low), high)


# ---------------------------------------------------------------- over all candidates


def _shifted(values: Doubles) -> Doubles:
    """The same up to scale and origin, at least 0 and near 1: a power of two and a difference, so nothing overflows."""
    _, exponent = math.frexp(float(np.abs(values).max()))
    scaled = np.ldexp(values, -exponent)
    return np.asarray(scaled - scaled.min())


def _minmax(values: Doubles) -> Doubles:
    shifted = _shifted(values)
    largest = shifted.max()
    return shifted / largest if largest > 0 else shifted


def _zscore(values: Doubles) -> Doubles:
    """Sums are exact (fsum), so that the order of the candidates is no matter."""
    shifted = _shifted(values)
    if not shifted.any():
        return shifted
    centred = shifted - math.fsum(shifted.tolist()) / len(shifted)
    return np.asarray(centred / math.sqrt(math.fsum((centred * centred).tolist()) / len(shifted)))


def _rank(values: Doubles) -> Doubles:
    if len(values) == 1:
        return np.ones(1)
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    worse = np.cumsum(ties) - ties + (ties - 1) / 2.0
    return np.asarray(worse[place] / (len(values) - 1))


NORMS: Final[Mapping[str, Callable[[Doubles], Doubles]]] = MappingProxyType(
    {"minmax": _minmax, "zscore": _zscore, "rank": _rank}
)
"""Method of norm -> [m] values of m > 0 candidates to [m]. minmax: (x - least)/(largest - least), 0 if all are equal.
zscore: (x - mean)/population deviation, 0 if that is 0. rank: 1 for the largest, 0 for the least, ties share the mean
of their ranks, a single candidate is 1."""

# ---------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class Parameter:
    """`default`: None when it must be given. `positive`: a number written out for it must be above 0."""

    name: str
    kind: Kind = "number"
    default: float | None = None
    positive: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """One row. `variadic`: more arguments like the last. `compute`: None for the two that evaluate.py has."""

    name: str
    parameters: tuple[Parameter, ...]
    formula: str
    source: str
    compute: Callable[..., NDArray[Any]] | None
    variadic: bool = False

    @property
    def usage(self) -> str:
        """How it is written: `saturate(x, mid, exp=1)`."""
        return f"{self.name}({', '.join(map(_written, self.parameters))}{', ...' if self.variadic else ''})"


def _written(parameter: Parameter) -> str:
    if parameter.choices:
        return " | ".join(f'"{choice}"' for choice in parameter.choices)
    return parameter.name if parameter.default is None else f"{parameter.name}={parameter.default:g}"


_X: Final = Parameter("x")
_Y: Final = Parameter("y")

_ROWS: Final = (
    Function("min", (_X, _Y), "the smallest", "", _smallest, variadic=True),
    Function("max", (_X, _Y), "the largest", "", _largest, variadic=True),
    Function("log1p", (_X,), "ln(1 + x)", "", np.log1p),
    Function("sqrt", (_X,), "square root", "", np.sqrt),
    Function("exp", (_X,), "e^x", "", np.exp),
    Function("abs", (_X,), "|x|", "", np.abs),
    Function("pow", (_X, _Y), "x^y", "", np.power),
    Function("sigmoid", (_X, Parameter("mid"), Parameter("slope")), "1/(1 + e^(-slope (x - mid)))",
             "Elasticsearch rank_feature", _sigmoid),
    Function("saturate", (_X, Parameter("mid", positive=True), Parameter("exp", default=1.0, positive=True)),
             "x^exp/(x^exp + mid^exp)", "Craswell et al. 2005", _saturate),
    Function("decay", (_X, Parameter("half_life", positive=True)), "2^(-x/half_life)", "Li and Croft 2003", _decay),
    Function("gauss", (_X, Parameter("origin"), Parameter("scale", positive=True)),
             "e^(-(x - origin)^2/(2 scale^2))", "Elasticsearch function_score", _gauss),
    Function("clamp", (_X, Parameter("lo"), Parameter("hi")), "min(max(x, lo), hi)", "", _clamp),
    Function("if", (Parameter("condition", "condition"), Parameter("then"), Parameter("otherwise")),
             "`then` where the condition holds, else `otherwise`", "", None),
    Function("norm", (_X, Parameter("method", "text", choices=tuple(NORMS))),
             "x on the scale of all candidates", "Lee 1997; Montague and Aslam 2001", None),
)  # fmt: skip

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every function by name."""

NEGATE: Final = "negate"
"""The operation of unary minus; no function has this name."""

OPERATORS: Final[Mapping[str, Callable[..., NDArray[Any]]]] = MappingProxyType(
    {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        NEGATE: np.negative,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
        "==": np.equal,
        "!=": np.not_equal,
        "not": np.logical_not,
    }
)
"""Operators that look at all of their operands."""
