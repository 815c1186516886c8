"""Score expressions: what is read, and values worked out by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from ranking.constants import LARGEST_ADDEND
from ranking.evaluate import evaluate
from ranking.expression import SignalCall
from ranking.expression_functions import FUNCTIONS
from ranking.types import Doubles
from tests.ranking.expressions import parse, run, score, texts

# ---------------------------------------------------------------- what is read


def test_the_expression_of_the_contract() -> None:
    """One addend for each term of the sum, keyed by its text; every signal once."""
    expression = parse("fused + 0.3*recency(half_life_days=30) + 0.2*authority - 0.5*seen")
    assert [addend.text for addend in expression.addends] == [
        "fused", "0.3*recency(half_life_days=30)", "0.2*authority", "-0.5*seen",
    ]  # fmt: skip
    assert expression.reads == (
        SignalCall("fused"),
        SignalCall("recency", (("half_life_days", 30.0),)),
        SignalCall("authority"),
        SignalCall("seen"),
    )
    assert [call.key for call in expression.reads] == ["fused", "recency(half_life_days=30)", "authority", "seen"]
    assert expression.nodes == 14


@pytest.mark.parametrize(
    ("text", "addends"),
    [
        ("a", ["a"]),
        ("a - b - c", ["a", "-b", "-c"]),
        ("-a + b", ["-a", "b"]),
        ("- a - - b", ["-a", "--b"]),
        ("2*(a+b)", ["2*(a+b)"]),
        ("(a+b)", ["(a+b)"]),
        ("(a+b) - (b - c)", ["(a+b)", "-(b - c)"]),
        ("-(a - b)*2 + c", ["-(a - b)*2", "c"]),
        ("  a\n *\t b  +  max( a,  b )\n", ["a * b", "max( a, b )"]),
        ("a*b/c - if(a - b > 0 and c > 0, a + b, b)", ["a*b/c", "-if(a - b > 0 and c > 0, a + b, b)"]),
        ("a + a", ["a", "a"]),
    ],
)
def test_addends_are_the_terms_of_the_outermost_sum(text: str, addends: list[str]) -> None:
    """As written but for white space, the sign folded in; brackets keep a sum together."""
    assert texts(text) == addends


def test_an_addend_has_the_value_of_its_text() -> None:
    """Each text read alone gives the contribution of its addend: a key of `contributions` can be sent back."""
    columns = {"a": np.array([0.3, -2.0]), "b": np.array([0.7, 5.0]), "c": np.array([0.1, -1.0])}
    for text in ("a - b*c - -c", "-a/b - (a - b) + --c", "a - if(a > b, c, 2)*3 - norm(a, 'zscore')", "- a*b - 2/c"):
        for name, values in evaluate(parse(text), columns, 2).contributions.items():
            assert evaluate(parse(name), columns, 2).score.tolist() == values.tolist()


def test_dots_belong_to_names_and_hyphens_do_not() -> None:
    """`a-b` is a difference; bm25.title and rank.lex are single signals."""
    assert texts("a-b") == ["a", "-b"]
    assert [call.name for call in parse("bm25.title*rank.lex+meta.year(mid=2020)").reads] == [
        "bm25.title", "rank.lex", "meta.year",
    ]  # fmt: skip


def test_the_key_of_a_call_is_canonical() -> None:
    """Parameters sorted by name, numbers as short as they are exact; a call without any is the bare name."""
    (call,) = parse("meta.year( mid = 2.0e3, exp=.5 ) + meta.year(exp=0.50, mid=2000)").reads
    assert call.key == "meta.year(exp=0.5, mid=2000)"
    assert parse(call.key).reads == (call,)
    calls = parse("recency*recency(half_life_days=7) + recency(half_life_days=7)").reads
    assert [call.key for call in calls] == ["recency", "recency(half_life_days=7)"]
    assert parse("recency()").reads == parse("recency").reads == (SignalCall("recency"),)
    assert SignalCall("x", (("y", 1e22), ("z", 0.1))).key == "x(y=1e+22, z=0.1)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3*4", 14.0), ("(2 + 3)*4", 20.0), ("2 - 3 - 4", -5.0), ("2 - (3 - 4)", 3.0), ("8/4/2", 1.0),
        ("8/(4/2)", 4.0), ("-2*-3", 6.0), ("--2", 2.0), ("2*-3 + 1", -5.0), (".5 + 1e-1 + 2.", 2.6), ("-2 - -3", 1.0),
        ("if(1 < 2 and 2 < 3, 1, 0)", 1.0), ("if(not 1 < 2 or 3 > 2, 1, 0)", 1.0), ("if(not (1 < 2 or 3 > 2), 1, 0)", 0.0),
        ("if(1 > 2 and 1 > 2 or 1 < 2, 1, 0)", 1.0), ("if(1 < 2 or 1 < 2 and 1 > 2, 1, 0)", 1.0), ("if(1 + 1 == 2, 7, 8)", 7.0),
        ("if(1 >= 1 and 1 <= 1 and 1 != 2, 1, 0)", 1.0), ("if(not not 1 < 2, 1, 0)", 1.0), ("if(-1 < 0, if(1>2, 1, 2), 3)", 2.0),
    ],
)  # fmt: skip
def test_operators_bind_as_in_arithmetic(text: str, value: float) -> None:
    """Unary minus, then * and /, + and -, comparisons, not, and, or; from the left where they are equals."""
    assert score(text) == pytest.approx([value])


# ---------------------------------------------------------------- functions


WORKED = [
    ("min(3, 1, 2)", 1.0),
    ("max(3, 1, 4, 2)", 4.0),
    ("log1p(1)", math.log(2)),
    ("sqrt(9)", 3.0),
    ("exp(1)", math.e),
    ("abs(-3)", 3.0),
    ("pow(2, 10)", 1024.0),
    ("sigmoid(3, 1, 0.5)", 1 / (1 + math.exp(-1))),
    ("saturate(30, 10)", 0.75),
    ("saturate(30, 10, 2)", 0.9),
    ("saturate(30, exp=2, mid=10)", 0.9),
    ("saturate(0, 10)", 0.0),
    ("decay(60, 30)", 0.25),
    ("decay(-30, 30)", 2.0),
    ("gauss(5, 3, 2)", math.exp(-0.5)),
    ("clamp(5, 0, 1)", 1.0),
    ("clamp(-5, 0, 1)", 0.0),
    ("clamp(0.3, lo=0, hi=1)", 0.3),
    ("if(2 > 1, 10, 20)", 10.0),
]


@pytest.mark.parametrize(("text", "value"), WORKED)
def test_functions_worked_out_by_hand(text: str, value: float) -> None:
    """Their formulas, on numbers."""
    assert score(text) == pytest.approx([value], rel=1e-12)


def test_every_function_is_worked_out_somewhere() -> None:
    """A new row needs a value here; norm has its own tests below."""
    assert {text.split("(")[0] for text, _ in WORKED} | {"norm"} == set(FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sigmoid(-1, 0, 900)", 0.0),
        ("sigmoid(1, 0, 900)", 1.0),
        ("saturate(1e200, 1e200, 2)", 0.5),
        ("saturate(1e-200, 1e-200, 2)", 0.5),
        ("saturate(1e300, 1, 100)", 1.0),
        ("gauss(1e200, 0, 1e-200)", 0.0),
        ("decay(1e300, 1e-300)", 0.0),
    ],
)
def test_functions_have_a_value_where_only_their_formula_overflows(text: str, value: float) -> None:
    """e^900 is no double, but the sigmoid of it is 0."""
    assert score(text) == pytest.approx([value], rel=1e-12)


def test_minmax_puts_the_candidates_between_0_and_1() -> None:
    """All equal is 0, and so is a single candidate."""
    assert score('norm(a, "minmax")', a=[3.0, 1.0, 2.0]) == [1.0, 0.0, 0.5]
    assert score("norm(a, 'minmax')", a=[0.1, 0.1, 0.1]) == [0.0, 0.0, 0.0]
    assert score('norm(a, "minmax")', a=[7.0]) == [0.0]
    assert score('norm(a, method="minmax")', a=[-1e308, 1e308, 0.0]) == [0.0, 1.0, 0.5]


def test_zscore_counts_population_deviations_from_the_mean() -> None:
    """Mean 5 and deviation 2 of a textbook's eight values; no deviation is 0, whatever rounding says of 0.1."""
    values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]
    assert score('norm(a, "zscore")', a=values) == pytest.approx([(value - 5) / 2 for value in values])
    assert score('norm(a, "zscore")', a=[0.1] * 3) == [0.0, 0.0, 0.0]
    assert score('norm(a, "zscore")', a=[7.0]) == [0.0]
    assert score('norm(a, "zscore")', a=[-1e308, 1e308]) == [-1.0, 1.0]
    assert score('norm(a, "zscore")', a=[0.0, 5e-324]) == [-1.0, 1.0]
    many = np.random.default_rng(3).standard_normal(450)
    usual = score('norm(a, "zscore")', a=many.tolist())
    for turn in range(1, 450, 30):
        assert score('norm(a, "zscore")', a=np.roll(many, turn).tolist()) == np.roll(usual, turn).tolist()


