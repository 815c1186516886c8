"""Score expressions as trees, for laws: their text, an evaluator of plain Python floats, and strategies for any of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from ranking.constants import LARGEST_ADDEND, MAX_EXPRESSION_NODES
from ranking.evaluate import Evaluated, evaluate
from ranking.expression import parse_expression
from ranking.types import Doubles

SIGNALS = ("a", "b", "c.d")
KNOWN = {**dict.fromkeys(SIGNALS, ()), "recency": ("half_life_days",), "meta.year": ("mid", "exp")}
KEYS = (*SIGNALS, "recency(half_life_days=30)")

# ---------------------------------------------------------------- trees and their text


@dataclass(frozen=True)
class Tree:
    """`kind`: number, signal, an operator, or the name of a function."""

    kind: str
    parts: tuple[Tree, ...] = ()
    value: float = 0.0
    name: str = ""  # of a signal, of the method of norm


BINDS = {
    "or": 1,
    "and": 2,
    "not": 3,
    **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), 4),
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "neg": 7,
}


def size_of(tree: Tree) -> int:
    """Nodes: the parameter of recency and the method of norm are one more."""
    return 1 + sum(map(size_of, tree.parts)) + (tree.kind == "norm") + ("(" in tree.name)


def text_of(tree: Tree, gap: str) -> str:
    """With no more brackets than its meaning needs; `gap` around operators of numbers."""

    def inner(part: Tree, least: int) -> str:
        written = text_of(part, gap)
        return f"({written})" if BINDS.get(part.kind, 8) < least else written

    if tree.kind == "number":
        return repr(tree.value).removesuffix(".0")
    if tree.kind == "signal":
        return tree.name
    if tree.kind == "neg":
        return "-" + inner(tree.parts[0], 7)
    if tree.kind == "not":
        return "not " + inner(tree.parts[0], 3)
    if tree.kind in BINDS:
        own = BINDS[tree.kind]
        between = f" {tree.kind} " if tree.kind in ("and", "or") else f"{gap}{tree.kind}{gap}"
        return inner(tree.parts[0], own + (own == 4)) + between + inner(tree.parts[1], own + 1)
    arguments = [text_of(part, gap) for part in tree.parts] + ([f'"{tree.name}"'] if tree.kind == "norm" else [])
    return f"{tree.kind}({f',{gap}'.join(arguments)})"


def addends_of(tree: Tree, gap: str) -> list[tuple[str, Tree]]:
    """Text and tree of each term of the outermost sum."""
    if tree.kind not in ("+", "-"):
        return [(text_of(tree, gap), tree)]
    left, right = tree.parts
    written = text_of(right, gap)
    written = f"({written})" if right.kind in ("+", "-") else written
    last = (written, right) if tree.kind == "+" else (f"-{written}", Tree("neg", (right,)))
    return [*addends_of(left, gap), last]


def literal(tree: Tree) -> float | None:
    """The value of a number with signs."""
    if tree.kind == "neg":
        value = literal(tree.parts[0])
        return None if value is None else -value
    return tree.value if tree.kind == "number" else None


POSITIVE = {"saturate": (1, 2), "decay": (1,), "gauss": (2,)}


def refusable(tree: Tree) -> bool:
    """Whether a constant in it can be seen to be wrong before any candidate is there."""
    values = [literal(part) for part in tree.parts]
    if tree.kind == "/" and values[1] == 0:
        return True
    if any(
        place < len(values) and (value := values[place]) is not None and value <= 0
        for place in POSITIVE.get(tree.kind, ())
    ):
        return True
    if tree.kind == "clamp" and values[1] is not None and values[2] is not None and values[1] > values[2]:
        return True
    return any(map(refusable, tree.parts))


# ---------------------------------------------------------------- the oracle

Column = list[Any]
"""One number or truth for each candidate, None where it has no value."""


def quotient(x: float, y: float) -> float:
    return x / y if y else math.nan


def sigmoid(x: float, mid: float, slope: float) -> float:
    try:
        return 1 / (1 + math.exp(-slope * (x - mid)))
    except OverflowError:
        return 0.0


def saturate(x: float, mid: float, exponent: float = 1.0) -> float:
    """In logarithms where it can be; else over x^e, so that 0 stands for what is smaller than any double."""
    if x > 0 and mid > 0:
        try:
            return 1 / (1 + math.exp(exponent * (math.log(mid) - math.log(x))))
        except OverflowError:
            return 0.0
    power, half = unbounded(x, exponent), unbounded(mid, exponent)
    return quotient(1.0, 1.0 + unbounded(mid / x, exponent)) if x else quotient(power, power + half)


def unbounded(x: float, y: float) -> float:
    """x^y, infinite where it is too large and for a negative power of 0; ValueError where it is not real."""
    if x == 0 and y < 0:
        return math.inf
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 else math.inf


def decay(x: float, half_life: float) -> float:
    return math.pow(2.0, -x / half_life) if half_life else math.nan


def gauss(x: float, origin: float, scale: float) -> float:
    distance = (x - origin) / scale if scale else math.nan
    return math.exp(-distance * distance / 2)


EXACT: dict[str, Callable[..., float]] = {
    "neg": lambda x: -x, "+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y, "/": quotient,
    "min": min, "max": max, "abs": abs, "sqrt": math.sqrt, "clamp": lambda x, low, high: min(max(x, low), high),
    "<": lambda x, y: x < y, "<=": lambda x, y: x <= y, ">": lambda x, y: x > y, ">=": lambda x, y: x >= y,
    "==": lambda x, y: x == y, "!=": lambda x, y: x != y, "not": lambda x: not x,
}  # fmt: skip
ROUNDED: dict[str, Callable[..., float]] = {
    "exp": math.exp, "log1p": math.log1p, "pow": math.pow, "sigmoid": sigmoid, "saturate": saturate, "decay": decay,
    "gauss": gauss,
}  # fmt: skip
"""Functions whose last bits a library may choose."""


class Oracle:
    """The value of a tree for each of `rows`. `wobble` of 1 or -1 changes the results of ROUNDED by up to a part in
    10^12: what depends on that depends on the last bits, and no two evaluators agree about it."""

    def __init__(self, rows: list[dict[str, float]], wobble: int) -> None:
        self.rows = rows
        self.wobble = wobble

    def value(self, tree: Tree) -> Column:
        if tree.kind == "number":
            return [tree.value] * len(self.rows)
        if tree.kind == "signal":
            return [settled(row[tree.name]) for row in self.rows]
        parts = [self.value(part) for part in tree.parts]
        if tree.kind == "norm":
            return self.norm(tree.name, parts[0])
        if tree.kind == "if":
            return [None if c is None else (a if c else b) for c, a, b in zip(*parts, strict=True)]
        if tree.kind == "and":
            return [None if x is None else (y if x else False) for x, y in zip(*parts, strict=True)]
        if tree.kind == "or":
            return [None if x is None else (True if x else y) for x, y in zip(*parts, strict=True)]
        return [self.applied(tree.kind, values) for values in zip(*parts, strict=True)]

    def applied(self, kind: str, values: tuple[Any, ...]) -> Any:
        if None in values:
            return None
        try:
            return settled(self.shaken(ROUNDED[kind](*values), *values) if kind in ROUNDED else EXACT[kind](*values))
        except (ValueError, OverflowError):
            return None

    def shaken(self, value: float, *origin: float) -> float:
        return value * (1 + self.wobble * 1e-12 * math.cos(math.fsum(1e3 * math.tanh(x) for x in origin)))

    def norm(self, method: str, column: Column) -> Column:
        there = [value for value in column if value is not None]
        if not there:
            return column
        least, largest, many = min(there), max(there), len(there)
        mean = sum(map(Fraction, there)) / many
        variance = sum((Fraction(value) - mean) ** 2 for value in there) / many

        def of(value: float) -> float:
            if method == "minmax":
                wide = Fraction(largest) - Fraction(least)
                return float((Fraction(value) - Fraction(least)) / wide) if wide else 0.0
            if method == "zscore":
                return (
                    math.copysign(math.sqrt((Fraction(value) - mean) ** 2 / variance), value - mean)
                    if variance
                    else 0.0
                )
            worse, equal = sum(other < value for other in there), sum(other == value for other in there)
            return (worse + (equal - 1) / 2) / (many - 1) if many > 1 else 1.0

        return [None if value is None else self.shaken(of(value), value) for value in column]


def settled(value: Any) -> Any:
    return value if math.isfinite(value) else None


# ---------------------------------------------------------------- strategies

COARSE = [0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 10.0, 700.0, 1e-3, 1e200]
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
PLAIN = {"min": (2, 3), "max": (2, 4), "abs": (1,), "sqrt": (1,), "clamp": (3,)}
ALL = {
    **PLAIN,
    **dict.fromkeys(("exp", "log1p"), (1,)),
    "pow": (2,),
    "sigmoid": (3,),
    "saturate": (2, 3),
    "decay": (2,),
    "gauss": (3,),
}


@st.composite
def trees(
    draw: st.DrawFn, numbers: st.SearchStrategy[float], functions: dict[str, tuple[int, ...]], norms: tuple[str, ...]
) -> Tree:
    """A number of up to 14 leaves out of these functions (name -> how many arguments it takes) and methods of norm."""
    kinds = ["+", "-", "*", "/", "+", "-", "*", "/", "neg", "if", "if", "norm", *functions]

    def split(leaves: int, many: int) -> list[int]:
        return [max(1, leaves // many + draw(st.integers(-1, 1))) for _ in range(many)]

    def number(leaves: int) -> Tree:
        if leaves <= 1 and draw(st.integers(0, 4)) != 4:
            key = draw(st.sampled_from(["", *KEYS, *KEYS]))
            return Tree("signal", name=key) if key else Tree("number", value=draw(numbers))
        kind = draw(st.sampled_from(kinds))
        if kind == "if":
            first, *others = split(leaves - 1, 3)
            return Tree("if", (condition(first), *map(number, others)))
        if kind == "norm":
            return Tree("norm", (number(leaves - 1),), name=draw(st.sampled_from(norms)))
        many = 1 if kind == "neg" else draw(st.sampled_from(functions.get(kind, (2,))))
        return Tree(kind, tuple(map(number, split(leaves - (many == 1), many))))

    def condition(leaves: int) -> Tree:
        kind = draw(st.sampled_from([*COMPARISONS, "and", "or", "not"] if leaves > 1 else COMPARISONS))
        part = condition if kind in ("and", "or", "not") else number
        return Tree(kind, tuple(map(part, split(leaves - 1, 1 if kind == "not" else 2))))

    tree = number(draw(st.integers(1, 14)))
    assume(size_of(tree) <= MAX_EXPRESSION_NODES)
    return tree


any_number = st.floats(min_value=0.0, allow_infinity=False, allow_nan=False)
exact_trees = trees(st.one_of(st.sampled_from(COARSE), any_number), PLAIN, ("rank",))
all_trees = trees(st.sampled_from(COARSE), ALL, ("minmax", "zscore", "rank"))
gaps = st.sampled_from(["", " "])


def rows_of(value: st.SearchStrategy[float], most: int = 6) -> st.SearchStrategy[list[dict[str, float]]]:
    return st.lists(st.fixed_dictionaries(dict.fromkeys(KEYS, value)), min_size=1, max_size=most)


coarse = st.sampled_from([*COARSE, *(-value for value in COARSE)])
any_value = st.one_of(coarse, st.floats())


def columns_of(rows: list[dict[str, float]]) -> dict[str, Doubles]:
    return {key: np.array([row[key] for row in rows], np.float64) for key in KEYS}


def run(text: str, rows: list[dict[str, float]]) -> Evaluated:
    return evaluate(parse_expression(text, KNOWN), columns_of(rows), len(rows))


def expected(tree: Tree, gap: str, rows: list[dict[str, float]], wobble: int) -> dict[str, Column]:
    """What each entry of `contributions` should hold; None where its addend has no value."""
    entries: dict[str, Column] = {}
    for text, addend in addends_of(tree, gap):
        values = [
            None if value is None else min(max(value, -LARGEST_ADDEND), LARGEST_ADDEND)
            for value in Oracle(rows, wobble).value(addend)
        ]
        before = entries.get(text)
        entries[text] = (
            values
            if before is None
            else [None if x is None or y is None else x + y for x, y in zip(before, values, strict=True)]
        )
    return entries
