"""Laws of fusion over arbitrary columns, ranks and weights, and a second implementation in exact fractions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ranking.fuse import NORMALISERS, comb_mnz, linear, normalised, reciprocal_rank, weighted_max
from ranking.types import Doubles

METHODS = ("linear", "rrf", "combmnz", "max")
NAN = math.nan


@dataclass(frozen=True)
class Case:
    """What a fusion is given, as plain lists: per retriever n scores, n ranks and a weight."""

    method: str
    normalize: str
    k: int
    scores: Mapping[str, Sequence[float]]
    ranks: Mapping[str, Sequence[int]]
    weights: Mapping[str, float]
    size: int


def fuse(case: Case) -> Doubles:
    """The code under test."""
    columns = {name: np.array(column, np.float64) for name, column in case.scores.items()}
    ranks = {name: np.array(column, np.int32) for name, column in case.ranks.items()}
    if case.method == "rrf":
        return reciprocal_rank(ranks, case.weights, case.k, case.size)
    if case.method == "combmnz":
        return comb_mnz(columns, ranks, case.weights, case.normalize, case.size)
    combine = weighted_max if case.method == "max" else linear
    return combine(columns, case.weights, case.normalize, case.size)


# ---------------------------------------------------------------- arbitrary cases

WEIGHT = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(1e-3, 1_000), st.floats(-1_000, -1e-3))


@st.composite
def cases(
    draw: st.DrawFn,
    methods: Sequence[str] = METHODS,
    normalisers: Sequence[str] = tuple(NORMALISERS),
    least: int = 0,
) -> Case:
    """Up to 5 retrievers and 9 candidates; scores repeat, are missing, or are any number of their scale."""
    normalize = draw(st.sampled_from(normalisers))
    size = draw(st.integers(least, 9))
    names = [f"r{i}" for i in range(draw(st.integers(least, 5)))]
    low, high = (-1.0, 1e4) if normalize == "none" else (0.0, 1.0)
    score = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0, NAN]), st.floats(low, high))
    return Case(
        method=draw(st.sampled_from(methods)),
        normalize=normalize,
        k=draw(st.integers(1, 10_000)),
        scores={name: draw(st.lists(score, min_size=size, max_size=size)) for name in names},
        ranks={name: draw(st.lists(st.integers(0, 300), min_size=size, max_size=size)) for name in names},
        weights={name: draw(WEIGHT) for name in names},
        size=size,
    )


# ---------------------------------------------------------------- the oracle


def normalised_exactly(column: Sequence[float], normalize: str) -> list[Fraction]:
    """By the formulas as they are printed, with fractions up to the last step."""
    known = [Fraction(value) for value in column if not math.isnan(value)]
    mean = sum(known, Fraction(0)) / max(len(known), 1)
    variance = sum(((value - mean) ** 2 for value in known), Fraction(0)) / max(len(known), 1)
    squares = sum((value**2 for value in known), Fraction(0))

    def one(value: float) -> Fraction:
        if math.isnan(value) or value == 0:
            return Fraction(0)
        exact = Fraction(value)
        if normalize == "minmax":
            low, high = min(known), max(known)
            return (exact - low) / (high - low) if high > low else Fraction(1)
        if normalize == "zscore":
            z = math.copysign(math.sqrt((exact - mean) ** 2 / variance), exact - mean) if variance else 0.0
            return Fraction(1.0 / (1.0 + math.exp(-z)))
        if normalize == "l2":
            return Fraction(math.sqrt(exact**2 / squares))
        if normalize == "rank":
            return 1 - Fraction(sum(other > exact for other in known), len(known))
        return exact

    return [one(value) for value in column]


def fused_exactly(case: Case) -> list[float]:
    """One candidate at a time, one retriever at a time."""
    weights = {name: Fraction(weight) for name, weight in case.weights.items() if weight}
    if not weights:
        return [0.0] * case.size
    mass = sum(abs(weight) for weight in weights.values())
    columns = {name: normalised_exactly(case.scores[name], case.normalize) for name in weights}
    voters = [name for name in weights if weights[name] > 0]
    results = []
    for row in range(case.size):
        if case.method == "rrf":
            found = [name for name in weights if case.ranks[name][row]]
            total = sum(weights[name] * Fraction(case.k + 1, case.k + case.ranks[name][row]) for name in found) / mass
            results.append(float(max(total, 0)))
            continue
        parts = {name: weights[name] * columns[name][row] for name in weights}
        value = sum(parts.values()) / mass
        if case.method == "combmnz":
            value *= Fraction(sum(case.ranks[name][row] > 0 for name in voters), max(len(voters), 1))
        elif case.method == "max":
            value = max(parts.values()) / max(abs(weight) for weight in weights.values())
        value = max(value, Fraction(0))
        results.append(float(value / (1 + value) if case.normalize == "none" else value))
    return results


law = settings(max_examples=300, deadline=None)


@law
@given(case=cases())
def test_a_fusion_is_what_fractions_say(case: Case) -> None:
    """Every method with every normaliser."""
    np.testing.assert_allclose(fuse(case), fused_exactly(case), rtol=0, atol=1e-9)


# ---------------------------------------------------------------- laws


@law
@given(case=cases(), weight=st.floats(-1_000, 1_000))
def test_a_fusion_is_between_0_and_1_and_0_for_nothing(case: Case, weight: float) -> None:
    """One more candidate, of whom no retriever knows anything, gets 0."""
    wider = replace(
        case,
        scores={name: [*column, NAN] for name, column in case.scores.items()},
        ranks={name: [*column, 0] for name, column in case.ranks.items()},
        weights={name: weight if name == "r0" else other for name, other in case.weights.items()},
        size=case.size + 1,
    )
    found = fuse(wider)
    assert found.shape == (wider.size,)
    assert ((found >= 0) & (found <= 1)).all()
    assert found[-1] == 0.0


@law
@given(case=cases(), factor=st.floats(1e-3, 1e3))
def test_only_ratios_of_weights_count(case: Case, factor: float) -> None:
    """All times a positive number is the same fusion."""
    scaled = replace(case, weights={name: weight * factor for name, weight in case.weights.items()})
    np.testing.assert_allclose(fuse(scaled), fuse(case), rtol=0, atol=1e-12)


@law
@given(case=cases(), other=cases(least=1))
def test_a_retriever_of_weight_0_changes_nothing(case: Case, other: Case) -> None:
    """Whatever it says and whomever it found, bit for bit."""
    says = (list(other.scores["r0"]) * (case.size + 1))[: case.size]
    finds = (list(other.ranks["r0"]) * (case.size + 1))[: case.size]
    for names in (["idle", *case.weights], [*case.weights, "idle"]):
        wider = replace(
            case,
            scores={name: case.scores.get(name, says) for name in names},
            ranks={name: case.ranks.get(name, finds) for name in names},
            weights={name: case.weights.get(name, 0.0) for name in names},
        )
        assert fuse(wider).tolist() == fuse(case).tolist()


@law
@given(case=cases(METHODS, ("theoretical", "none"), least=1), data=st.data())
def test_a_higher_score_never_lowers_a_candidate_and_moves_no_other(case: Case, data: st.DataObject) -> None:
    """In a retriever of positive weight, on scales that do not depend on the candidates."""
    name = data.draw(st.sampled_from(sorted(case.weights)))
    row = data.draw(st.integers(0, case.size - 1))
    before = case.scores[name][row]
    floor = 0.0 if math.isnan(before) else before
    higher = data.draw(st.floats(floor, 1e4 if case.normalize == "none" else 1.0))
    assume(case.weights[name] > 0)
    column = [*case.scores[name][:row], higher, *case.scores[name][row + 1 :]]
    old, new = fuse(case), fuse(replace(case, scores={**case.scores, name: column}))
    assert new[row] >= old[row]
    assert np.delete(new, row).tolist() == np.delete(old, row).tolist()


@law
@given(case=cases(METHODS, ("theoretical", "none"), least=1), data=st.data())
def test_a_fixed_scale_does_not_depend_on_the_other_candidates(case: Case, data: st.DataObject) -> None:
    """Any part of the candidates gets the same bits: scores of two pages of one search can be compared."""
    rows = data.draw(st.lists(st.integers(0, case.size - 1), unique=True))
    assert fuse(taken(case, rows)).tolist() == fuse(case)[rows].tolist()


@law
@given(case=cases(), repeats=st.integers(1, 8), seed=st.integers(0, 1_000))
def test_the_order_of_the_candidates_changes_no_bit(case: Case, repeats: int, seed: int) -> None:
    """Also beyond the width of a vector register."""
    wide = taken(case, list(range(case.size)) * repeats)
    order = np.random.default_rng(seed).permutation(wide.size).tolist()
    assert fuse(taken(wide, order)).tolist() == fuse(wide)[order].tolist()


def taken(case: Case, rows: list[int]) -> Case:
    """The case with these candidates."""
    return replace(
        case,
        scores={name: [column[row] for row in rows] for name, column in case.scores.items()},
        ranks={name: [column[row] for row in rows] for name, column in case.ranks.items()},
        size=len(rows),
    )


@law
@given(
    column=st.lists(st.one_of(st.floats(0, 1), st.just(NAN)), max_size=30), normalize=st.sampled_from(list(NORMALISERS))
)
def test_a_normaliser_keeps_the_order_of_scores(column: list[float], normalize: str) -> None:
    """Of two candidates with data, the better never ends up worse; equal ones end up equal."""
    given = np.array(column, np.float64)
    values = normalised(given, normalize)
    assert ((values >= 0) & (values <= 1)).all()
    known = np.flatnonzero(~np.isnan(given))
    ascending = known[np.argsort(given[known], kind="stable")]
    assert (np.diff(values[ascending]) >= -1e-15).all()
    assert (np.diff(values[ascending])[np.diff(given[ascending]) == 0] == 0).all()
