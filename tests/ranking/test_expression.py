"""Score expressions: what is read, what is refused and where, and values worked out by hand."""

from __future__ import annotations

import math
import time
import warnings

import numpy as np
import pytest

from ranking.constants import LARGEST_ADDEND, MAX_EXPRESSION_NESTING, MAX_EXPRESSION_NODES
from ranking.errors import ExpressionError, ParamsError
from ranking.evaluate import Evaluated, evaluate
from ranking.expression import Expression, SignalCall, parse_expression
from ranking.expression_functions import FUNCTIONS
from ranking.types import Doubles

KNOWN = {
    **dict.fromkeys(["a", "b", "c", "bm25", "bm25.title", "dense", "authority", "seen", "first_position"], ()),
    **dict.fromkeys(["rank.lex", "rank.my-lex", "fused"], ()),
    "recency": ("half_life_days",),
    "meta.year": ("mid", "exp"),
}


def parse(text: str) -> Expression:
    return parse_expression(text, KNOWN)


def texts(text: str) -> list[str]:
    return [addend.text for addend in parse(text).addends]


def refused(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return caught.value


def run(text: str, **columns: list[float]) -> Evaluated:
    """Values of signals a, b and c for each candidate; of one candidate when there are none."""
    arrays = {name: np.array(values, np.float64) for name, values in columns.items()}
    return evaluate(parse(text), arrays, max(map(len, columns.values()), default=1))


def score(text: str, **columns: list[float]) -> list[float]:
    """The scores of candidates for all of which the expression has a value."""
    evaluated = run(text, **columns)
    assert evaluated.undefined == {}
    return list(evaluated.score.tolist())


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


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("text", "character", "offending", "said"),
    [
        ("", 1, "the end", "empty"),
        (" \n", 1, "the end", "empty"),
        ("a +", 4, "the end", "something is missing"),
        ("a * * b", 5, "'*'", "should stand here"),
        ("a b", 3, "'b'", "operator is missing"),
        ("a, b", 2, "','", "comma"),
        ("()", 2, "')'", "should stand here"),
        ("min(a, b,)", 10, "')'", "should stand here"),
        ("a + bm52", 5, "'bm52'", "no signal of that name"),
        ("foo(a)", 1, "'foo'", "no function or signal"),
        ("  nonsense", 3, "'nonsense'", "no signal"),
        ("min", 1, "'min'", "is a function"),
        ("1 + min(a)", 5, "'min(a)'", "needs y"),
        ("decay(a)", 1, "'decay(a)'", "needs half_life"),
        ("decay()", 1, "'decay()'", "needs x and half_life"),
        ("saturate(mid=3)", 1, "'saturate(mid=3)'", "needs x"),
        ("exp(a, b)", 8, "'b'", "too many for exp"),
        ("saturate(a, 1, mid=2)", 20, "'2'", "too many"),
        ("saturate(a, midd=2)", 13, "'midd'", "no parameter"),
        ("min(a, x=2)", 8, "'x'", "no parameter"),
        ("recency(days=30)", 9, "'days'", "no parameter"),
        ("recency(half_life_days=a)", 9, "'half_life_days=a'", "must be a number"),
        ("meta.year(mid=1, mid=2)", 18, "'mid=2'", "twice"),
        ("recency(30)", 9, "'30'", "has a name"),
        ("a(x=1)", 1, "'a(x=1)'", "takes no parameters"),
        ("a > b", 1, "'a > b'", "a condition stands where a number"),
        ("a + (b > 1)", 5, "'(b > 1)'", "a condition stands where a number"),
        ("if(a, 1, 0)", 4, "'a'", "a number stands where a condition"),
        ("if(a > 1, b > 1, 0)", 11, "'b > 1'", "a condition stands where a number"),
        ("if(a and b > 1, 1, 0)", 4, "'a'", "a number stands where a condition"),
        ("if(not a, 1, 0)", 8, "'a'", "a number stands where a condition"),
        ("-(a > b)", 2, "'(a > b)'", "a condition stands where a number"),
        ("max(a, b > 1)", 8, "'b > 1'", "a condition stands where a number"),
        ("if(0 < a < 1, 1, 0)", 4, "'0 < a'", "comparison of a comparison"),
        ("'bm25' + a", 1, "\"'bm25'\"", "text stands where a number"),
        ("norm(a, 'ranks')", 9, "\"'ranks'\"", "no method"),
        ("norm(a, b)", 9, "'b'", "no method"),
        ("norm(a, 2)", 9, "'2'", "no method"),
        ("norm(a)", 1, "'norm(a)'", "needs method"),
        ("norm('rank', a)", 6, "\"'rank'\"", "text stands where a number"),
        ("a / 0", 5, "'0'", "division by 0"),
        ("a / (-0.0)", 5, "'(-0.0)'", "division by 0"),
        ("saturate(a, 0)", 13, "'0'", "mid must be above 0"),
        ("saturate(a, 1, -1)", 16, "'-1'", "exp must be above 0"),
        ("decay(a, half_life=-(2))", 20, "'-(2)'", "half_life must be above 0"),
        ("gauss(a, 0, 0)", 13, "'0'", "scale must be above 0"),
        ("recency(half_life_days=0)", 24, "'0'", "half_life_days must be above 0"),
        ("meta.year(mid=-2020)", 15, "'-2020'", "mid must be above 0"),
        ("clamp(a, 1, 0)", 1, "'clamp(a, 1, 0)'", "1 is above 0"),
        ("(a + b", 1, "'('", "not closed"),
        ("max(a, (b", 8, "'('", "not closed"),
        ("a + b)", 6, "')'", "no bracket is open"),
        ("norm(a, 'rank", 9, '"\'rank"', "quote without its partner"),
        ("1e999", 1, "'1e999'", "too large"),
        ("1.2.3", 1, "'1.2.'", "no number"),
        ("1_000", 1, "'1_000'", "no number"),
        ("a @ b", 3, "'@'", "no character"),
        ("a \x00", 3, r"'\x00'", "no character"),
        ("a + \ud800", 5, r"'\ud800'", "no character"),
        ("é + 東京", 1, "'é'", "no signal"),
        ("a.__class__", 1, "'a.__class__'", "no signal"),
        ("__import__('os')", 1, "'__import__'", "no function"),
        ("[a for a in b]", 1, "'['", "no character"),
        ("lambda: 0", 7, "':'", "no character"),
        ("if(a > 1, then=b, else=c)", 19, "'else'", "no parameter"),
        ("a ? b : c", 3, "'?'", "no operator"),
        ("a if b > 1 else c", 3, "'if'", "if is a function"),
        ("rank.my-lex", 1, "'rank.my-lex'", "- is minus"),
    ],
)
def test_faults_are_refused_with_their_place(text: str, character: int, offending: str, said: str) -> None:
    """Character counted from 1, the text that is wrong, and what would work."""
    error = refused(text)
    assert error.message.startswith(f"at character {character}, {offending}: ")
    assert said in error.message
    assert error.path == "$.score"
    assert error.hint