def test_rank_is_1_for_the_best_and_0_for_the_worst() -> None:
    """Ties share the mean of their ranks: of ranks 1, 2.5, 2.5, 4 become 1, 0.5, 0.5, 0. One candidate is 1."""
    assert score('norm(a, "rank")', a=[5.0, 9.0, 1.0, 5.0]) == [0.5, 1.0, 0.0, 0.5]
    assert score('norm(a, "rank")', a=[0.0, 0.5, 0.5]) == [0.0, 0.75, 0.75]
    assert score('norm(a, "rank")', a=[2.0, 2.0, 2.0]) == [0.5, 0.5, 0.5]
    assert score('norm(a, "rank")', a=[7.0]) == [1.0]


def test_norm_looks_at_the_candidates_that_have_a_value() -> None:
    """1/a has none for the third: it gets 0, the others are normalised among themselves."""
    evaluated = run('norm(1/a, "minmax") + 1', a=[1.0, 0.5, 0.0, 0.25])
    assert evaluated.contributions['norm(1/a, "minmax")'].tolist() == [0.0, 1 / 3, 0.0, 1.0]
    assert evaluated.undefined == {'norm(1/a, "minmax")': 1}
    assert run('norm(1/a, "rank")', a=[0.0, 0.0]).undefined == {'norm(1/a, "rank")': 2}


