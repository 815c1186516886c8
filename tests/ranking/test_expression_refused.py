"""Score expressions that are refused: where, with which correction, and at which limits."""

from __future__ import annotations

import time

import pytest

from ranking.constants import MAX_EXPRESSION_NESTING, MAX_EXPRESSION_NODES
from ranking.errors import ParamsError
from ranking.expression import parse_expression
from tests.ranking.expressions import KNOWN, parse, refused

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
