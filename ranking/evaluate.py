"""The value of a score expression: given an Expression and columns of signals, returns what each addend contributes.

A candidate for which some part of an addend has no finite value (division by 0, overflow, outside of a domain) gets 0
from that addend and is counted. Parts that decide nothing do not count: the other branch of `if`, the right side of
`and` and `or` where the left one decides. Functions are taken whole: sigmoid(x, 0, 900) is 0 at x = -1, although
e^900 is no double. Not for where expressions come from (expression.py) nor for weights (weights.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ranking.constants import LARGEST_ADDEND
from ranking.expression_functions import FUNCTIONS, NORMS, OPERATORS
from ranking.expression_nodes import Apply, Expression, Node, Number, Read, Text
from ranking.types import Doubles, Mask


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Of n candidates; everything is finite. `contributions` are keyed by the text of the addend, in order; addends
    of equal text are one entry. `score` is their sum, entry after entry from the first: for two candidates or more
    the very floats of np.stack(list(contributions.values())).sum(axis=0). (For a single one NumPy sums 8 rows or more
    pairwise, so there the last bit may differ; in order, no candidate's score depends on how many others there are.)
    """

    contributions: dict[str, Doubles]  # addend text -> [n]
    score: Doubles  # [n]
    undefined: dict[str, int]  # addend text -> for how many candidates it had no value; only where there are any


def evaluate(expression: Expression, columns: Mapping[str, Doubles], size: int) -> Evaluated:
    """`columns`: [size] for every `SignalCall.key` of `expression.reads`; KeyError names one that is not there."""
    contributions: dict[str, Doubles] = {}
    undefined: dict[str, int] = {}
    with np.errstate(all="ignore"):
        for addend in expression.addends:
            column = _value(addend.node, columns, size)
            # Adding 0 turns -0, the product of nothing with a negative weight, into 0.
            part = np.clip(column.values, -LARGEST_ADDEND, LARGEST_ADDEND) + 0.0
            before = contributions.get(addend.text)
            contributions[addend.text] = part if before is None else before + part
            if count := int(np.count_nonzero(column.undefined)):
                undefined[addend.text] = count
    score = np.zeros(size)
    for part in contributions.values():
        score = score + part
    return Evaluated(contributions, score, undefined)


@dataclass(frozen=True, slots=True)
class _Column:
    """Numbers or truths of n candidates; `values` are 0 or False where `undefined`."""

    values: NDArray[Any]  # [n]
    undefined: Mask  # [n]


def _value(node: Node, columns: Mapping[str, Doubles], size: int) -> _Column:
    if isinstance(node, Number):
        return _Column(np.full(size, node.value), np.zeros(size, np.bool_))
    if isinstance(node, Read):
        return _settled(np.asarray(columns[node.call.key], dtype=np.float64), np.zeros(size, np.bool_))
    assert not isinstance(node, Text)  # stands only where norm reads it
    if node.operation == "norm":
        return _norm(node, columns, size)
    parts = [_value(argument, columns, size) for argument in node.arguments]
    if node.operation == "if":
        return _if(*parts)
    if node.operation in ("and", "or"):
        return _logical(node.operation, *parts)
    function = FUNCTIONS.get(node.operation)
    compute = OPERATORS[node.operation] if function is None else function.compute
    assert compute is not None
    return _settled(compute(*(part.values for part in parts)), np.logical_or.reduce([part.undefined for part in parts]))


def _settled(values: NDArray[Any], undefined: Mask) -> _Column:
    """A copy without gaps: NumPy's exp of every other element may differ in the last bit from that of a plain array."""
    without = undefined | ~np.isfinite(values)
    return _Column(np.where(without, values.dtype.type(0), values), without)


def _if(condition: _Column, then: _Column, otherwise: _Column) -> _Column:
    undefined = condition.undefined | np.where(condition.values, then.undefined, otherwise.undefined)
    return _settled(np.where(condition.values, then.values, otherwise.values), undefined)


def _logical(operation: str, left: _Column, right: _Column) -> _Column:
    """`and` is settled by False on the left, `or` by True."""
    undecided = left.values if operation == "and" else ~left.values
    values = left.values & right.values if operation == "and" else left.values | right.values
    return _settled(values, left.undefined | (undecided & right.undefined))


def _norm(node: Apply, columns: Mapping[str, Doubles], size: int) -> _Column:
    """Over the candidates for which its argument has a value; the others stay without."""
    argument, method = node.arguments
    assert isinstance(method, Text)
    column = _value(argument, columns, size)
    there = ~column.undefined
    values = np.zeros(size)
    if there.any():
        values[there] = NORMS[method.value](column.values[there])
    return _Column(values, column.undefined)
