"""meta.<field>: which fields a request names, and what their numbers are worth."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.constants import MAX_META_SIGNALS
from ranking.errors import ParamsError
from ranking.signals.catalogue import SIGNALS, signals_for
from ranking.signals.metadata import percentile
from ranking.types import Evidence, Plan
from ranking.weights import catalogue_of, check_names, needs_of, numbers_of, relevance_of, resolve_weights, score_of
from tests.ranking.evidence import Page, build, params
from tests.ranking.signal_columns import values

NAN = math.nan
PLAN, EVIDENCE = build([Page(name, "fox") for name in "abcd"], "fox")


def with_numbers(*numbers: float, scale: tuple[float, ...] = ()) -> tuple[Plan, Evidence]:
    scales = {"year": np.array(scale)} if scale else {}
    return replace(PLAN, number_scales=scales), replace(EVIDENCE, numbers={"year": np.array(numbers)})


# ---------------------------------------------------------------- what a number is worth

NUMBERS = st.lists(st.integers(-5, 5).map(float) | st.floats(-1e9, 1e9), min_size=1, max_size=60)


@settings(max_examples=200, deadline=None)
@given(collection=NUMBERS, share=st.integers(0, 100))
def test_a_quantile_is_worth_its_share_or_more(collection: list[float], share: int) -> None:
    """At least the share whose quantile it is, at most the first share of a larger one: ties take the last."""
    scale = np.quantile(np.array(collection), np.linspace(0, 1, 101))
    found = float(percentile(scale[share : share + 1], scale)[0])
    above = [place for place in range(101) if scale[place] > scale[share]]
    assert share / 100 - 1e-9 <= found <= (above[0] if above else 100) / 100 + 1e-9


@settings(max_examples=200, deadline=None)
@given(collection=NUMBERS, asked=st.lists(st.floats(allow_nan=False, width=32), min_size=2, max_size=9))
def test_more_is_never_worth_less(collection: list[float], asked: list[float]) -> None:
    """From 0 below the least to 1 from the largest on, infinities among them."""
    scale = np.quantile(np.array(collection), np.linspace(0, 1, 101))
    found = percentile(np.sort(np.array(asked, np.float64)), scale)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert (np.diff(found) >= 0.0).all()
    ends = percentile(np.array([scale[0] - 1.0, scale[-1], math.inf, -math.inf, NAN]), scale)
    assert ends[:4].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert math.isnan(ends[4])


def test_the_percentile_is_worked_out_by_hand() -> None:
    """Of 0, 10 and 20: a quarter of the way is 0.25; equal numbers count whole; one number alone is all there is."""
    scale = np.array([0.0, 10.0, 20.0])
    assert percentile(np.array([0.0, 5.0, 10.0, 15.0, 20.0, 21.0, -1.0]), scale).tolist() == [
        0,
        0.25,
        0.5,
        0.75,
        1,
        1,
        0,
    ]
    assert percentile(np.array([7.0, 7.5]), np.array([7.0, 7.0, 7.0, 8.0])).tolist() == pytest.approx([2 / 3, 5 / 6])
    assert percentile(np.array([6.0, 7.0]), np.array([7.0])).tolist() == [0.0, 1.0]


def test_mid_saturates_and_half_life_decays() -> None:
    """x/(x + mid), steeper with exp; 2^(-|x - origin|/half_life), the largest of the collection being the origin."""
    plan, evidence = with_numbers(30.0, 10.0, -5.0, NAN, scale=(0.0, 50.0))
    assert values("meta.year", plan, evidence, mid=10) == pytest.approx([0.75, 0.5, 0.0, NAN], nan_ok=True)
    assert values("meta.year", plan, evidence, mid=10, exp=2) == pytest.approx([0.9, 0.5, 0.0, NAN], nan_ok=True)
    decayed = values("meta.year", plan, evidence, half_life=20)
    assert decayed == pytest.approx([0.5, 0.25, 2**-2.75, NAN], nan_ok=True)
    around = values("meta.year", plan, evidence, half_life=20, origin=10)
    assert around == pytest.approx([0.5, 1.0, 2**-0.75, NAN], nan_ok=True)


def test_numbers_without_a_scale_are_worth_nothing_on_it() -> None:
    """A curve of the caller's needs none; a field that the index did not look for has no data."""
    plan, evidence = with_numbers(30.0, 10.0, 5.0, NAN)
    assert all(map(math.isnan, values("meta.year", plan, evidence)))
    assert all(map(math.isnan, values("meta.year", plan, evidence, half_life=20)))
    assert values("meta.year", plan, evidence, mid=10)[0] == 0.75
    assert values("meta.year", plan, evidence, half_life=20, origin=30)[0] == 1.0


