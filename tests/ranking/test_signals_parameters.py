"""Parameters that a score expression sets: rows say what functions do, and the door refuses what no row allows."""

from __future__ import annotations

import inspect
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.errors import ExpressionError, ParamsError, SignalError
from ranking.expression import parse_expression
from ranking.expression_nodes import SignalCall
from ranking.signals.catalogue import SIGNALS, check_call, compute_call, families, known_parameters, signals_for
from ranking.signals.input import SignalInput, Values
from ranking.signals.spec import Parameter, SignalSpec
from ranking.types import SessionState
from ranking.weights import score_of
from tests.ranking.evidence import NOW, Page, build, params
from tests.ranking.signal_columns import lexical, values

ALL = {**SIGNALS, **{spec.name: spec for spec in families()}}
WITH = {name: spec for name, spec in ALL.items() if spec.parameters}


@pytest.mark.parametrize("name", ALL)
def test_every_row_is_complete(name: str) -> None:
    """Each signal says what it is, how it is computed, from where, at which cost, on [0, 1]."""
    spec = ALL[name]
    assert all((spec.name == name, spec.summary, spec.formula, spec.source))
    assert spec.range == (0.0, 1.0)
    assert spec.cost in ("free", "cheap", "moderate")
    known = {"lexical", "positions", "dense", "dense_mean", "vectors", "attributes", "session", "numbers"}
    assert spec.needs <= known
    assert "\n" not in spec.summary + spec.formula + spec.source


def test_signals_of_a_session_and_of_all_candidates_say_so() -> None:
    """What a stateless score must leave out, and what changes with the other candidates."""
    of_session = {"seen", "unread", "changed", "seen_by_others", "novelty"}
    assert {name for name, spec in ALL.items() if spec.of_session} == of_session
    assert {name for name, spec in ALL.items() if spec.relative} == {"fused"}


@pytest.mark.parametrize("name", ALL)
def test_a_row_has_the_parameters_of_its_function_and_their_defaults(name: str) -> None:
    """So that `recency` and `recency(half_life_days=365)` are one, and /v1/signals is right."""
    spec = ALL[name]
    arguments = list(inspect.signature(spec.compute).parameters.values())[1:]
    assert {argument.name: argument.default for argument in arguments} == {
        parameter: row.default for parameter, row in spec.parameters.items()
    }
    for row in spec.parameters.values():
        assert row.reason
        assert row.least < row.most
        assert row.default is None or row.least <= row.default <= row.most
        assert not (row.whole and row.default is not None) or float(row.default).is_integer()
    assert all(set(form) <= set(spec.parameters) for form in spec.forms)


@pytest.mark.parametrize("name", [name for name in WITH if name in SIGNALS])
def test_the_defaults_written_out_change_nothing(name: str) -> None:
    """Bit for bit."""
    pages = [
        Page("a", "red fox", "red x fox red fox", "red den", "x fox", "fox", ranks={"lex": 2, "sem": 1}, attributes={
            "published": NOW - 9e7, "modified": NOW - 5e6, "fetched": NOW - 9e6, "inlinks": 3.0, "words": 50.0, "passages": 2.0,
        }),
        Page("b", "fox", "den 2021"),
    ]  # fmt: skip
    plan, evidence = build(pages, "red fox 2021", phrases=["red fox"])
    defaults = {key: row.default for key, row in WITH[name].parameters.items() if row.default is not None}
    plain = values(name, plan, evidence)
    assert repr(values(name, plan, evidence, **defaults)) == repr(plain)
    assert plain[0] > 0


def test_a_parsed_expression_calls_signals_with_its_numbers() -> None:
    """The names that a parser needs come from the rows."""
    known = known_parameters(signals_for(("lex",), ("year",)))
    assert known["recency"] == ("half_life_days",)
    assert known["authority"] == ()
    assert known["meta.year"] == ("mid", "exp", "half_life", "origin")
    read = parse_expression("recency(half_life_days=30) + rank.lex(k=10)", known).reads
    assert [call.key for call in read] == ["recency(half_life_days=30)", "rank.lex(k=10)"]
    plan, evidence = build([Page("a", ranks={"lex": 1}), Page("b", ranks={"lex": 12})], "fox")
    given = SignalInput(plan, evidence, SessionState(), NOW, params())
    column, missing = compute_call(given, signals_for(("lex",)), read[1])
    assert (column.tolist(), missing) == ([1.0, 0.5], None)