# ---------------------------------------------------------------- sums and what has no value


def test_equal_addends_are_one_entry() -> None:
    """Added up; an addend of another text is another entry."""
    evaluated = run("a + b + a - b + a", a=[1.0, 2.0], b=[10.0, 20.0])
    assert {name: part.tolist() for name, part in evaluated.contributions.items()} == {
        "a": [3.0, 6.0],
        "b": [10.0, 20.0],
        "-b": [-10.0, -20.0],
    }
    assert evaluated.score.tolist() == [3.0, 6.0]


@pytest.mark.parametrize("size", [1, 2, 5, 450])
def test_the_score_is_the_sum_of_its_entries_in_order(size: int) -> None:
    """The very floats of adding one entry after the other; of the pipeline's contributions.sum(axis=0) too, but that
    a single column is summed pairwise there."""
    rng = np.random.default_rng(7)
    columns = {name: rng.standard_normal(size) for name in "abc"}
    evaluated = evaluate(
        parse("a - b + 3*c + a/7 - b/11 + 0.1*a*b + 0.3 + a/3 - c/13 + sqrt(abs(a)) - 0.7*b"), columns, size
    )
    stacked = np.stack(list(evaluated.contributions.values()))
    assert stacked.shape == (11, size)
    assert evaluated.score.tolist() == [sum(row) for row in stacked.T.tolist()]
    summed: Doubles = stacked.sum(axis=0)
    if size > 1:
        assert evaluated.score.tolist() == summed.tolist()
    assert evaluated.score == pytest.approx(summed, rel=0, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "1/a", "0*(1/a)", "1/(1/a)", "min(1, 1/a)", "a*exp(1000)", "1/exp(1000 + a)", "sqrt(a - 1)", "log1p(a - 1)",
        "log1p(a - 2)", "pow(a - 1, 0.5)", "pow(a, -1)", "1e308*10 + a", "decay(1, a)", "gauss(1, 1, a)", "saturate(a, a)",
        "if(1/a > 0, 1, 1)", "if(1/a > 0 and a > 5, 1, 1)", "if(not 1/a > 0, 1, 1)", "exp(-decay(1, a))", "saturate(1, a - 1, 0.5)", "saturate(a - 1, 1, 0.5)",
        "saturate(a, 1, a - 1)", "saturate(a - 1, a - 1, 0.5)", "gauss(1, 0, a)", "(a/a)*0",
    ],
)  # fmt: skip
def test_an_addend_without_a_value_counts_0_and_is_counted(text: str) -> None:
    """For that candidate only, wherever in the addend the value is missing; without a warning of NumPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluated = run(f"({text}) + 5", a=[0.0])
    assert evaluated.contributions[f"({text})"].tolist() == [0.0]
    assert evaluated.score.tolist() == [5.0]
    assert evaluated.undefined == {f"({text})": 1}


def test_only_the_candidate_without_a_value_gets_0() -> None:
    """The others keep theirs, and the other addends too."""
    evaluated = run("1/a + b", a=[2.0, 0.0, 0.5, 0.0], b=[1.0, 2.0, 3.0, 4.0])
    assert evaluated.score.tolist() == [1.5, 2.0, 5.0, 4.0]
    assert evaluated.undefined == {"1/a": 2}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("if(a > 0, 1/a, -1)", [0.5, -1.0]),
        ("if(a == 0, -1, 1/a)", [0.5, -1.0]),
        ("if(a > 0 and 1/a > 0.1, 1, 2)", [1.0, 2.0]),
        ("if(a == 0 or 1/a > 0.1, 1, 2)", [1.0, 1.0]),
        ("if(a > 0, if(1/a > 0, 3, 4), 5)", [3.0, 5.0]),
    ],
)
def test_what_decides_nothing_need_not_have_a_value(text: str, values: list[float]) -> None:
    """The branch not taken, and the right side of `and` and `or` where the left one decides."""
    assert score(text, a=[2.0, 0.0]) == values


def test_scores_are_finite_and_never_minus_0() -> None:
    """Addends are cut off where 64 of them still have a finite sum; infinite columns have no value."""
    assert run("1e308").contributions["1e308"].tolist() == [LARGEST_ADDEND]
    largest = 32 * LARGEST_ADDEND
    assert run("+".join(["a"] * 32), a=[1e308, -1e308]).score.tolist() == pytest.approx([largest, -largest])
    evaluated = run("a", a=[math.inf, -math.inf, math.nan, 1.0])
    assert evaluated.score.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert evaluated.undefined == {"a": 3}
    assert str(run("-0.5*a", a=[0.0]).contributions["-0.5*a"][0]) == "0.0"


def test_no_candidates_is_no_error() -> None:
    """Empty columns give empty columns."""
    columns = {"a": np.zeros(0)}
    for text in ("a + 1", "norm(a, 'zscore')", "norm(a, 'rank')", "norm(a, 'minmax')", "if(a > 0, 1/a, 2)"):
        evaluated = evaluate(parse(text), columns, 0)
        assert evaluated.score.shape == (0,)
        assert evaluated.undefined == {}


def test_a_column_that_is_missing_is_a_defect_of_the_caller() -> None:
    """Columns are found by key: parameters make another column."""
    columns = {"recency": np.ones(2), "recency(half_life_days=30)": np.zeros(2)}
    assert evaluate(parse("recency(half_life_days=30.0)"), columns, 2).score.tolist() == [0.0, 0.0]
    with pytest.raises(KeyError, match="half_life_days=7"):
        evaluate(parse("recency(half_life_days=7)"), columns, 2)


def test_the_layout_of_a_column_is_no_matter() -> None:
    """Single precision and arrays with gaps are read like the same numbers in a row."""
    values = np.linspace(-3, 3, 101)
    gaps = np.zeros(202)
    gaps[::2] = values
    expected = evaluate(parse("exp(a)"), {"a": values}, 101).score.tolist()
    assert evaluate(parse("exp(a)"), {"a": gaps[::2]}, 101).score.tolist() == expected
    assert evaluate(parse("exp(a)"), {"a": values[::-1]}, 101).score.tolist() == expected[::-1]
    halves = np.array([0.5, 0.25], np.float32)
    assert evaluate(parse("a"), {"a": halves}, 2).score.dtype == np.float64  # type: ignore[dict-item]