@settings(max_examples=200, deadline=None)
@given(
    number=st.floats(allow_nan=False),
    mid=st.floats(1e-9, 1e12),
    exponent=st.floats(0.01, 100),
    half_life=st.floats(1e-9, 1e12),
    origin=st.floats(-1e15, 1e15),
)
def test_no_number_and_no_curve_leaves_the_scale(
    number: float, mid: float, exponent: float, half_life: float, origin: float
) -> None:
    """The greatest doubles and infinities among them: `values` refuses what is not in [0, 1]."""
    plan, evidence = with_numbers(number, number, number, number, scale=(0.0, 1.0, 5.0))
    values("meta.year", plan, evidence)
    values("meta.year", plan, evidence, mid=mid, exp=exponent)
    values("meta.year", plan, evidence, half_life=half_life, origin=origin)


@pytest.mark.parametrize("arguments", [{"exp": 2}, {"origin": 3}, {"mid": 1, "half_life": 2}, {"mid": 1, "origin": 2}])
def test_a_curve_is_one_or_the_other(arguments: dict[str, float]) -> None:
    """Parameters that mean nothing together are refused before the search, with what would mean something."""
    written = ", ".join(f"{name}={value}" for name, value in arguments.items())
    with pytest.raises(ParamsError, match=r"means? nothing (together|alone)") as caught:
        score_of(params(score=f"meta.year({written})"))
    assert caught.value.path == "$.score"
    assert "meta.year(mid=...) or meta.year(half_life=...)" in str(caught.value.hint)


# ---------------------------------------------------------------- which fields a request names


def named(**fields: Any) -> tuple[str, ...]:
    return tuple(name for name in catalogue_of(params(**fields)) if name not in SIGNALS and name.startswith("meta."))


def test_a_field_is_named_in_weights_score_or_relevance() -> None:
    """In the order of the names, each once."""
    assert named() == ()
    assert named(weights={"meta.year": 0.5}) == ("meta.year",)
    assert named(diversify={"relevance": "meta.stars"}) == ("meta.stars",)
    asked = {"weights": {"meta.year": 1, "meta.pub-date": 1}, "score": "bm25 + meta.stars(mid=3) - meta.year"}
    assert named(**asked) == ("meta.pub-date", "meta.stars", "meta.year")
    assert numbers_of(params(**asked)) == ("stars", "year")  # with a score the weights are not read


@pytest.mark.parametrize(
    ("score", "fields"),
    [
        ("meta.year-0.5", ("meta.year",)),  # - is minus
        ("meta.a.b_2*2", ("meta.a.b_2",)),
        ("xmeta.year + rank.meta.year + meta + meta.", ()),
        ("(meta.year", ("meta.year",)),  # the fault is score_of's to word
        ("meta.größe", ()),  # `weights` could not name it
    ],
)
def test_names_are_found_in_any_text(score: str, fields: tuple[str, ...]) -> None:
    """Scanned, not parsed: a faulty expression still has names."""
    assert named(score=score) == fields


def test_a_field_with_an_empty_name_is_no_signal() -> None:
    """`meta.` names nothing."""
    with pytest.raises(ParamsError, match="no signal named"):
        resolve_weights(params(weights={"meta.": 1.0}), PLAN)


def test_what_is_named_is_weighed_and_can_be_sent_again() -> None:
    """0 unless `weights` says otherwise; `*` sets it like any other."""
    assert resolve_weights(params(weights={"meta.year": 0.5}), PLAN)["meta.year"] == 0.5
    assert resolve_weights(params(score="meta.year"), PLAN)["meta.year"] == 0.0
    weights = dict(resolve_weights(params(weights={"*": 0.1}, diversify={"relevance": "meta.year"}), PLAN))
    assert weights["meta.year"] == 0.1
    assert dict(resolve_weights(params(weights=weights), PLAN)) == weights


