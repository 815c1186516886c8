"""Laws of score expressions: what each tree is worth is said by an evaluator of its own (expression_trees.py)."""

from __future__ import annotations

import math
import random
import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ranking.errors import ExpressionError
from ranking.evaluate import evaluate
from ranking.expression import parse_expression
from ranking.types import Doubles
from tests.laws.expression_trees import (
    KEYS,
    KNOWN,
    Tree,
    all_trees,
    any_value,
    coarse,
    columns_of,
    exact_trees,
    expected,
    gaps,
    refusable,
    rows_of,
    run,
    size_of,
    text_of,
)

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