def test_an_expression_error_is_a_parameter_error_of_its_own_code() -> None:
    """A 422 like any wrong parameter; the path is the caller's."""
    with pytest.raises(ParamsError) as caught:
        parse_expression("a +", KNOWN, path="$.diversify.score")
    assert caught.value.path == "$.diversify.score"
    assert (caught.value.code, caught.value.status) == ("invalid_expression", 422)


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("bm52 + dense", "bm25 + dense"),
        ("BM25 + Dense", "bm25 + dense"),
        ("bm52 + densse*autority", "bm25 + dense*authority"),
        ("first-position + a", "first_position + a"),
        ("recencyy(half_life_days=30)", "recency(half_life_days=30)"),
        ("recency(halflife_days=30)", "recency(half_life_days=30)"),
        ("recency(30)", "recency(half_life_days=30)"),
        ("authority(x=1) + a", "authority + a"),
        ("MIN(a, b)", "min(a, b)"),
        ("log(a)", "log1p(a)"),
        ("saturate(a, midd=2)", "saturate(a, mid=2)"),
        ("norm(a, 'min_max')", 'norm(a, "minmax")'),
        ("norm(a, rank)", 'norm(a, "rank")'),
        ("'bm25' + a", "bm25 + a"),
        ("a + (b > 0.5)", "a + if((b > 0.5), 1, 0)"),
        ("if(seen, 1, 2)", "if(seen > 0, 1, 2)"),
        ("if(a>0 && b>0||!c>0, 1, 2)", "if(a>0 and b>0 or not c>0, 1, 2)"),
        ("if(a > 0 AND NOT b > 0, 1, 2)", "if(a > 0 and not b > 0, 1, 2)"),
        ("if(a = 1, 1, 2)", "if(a == 1, 1, 2)"),
        ("if(a + b = 1, 1, 2)", "if(a + b == 1, 1, 2)"),
        ("if(a ≥ 1, 1, 2) − b × c", "if(a >= 1, 1, 2) - b * c"),
        ("2a + 3(b + c)", "2*a + 3*(b + c)"),
        ("+a", "a"),
        ("max(a, (b + c", "max(a, (b + c))"),
        ("a + b)", "a + b"),
    ],
)
def test_a_correction_that_can_be_made_is_made(text: str, corrected: str) -> None:
    """The whole expression, every further fault repaired too, so that it can be sent as it is."""
    assert refused(text).corrected_expression == corrected
    parse(corrected)