@pytest.mark.parametrize(
    ("score", "said", "hint"),
    [
        (
            "recency(half_life_days=1e9)",
            "half_life_days of recency is 1e+09, it may be 0.001 to 1,000,000",
            "half_life_days=1000000)",
        ),
        ("rank.lex(k=0.5)", "k of rank.lex is 0.5, it may be 1 to 10,000", "rank.lex(k=1)"),
        ("bm25(b=1.5)", "b of bm25 is 1.5, it may be 0 to 1", "bm25(b=1)"),
        (
            "bm25.near(tokens=7.5)",
            "tokens of bm25.near is 7.5, it may be a whole number 2 to 50",
            "bm25.near(tokens=8)",
        ),
        ("coverage.passage(tokens=1)", "it may be a whole number 2 to 100,000", "coverage.passage(tokens=2)"),
        ("meta.year(mid=0.0000000001)", "mid of meta.year is 1e-10", "meta.year(mid=1e-09)"),
    ],
)
def test_a_number_out_of_range_is_refused_at_the_door(score: str, said: str, hint: str) -> None:
    """With the path, the range and what would work; nothing is clipped silently."""
    with pytest.raises(ParamsError) as caught:
        score_of(params(score=score))
    assert said in caught.value.message
    assert hint in str(caught.value.hint)
    assert caught.value.path == "$.score"


def test_names_that_no_row_has_are_refused_with_the_nearest() -> None:
    """By the parser, and by whoever calls without one."""
    with pytest.raises(ExpressionError):
        score_of(params(score="recency(half_life=30)"))
    with pytest.raises(ParamsError, match="no signal named 'recncy'") as caught:
        check_call(SIGNALS, SignalCall("recncy"))
    assert caught.value.did_you_mean == "recency"
    with pytest.raises(ParamsError, match="recency has no parameter named 'half_life_day'") as caught:
        check_call(SIGNALS, SignalCall("recency", (("half_life_day", 3.0),)))
    assert caught.value.did_you_mean == "half_life_days"
    with pytest.raises(ParamsError, match="authority has no parameter"):
        check_call(SIGNALS, SignalCall("authority", (("mid", 3.0),)))
    for wrong in (math.nan, math.inf):
        with pytest.raises(ParamsError):
            check_call(SIGNALS, SignalCall("recency", (("half_life_days", wrong),)))


def test_a_call_that_comes_out_wrong_names_itself_and_the_document() -> None:
    """As compute does."""

    def broken(given: SignalInput, mid: float = 1.0) -> Values:
        return given.evidence.dl[0] * 0.0 + mid, None

    spec = SignalSpec("x", "", "", "", "free", 0.0, frozenset(), broken, {"mid": Parameter(1.0, 0.0, 9.0, "", "")})
    given = SignalInput(*build([Page("a", "fox")], "fox"), SessionState(), NOW, params())
    assert compute_call(given, {"x": spec}, SignalCall("x"))[0].tolist() == [1.0]
    with pytest.raises(SignalError, match=r"signal x of document a is 2\.0"):
        compute_call(given, {"x": spec}, SignalCall("x", (("mid", 2.0),)))


@settings(max_examples=120, deadline=None)
@given(name=st.sampled_from([name for name in sorted(WITH) if name in SIGNALS]), data=st.data())
def test_every_allowed_number_gives_a_sound_signal(name: str, data: st.DataObject) -> None:
    """From one end of a range to the other: `values` refuses NaN and what leaves [0, 1]."""
    pages = [
        Page("a", "red fox", "red x fox red fox", "den", "x fox", "fox", ranks={"lex": 2}, attributes={
            "published": NOW - 9e7, "fetched": NOW + 9e6, "inlinks": 3.0, "words": 50.0, "passages": 2.0,
        }),
        Page("b"), Page("c", "2021", "", attributes={"published": -1e11, "inlinks": 1e9, "words": 0.0}),
    ]  # fmt: skip
    plan, evidence = build(pages, "red fox 2021", phrases=["red fox"])
    chosen = {
        key: data.draw(
            st.integers(int(row.least), int(row.most)).map(float) if row.whole else st.floats(row.least, row.most)
        )
        for key, row in WITH[name].parameters.items()
    }
    values(name, plan, evidence, lexical(), **chosen)
