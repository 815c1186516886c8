"""Laws of score expressions: an evaluator of plain Python floats, written here, says what each tree is worth."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ranking.constants import LARGEST_ADDEND, MAX_EXPRESSION_NODES
from ranking.errors import ExpressionError
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


# ---------------------------------------------------------------- laws


@given(tree=exact_trees, gap=gaps, rows=rows_of(any_value))
def test_arithmetic_is_that_of_plain_floats(tree: Tree, gap: str, rows: list[dict[str, float]]) -> None:
    """To the last bit: entries, their order, and who has no value."""
    assume(not refusable(tree))
    evaluated = run(text_of(tree, gap), rows)
    entries = expected(tree, gap, rows, 0)
    assert list(evaluated.contributions) == list(entries)
    for text, values in entries.items():
        assert evaluated.contributions[text].tolist() == [0.0 if value is None else value for value in values]
    assert evaluated.undefined == {text: values.count(None) for text, values in entries.items() if None in values}


@given(tree=all_trees, gap=gaps, rows=rows_of(coarse))
def test_every_function_is_that_of_plain_floats(tree: Tree, gap: str, rows: list[dict[str, float]]) -> None:
    """Within a part in a million, for candidates whose value does not hang on the last bits of a function."""
    assume(not refusable(tree))
    evaluated = run(text_of(tree, gap), rows)
    guesses = [expected(tree, gap, rows, wobble) for wobble in (0, 1, -1)]
    assert list(evaluated.contributions) == list(guesses[0])
    for text, got in evaluated.contributions.items():
        columns = list(zip(*(guess[text] for guess in guesses), strict=True))
        for value, candidates in zip(got.tolist(), columns, strict=True):
            if candidates.count(None) == len(candidates):
                assert value == 0.0
            elif None not in candidates and max(candidates) - min(candidates) <= 1e-7 * abs(candidates[0]):
                assert math.isclose(value, candidates[0], rel_tol=1e-6)
        surely = sum(candidates.count(None) == len(candidates) for candidates in columns)
        possibly = sum(None in candidates for candidates in columns)
        assert surely <= evaluated.undefined.get(text, 0) <= possibly


@given(tree=all_trees, gap=gaps)
def test_a_tree_is_refused_only_for_a_constant_out_of_range(tree: Tree, gap: str) -> None:
    """Everything else parses, with as many nodes as it was drawn with and the signals that it names."""
    text = text_of(tree, gap)
    if refusable(tree):
        with pytest.raises(ExpressionError, match=r"above|division by 0"):
            parse_expression(text, KNOWN)
        return
    expression = parse_expression(text, KNOWN)
    assert expression.nodes == size_of(tree)
    assert {call.key for call in expression.reads} == {key for key in KEYS if key in names_of(tree)}
    assert len({call.key for call in expression.reads}) == len(expression.reads)


def names_of(tree: Tree) -> set[str]:
    own = {tree.name} if tree.kind == "signal" else set()
    return own.union(*map(names_of, tree.parts))


@given(tree=all_trees, gap=gaps, rows=rows_of(any_value))
def test_contributions_are_finite_and_sum_to_the_score(tree: Tree, gap: str, rows: list[dict[str, float]]) -> None:
    """Whatever the columns hold; in order, exactly, and as the pipeline adds rows up."""
    assume(not refusable(tree))
    evaluated = run(text_of(tree, gap), rows)
    stacked = np.stack(list(evaluated.contributions.values()))
    assert np.isfinite(stacked).all()
    assert np.isfinite(evaluated.score).all()
    assert evaluated.score.tolist() == [sum(parts) for parts in stacked.T.tolist()]
    if len(rows) > 1:
        assert evaluated.score.tolist() == stacked.sum(axis=0).tolist()
    assert all(
        0 < count <= len(rows) and text in evaluated.contributions for text, count in evaluated.undefined.items()
    )


@given(tree=all_trees, gap=gaps, rows=rows_of(any_value))
def test_an_addend_is_worth_what_its_text_is_worth(tree: Tree, gap: str, rows: list[dict[str, float]]) -> None:
    """A key of `contributions` is an expression, and an entry that occurs once has its score."""
    assume(not refusable(tree))
    expression = parse_expression(text_of(tree, gap), KNOWN)
    evaluated = run(expression.text, rows)
    written = [addend.text for addend in expression.addends]
    for text in set(written):
        alone = run(text, rows)
        assert list(alone.contributions) == [text]
        if written.count(text) == 1:
            assert alone.score.tolist() == evaluated.contributions[text].tolist()


many_rows = st.tuples(st.integers(1, 70), st.integers(0, 2**32 - 1)).map(
    lambda drawn: np.random.default_rng(drawn[1]).choice(
        [0.0, 0.1, 0.5, 1 / 3, 0.9, 2.5, -1.0, 40.0], (len(KEYS), drawn[0])
    )
)


@given(tree=all_trees, table=many_rows, seed=st.integers(0, 99))
def test_the_order_of_the_candidates_changes_nothing(tree: Tree, table: Doubles, seed: int) -> None:
    """Permuted columns give permuted entries and scores, bit for bit."""
    assume(not refusable(tree))
    expression = parse_expression(text_of(tree, " "), KNOWN)
    order = np.random.default_rng(seed).permutation(table.shape[1])
    plain = evaluate(expression, dict(zip(KEYS, table, strict=True)), table.shape[1])
    moved = evaluate(expression, dict(zip(KEYS, table[:, order], strict=True)), table.shape[1])
    assert moved.undefined == plain.undefined
    assert moved.score.tolist() == plain.score[order].tolist()
    for text, values in plain.contributions.items():
        assert moved.contributions[text].tolist() == values[order].tolist()


@given(tree=all_trees, table=many_rows)
def test_without_norm_no_candidate_depends_on_another(tree: Tree, table: Doubles) -> None:
    """Each alone has the score it has among the others, bit for bit."""
    text = text_of(tree, " ")
    assume(not refusable(tree) and "norm" not in text)
    expression = parse_expression(text, KNOWN)
    together = evaluate(expression, dict(zip(KEYS, table, strict=True)), table.shape[1])
    alone = [evaluate(expression, dict(zip(KEYS, table[:, [row]], strict=True)), 1) for row in range(table.shape[1])]
    assert [one.score[0] for one in alone] == together.score.tolist()


# ---------------------------------------------------------------- texts that nobody meant

PIECES = [
    *KEYS, "recency", "meta.year(mid=2020)", "bm52", "min", "max(", "if(", "if", "norm(", "saturate(", "exp", "pow(", "clamp(", "and", "or",
    "not", "not ", " ", "  ", "\t", "\n", "\x00", "\ufeff", "\u200b", "(", ")", "((", "))", ",", ", ", "+", "-", "--", "*", "/", "**", "<", "<=",
    ">", ">=", "==", "!=", "=", "!", "&&", "||", "^", ".", "..", "0", "1", "2.5", ".5", "1e3", "1e999", "1_0", "0x1", "9" * 400, "'", '"',
    '"minmax"', "'rank'", '"zscore"', "mid=", "half_life_days=3", "x", "é", "東京", "🙂", "−", "\ud800", "lambda", "__import__('os')", "[", "]", "{", "}",
    ":", ";", "#", "\\", "\\N{DASH}", "@", "$", "~", "`", "1if", "0or", "f'{a}'", "a.b.c", "a-b",
]  # fmt: skip
few = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
long = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([5, 20, len(PIECES)])).map(
    lambda drawn: "".join(random.Random(drawn[0]).choices(random.Random(drawn[0]).sample(PIECES, drawn[1]), k=4_000))[
        :4_000
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """An expression in which up to three characters were replaced by a piece of another."""
    text = text_of(draw(all_trees), draw(gaps))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(["", *PIECES])) + text[at + draw(st.integers(0, 2)) :]
    return text


@given(text=st.one_of(few, long, damaged(), st.text(max_size=300)), rows=rows_of(any_value, 2))
def test_any_text_is_read_or_refused_at_once(text: str, rows: list[dict[str, float]]) -> None:
    """In less than 100 ms of CPU, with its place; a correction that is proposed is right; what is read has a value."""
    started, refused = time.thread_time(), None
    try:
        expression = parse_expression(text, KNOWN)
    except ExpressionError as error:
        refused = error
    else:
        columns = columns_of(rows) | {
            call.key: np.zeros(len(rows)) for call in expression.reads if call.key not in KEYS
        }
        assert np.isfinite(evaluate(expression, columns, len(rows)).score).all()
    assert time.thread_time() - started < 0.1
    if refused is not None:
        place = int(refused.message.removeprefix("at character ").split(",")[0])
        assert 1 <= place <= len(text) + 1
        refused.message.encode("utf-8")
        if refused.corrected_expression is not None:
            parse_expression(refused.corrected_expression, KNOWN)