@pytest.mark.parametrize(
    "text", ["zzz", "a b", "a +", "bm52 + zzz", "a/0", "rank.my-lex", "a ** 2", "bm52 + dens + autority + sen + recncy"]
)
def test_no_correction_is_made_up(text: str) -> None:
    """Where nothing is near, or another fault stays, or there are too many."""
    assert refused(text).corrected_expression is None


def test_a_near_name_is_one_that_can_be_written() -> None:
    """The misspelt name is named; a signal with a hyphen is never proposed, for it would be read as a difference."""
    assert refused("dens").did_you_mean == "dense"
    assert refused("rank.my_lex").did_you_mean != "rank.my-lex"
    assert "_ in place of -" in str(refused("rank.my-lex").hint)


def test_long_texts_are_shortened_in_messages() -> None:
    """A message stays one line."""
    assert len(refused("x" * 4_000).message) < 200
    assert "\n" not in refused("a + max(b,\n\n" + "c,\n" * 20 + " b > 1\n and \n c > 2)").message


# ---------------------------------------------------------------- limits


def test_64_nodes_are_the_limit() -> None:
    """Numbers, names, operators and the values of parameters count; brackets and commas do not."""
    most = "-" + "+".join(["(a)"] * 32)
    assert parse(most).nodes == MAX_EXPRESSION_NODES
    assert parse("max(-a, recency(half_life_days=30), 2)").nodes == 6
    assert refused(f"{most}*b").message.startswith(f"at character {len(most) + 1}, '*': more than 64")


@pytest.mark.parametrize("opening", ["(", "-(", "exp(", "if(not (", "min(a, "])
def test_nesting_has_a_limit(opening: str) -> None:
    """32 levels are read, thousands are refused at once, in whatever way they are written."""
    depth = MAX_EXPRESSION_NESTING
    assert parse("(" * depth + "a" + ")" * depth).nodes == 1
    refused("(" * (depth + 1) + "a" + ")" * (depth + 1))
    started = time.thread_time()
    refused((opening * 4_000)[:4_000] + "a")
    refused(opening * 1_000 + "a" + ")" * 1_000)
    assert time.thread_time() - started < 0.2


@pytest.mark.parametrize(
    "text",
    ["-" * 4_000 + "a", "not " * 1_000, "9" * 4_000, "a" * 4_000, "a." * 2_000, "'" * 3_999, "!" * 4_000, "\x00" * 4_000,
     "a+" * 2_000, "a and " * 600, "1e" * 2_000, "🙂" * 4_000, "=" * 4_000, "a-" * 2_000, "x-" * 2_000, "\\" * 4_000, "1if 2else 3", "\\N{x}"],
)  # fmt: skip
def test_hostile_text_is_refused_at_once(text: str) -> None:
    """No RecursionError, MemoryError or warning of a compiler, and at once."""
    started = time.thread_time()
    error = refused(text)
    assert time.thread_time() - started < 0.1
    assert len(error.message) < 250
    error.message.encode("utf-8")


def test_white_space_is_free() -> None:
    """However much of it, of whatever kind; and a single number may be long."""
    assert parse("0." + "1" * 3_998).nodes == 1
    assert parse(" " * 2_000 + "a\u00a0+\u3000b" + "\n" * 2_000).addends[1].text == "b"