# ---------------------------------------------------------------- what a score asks of the index


def needs(**fields: Any) -> frozenset[str]:
    asked = params(**fields)
    return needs_of(asked, resolve_weights(asked, PLAN))


def test_needs_follow_the_score_and_not_the_weights_beside_it() -> None:
    """A score stands in for weights; relevance and trees read signals too; numbers are asked for by name."""
    assert needs(score="bm25 + meta.year") == {"lexical", "dense", "attributes"}
    assert "positions" in needs(score="bm25 + proximity")
    assert "positions" not in needs(score="bm25", weights={"proximity": 1.0})
    assert "positions" in needs(diversify={"relevance": "spread"})
    assert {"positions", "vectors", "dense_mean"} <= needs(rerank=[{"type": "trees", "model": "m"}])


def test_an_unknown_relevance_is_refused_with_the_nearest_name() -> None:
    """As an unknown weight is."""
    assert relevance_of(params()) is None
    assert relevance_of(params(diversify={"relevance": "rank.lex"})) == "rank.lex"
    with pytest.raises(ParamsError) as caught:
        relevance_of(params(diversify={"relevance": "recncy"}))
    assert (caught.value.path, caught.value.did_you_mean) == ("$.diversify.relevance", "recency")


# ---------------------------------------------------------------- how much a request may name


def test_numbers_are_read_only_for_signals_that_are() -> None:
    """A weight of 0 asks for no number, an explanation and trees for all; it is named among the weights anyway."""
    asked: dict[str, Any] = {"weights": {"meta.year": 1.0, "meta.stars": 0.0}}
    assert numbers_of(params(**asked)) == ("year",)
    assert numbers_of(params(weights={"meta.stars": 0.0, "*": 0.1})) == ()
    assert numbers_of(params(weights={"*": 0.1}, diversify={"relevance": "meta.stars"})) == ("stars",)
    assert numbers_of(params(**asked, score="bm25 + meta.stars")) == ("stars",)
    assert numbers_of(params(**asked, explain=True)) == ("stars", "year")
    assert numbers_of(params(**asked, rerank=[{"type": "trees", "model": "m"}])) == ("stars", "year")
    assert resolve_weights(params(**asked), PLAN)["meta.stars"] == 0.0


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"weights": {f"meta.f{place}": 1.0 for place in range(MAX_META_SIGNALS + 1)}}, "$.weights"),
        ({"weights": {f"meta.f{place}": 1.0 for place in range(MAX_META_SIGNALS)}, "score": "meta.last"}, "$.score"),
        ({"score": "+".join(f"meta.f{place}" for place in range(MAX_META_SIGNALS + 1))}, "$.score"),
    ],
)
def test_a_request_names_so_many_fields_and_no_more(fields: dict[str, Any], path: str) -> None:
    """Refused by whoever asks first, before anything is made of the names."""
    for ask in (check_names, catalogue_of, numbers_of):
        with pytest.raises(ParamsError, match=f"{MAX_META_SIGNALS + 1} metadata fields") as caught:
            ask(params(**fields))
        assert caught.value.path == path
        assert f"at most {MAX_META_SIGNALS}" in str(caught.value.hint)


def test_as_many_fields_as_a_request_may_name() -> None:
    """The limit itself is allowed."""
    weights = {f"meta.f{place}": 1.0 for place in range(MAX_META_SIGNALS)}
    assert len(named(weights=weights)) == MAX_META_SIGNALS


def test_names_that_callers_choose_are_not_remembered_for_ever() -> None:
    """A thousand requests that each name other fields leave a few megabytes behind."""
    retrievers = tuple(f"retriever{place}" for place in range(16))
    tracemalloc.start()
    try:
        for request in range(1_000):
            signals_for(retrievers, tuple(f"{request}.{place}.{'x' * 48}" for place in range(MAX_META_SIGNALS)))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        signals_for.cache_clear()
    assert held < 4e6
