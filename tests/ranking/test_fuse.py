"""Fusions and normalisers against sums written out by hand; the laws of both are in tests/laws/test_fuse_laws.py."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from ranking.fuse import NORMALISERS, comb_mnz, from_rank, linear, normalised, reciprocal_rank, weighted_max
from ranking.pipeline import rank
from ranking.signals.input import SignalInput
from ranking.signals.retrieval import fused, of_list, opinion
from ranking.types import Evidence, Plan, Ranking, SessionState
from tests.ranking.evidence import NOW, Page, build, idf, params

NAN = math.nan


def logistic(z: float) -> float:
    return 1.0 / (1.0 + math.exp(-z))


def search(pages: list[Page], **fields: Any) -> Ranking:
    plan, evidence = build(pages, "fox")
    return rank(plan, evidence, params(**fields), SessionState(), NOW)


# ---------------------------------------------------------------- normalisers


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("theoretical", [0.2, 0.6, 0.0, 1.0, 0.6]),
        ("none", [0.2, 0.6, 0.0, 1.0, 0.6]),
        ("minmax", [0.0, 0.5, 0.0, 1.0, 0.5]),
        # mean 0.6, variance (0.16 + 0 + 0.16 + 0) / 4 = 0.08
        ("zscore", [logistic(-0.4 / math.sqrt(0.08)), 0.5, 0.0, logistic(0.4 / math.sqrt(0.08)), 0.5]),
        # sum of squares 0.04 + 0.36 + 1 + 0.36 = 1.76
        ("l2", [0.2 / math.sqrt(1.76), 0.6 / math.sqrt(1.76), 0.0, 1 / math.sqrt(1.76), 0.6 / math.sqrt(1.76)]),
        ("rank", [0.25, 0.75, 0.0, 1.0, 0.75]),
    ],
)
def test_a_normaliser_equals_its_formula_worked_by_hand(normalize: str, expected: list[float]) -> None:
    """Over the four that have data; the one without gets 0."""
    assert normalised(np.array([0.2, 0.6, NAN, 1.0, 0.6]), normalize) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("normalize", "value"), [("minmax", 1.0), ("zscore", 0.5), ("l2", math.sqrt(1 / 3)), ("rank", 1.0)]
)
def test_equal_scores_are_all_best_or_all_average(normalize: str, value: float) -> None:
    """0.1 added up three times is not 0.3: the error of a mean must not become a distance from it."""
    column = np.array([0.1, 0.1, NAN, 0.1])
    assert normalised(column, normalize) == pytest.approx([value, value, 0.0, value])


@pytest.mark.parametrize("normalize", sorted(NORMALISERS))
def test_nothing_stays_nothing(normalize: str) -> None:
    """No data, or a score of 0, earns 0 by every normaliser, and a column of nothing else does too."""
    assert normalised(np.array([NAN, NAN]), normalize).tolist() == [0.0, 0.0]
    assert normalised(np.array([0.0, NAN, 0.0]), normalize).tolist() == [0.0, 0.0, 0.0]
    assert normalised(np.array([0.0, 0.3, 0.0, 0.2]), normalize)[[0, 2]].tolist() == [0.0, 0.0]
    assert normalised(np.zeros(0), normalize).tolist() == []


def test_a_score_of_0_counts_in_the_statistics() -> None:
    """So the second best of two pages with the word keeps what it has over the many without."""
    column = np.array([0.8, 0.4, 0.0, 0.0])
    assert normalised(column, "minmax").tolist() == [1.0, 0.5, 0.0, 0.0]
    assert normalised(column, "rank").tolist() == [1.0, 0.75, 0.0, 0.0]


@pytest.mark.parametrize("normalize", ["minmax", "zscore", "l2", "rank"])
def test_the_smallest_numbers_do_not_underflow(normalize: str) -> None:
    """A column means what it would at any size."""
    column = np.array([1e-200, 3e-200, 4e-200])
    assert normalised(column, normalize) == pytest.approx(normalised(column * 1e200 / 4, normalize))


@pytest.mark.parametrize("normalize", ["minmax", "zscore", "l2", "rank"])
def test_statistics_do_not_depend_on_the_order_of_many_candidates(normalize: str) -> None:
    """Bit for bit, for 400 of them, where a plain sum differs in its last places."""
    rng = np.random.default_rng(1)
    for column in rng.random((20, 400)):
        order = rng.permutation(400)
        assert normalised(column[order], normalize).tolist() == normalised(column, normalize)[order].tolist()


def test_the_logistic_keeps_an_order_that_the_normal_distribution_loses() -> None:
    """Two of 400 far above the rest: z is near 14 for both, where the normal CDF is 1."""
    values = normalised(np.array([0.9, 0.91] + [0.1] * 398), "zscore")
    assert values[0] < values[1] < 1.0


# ---------------------------------------------------------------- methods


def test_reciprocal_rank_equals_the_sum_worked_by_hand() -> None:
    """k 60: first and second is (61/61 + 61/62)/2; third in one list alone is (61/63)/2; found nowhere is 0."""
    ranks = {"lex": np.array([1, 0, 0], np.int32), "sem": np.array([2, 3, 0], np.int32)}
    found = reciprocal_rank(ranks, {"lex": 1.0, "sem": 1.0}, 60, 3)
    assert found == pytest.approx([(1 + 61 / 62) / 2, 61 / 63 / 2, 0.0])


def test_reciprocal_rank_follows_weights_and_k() -> None:
    """A retriever of weight 0 has no say; a small k makes the head count more."""
    ranks = {"lex": np.array([1, 2], np.int32), "sem": np.array([2, 1], np.int32)}
    only = reciprocal_rank(ranks, {"lex": 1.0, "sem": 0.0}, 60, 2)
    assert only[0] == 1.0
    assert only[0] > only[1]
    assert reciprocal_rank(ranks, {"lex": 1.0, "sem": 0.0}, 1, 2)[1] == pytest.approx(2 / 3)
    assert reciprocal_rank(ranks, {"lex": 0.0, "sem": 0.0}, 60, 2).tolist() == [0.0, 0.0]
    assert reciprocal_rank({}, {}, 60, 2).tolist() == [0.0, 0.0]


def test_linear_is_the_weighted_mean_of_theoretical_scores() -> None:
    """Scores on [0, 1] stay on [0, 1]; the one without data in `lex` keeps its share of `sem`."""
    columns = {"lex": np.array([0.2, 1.0, NAN]), "sem": np.array([0.8, 1.0, 0.8])}
    assert linear(columns, {"lex": 1.0, "sem": 3.0}, "theoretical", 3) == pytest.approx([0.65, 1.0, 0.6])


def test_linear_without_normalisation_keeps_the_order_of_raw_means() -> None:
    """x / (1 + x): 3 -> 3/4; below 0 counts as 0; with two retrievers, of their weighted mean."""
    found = linear({"lex": np.array([3.0, 12.0, -1.0])}, {"lex": 1.0}, "none", 3)
    assert found == pytest.approx([0.75, 12 / 13, 0.0])
    both = linear({"lex": np.array([8.0]), "sem": np.array([0.5])}, {"lex": 1.0, "sem": 4.0}, "none", 1)
    assert both == pytest.approx([2 / 3])  # (8 + 4 x 0.5) / 5 = 2


def test_rounding_of_raw_scores_never_reverses_two() -> None:
    """Written as x / (1 + x), the larger of these two neighbours would come out smaller."""
    column = np.array([9.382009912328736e-05, np.nextafter(9.382009912328736e-05, 1.0)])
    assert np.diff(column / (1.0 + column))[0] < 0.0
    assert np.diff(linear({"lex": column}, {"lex": 1.0}, "none", 2))[0] >= 0.0


def test_comb_mnz_is_the_mean_times_the_share_that_found_it() -> None:
    """Found by both, by one, and by none of the two although it has scores in both."""
    columns = {"lex": np.array([0.4, 0.8, 0.9]), "sem": np.array([0.6, 0.6, 0.9])}
    ranks = {"lex": np.array([2, 1, 0], np.int32), "sem": np.array([1, 0, 0], np.int32)}
    assert comb_mnz(columns, ranks, {"lex": 1.0, "sem": 1.0}, "theoretical", 3) == pytest.approx([0.5, 0.35, 0.0])
    assert comb_mnz(columns, ranks, {"lex": 1.0, "sem": 1.0}, "none", 3) == pytest.approx([0.5 / 1.5, 0.35 / 1.35, 0.0])
    lex = {"lex": ranks["lex"]}
    assert comb_mnz(columns, lex, {"lex": 1.0, "sem": 1.0}, "theoretical", 3) == pytest.approx([0.25, 0.35, 0.0])


def test_comb_mnz_counts_only_who_weighs_for() -> None:
    """With sem against, found by lex is found by all; with sem out of it, sem's list does not matter."""
    columns = {"lex": np.array([0.8, 0.8]), "sem": np.array([0.4, 0.4])}
    ranks = {"lex": np.array([1, 0], np.int32), "sem": np.array([0, 1], np.int32)}
    assert comb_mnz(columns, ranks, {"lex": 1.0, "sem": -1.0}, "theoretical", 2) == pytest.approx([0.2, 0.0])
    assert comb_mnz(columns, ranks, {"lex": 2.0, "sem": 0.0}, "theoretical", 2) == pytest.approx([0.8, 0.0])
    assert comb_mnz(columns, ranks, {"lex": -1.0, "sem": -1.0}, "theoretical", 2).tolist() == [0.0, 0.0]


def test_the_weighted_maximum_follows_the_most_convinced() -> None:
    """max(0.5 x 0.8, 1 x 0.3) = 0.4; a weight below 0 never decides; raw scores become x / (1 + x)."""
    columns = {"lex": np.array([0.8, NAN, 0.2]), "sem": np.array([0.3, 0.3, NAN])}
    assert weighted_max(columns, {"lex": 1.0, "sem": 2.0}, "theoretical", 3) == pytest.approx([0.4, 0.3, 0.1])
    assert weighted_max(columns, {"lex": -4.0, "sem": 1.0}, "theoretical", 3) == pytest.approx([0.075, 0.075, 0.0])
    assert weighted_max({"lex": np.array([3.0, -1.0])}, {"lex": 1.0}, "none", 2) == pytest.approx([0.75, 0.0])


def test_a_rank_is_a_score_of_its_own() -> None:
    """1 for the best, no data where not found."""
    values = from_rank(np.array([1, 0, 4], np.int32), 1)
    assert values[[0, 2]] == pytest.approx([1.0, 0.4])
    assert math.isnan(values[1])


# ---------------------------------------------------------------- the signal


def given_of(plan: Plan, evidence: Evidence | SimpleNamespace, **fields: Any) -> SignalInput:
    return SignalInput(plan, evidence, SessionState(), NOW, params(**fields))  # type: ignore[arg-type]


def with_scores(evidence: Evidence, **scores: list[float]) -> SimpleNamespace:
    """This evidence with a column of scores for retrievers of other types."""
    fields = {name: getattr(evidence, name) for name in evidence.__dataclass_fields__}
    columns = {name: np.array(column) for name, column in scores.items()}
    return SimpleNamespace(**{**fields, "scores": columns}, size=evidence.size)


def test_bm25_and_dense_are_scored_for_every_candidate() -> None:
    """Whoever found it: `b` has a lexical score although lex does not list it, and raw scores have their own scale."""
    pages = [Page("a", "fox", ranks={"lex": 1}, cosine=0.5), Page("b", "fox", ranks={"sem": 1}), Page("c", "dog")]
    plan, evidence = build(pages, "fox")
    lex, sem = params().retrieve
    scores = opinion(given_of(plan, evidence), lex)
    assert scores[0] == scores[1] > scores[2] == 0.0
    raw = opinion(given_of(plan, evidence, fuse={"normalize": "none"}), lex)
    assert raw == pytest.approx(scores * idf(3, 2) * 2.2)
    assert opinion(given_of(plan, evidence), sem)[0] == 0.75
    assert opinion(given_of(plan, evidence, fuse={"normalize": "none"}), sem)[0] == 0.5
    assert np.isnan(opinion(given_of(plan, evidence), sem)[1:]).all()
    assert np.isnan(opinion(given_of(*build(pages, "")), lex)).all()


def test_another_type_of_retriever_gives_its_scores_or_else_its_ranks() -> None:
    """Scores as they come, NaN included; ranks with k of the fusion; a retriever that brought nothing has no data."""
    pages = [Page("a", ranks={"near": 1, "mine": 2}), Page("b", ranks={"near": 2}), Page("c")]
    plan, evidence = build(pages, "fox", retrievers={"near": "like", "mine": "ids"})
    given = given_of(plan, with_scores(evidence, near=[0.9, 0.1, NAN]), fuse={"k": 1})
    assert of_list(given, "near")[:2].tolist() == [0.9, 0.1]
    assert math.isnan(of_list(given, "near")[2])
    assert of_list(given, "mine")[0] == pytest.approx(2 / 3)
    assert np.isnan(of_list(given, "mine")[1:]).all()
    assert np.isnan(of_list(given, "none")).all()
    assert of_list(given_of(plan, evidence, fuse={"k": 1}), "near")[:2] == pytest.approx([1.0, 2 / 3])


def test_a_retriever_of_any_type_takes_part_in_every_fusion() -> None:
    """Three retrievers, one of them neither bm25 nor dense: `a` is near alone, `b` is what lex and sem found."""
    pages = [Page("a", ranks={"near": 1}, cosine=-1.0), Page("b", "fox", ranks={"lex": 1, "sem": 1}, cosine=1.0)]
    plan, evidence = build(pages, "fox", retrievers={"lex": "bm25", "sem": "dense", "near": "like"})
    wider = with_scores(evidence, near=[0.6, NAN])
    lexical = float(opinion(given_of(plan, evidence), params().retrieve[0])[1])
    expected = {
        "linear": [0.2, (lexical + 1) / 3],
        "rrf": [1 / 3, 2 / 3],
        "combmnz": [0.2 / 3, (lexical + 1) / 3 * 2 / 3],
        "max": [0.6, 1.0],
    }
    for method, values in expected.items():
        given = given_of(plan, wider, fuse={"method": method})
        near = SimpleNamespace(name="near", type="like")
        asked = given.params.model_copy(update={"retrieve": (*given.params.retrieve, near)})
        found, missing = fused(SignalInput(plan, wider, SessionState(), NOW, asked))  # type: ignore[arg-type]
        assert found == pytest.approx(values), method
        assert missing is None


def test_a_search_by_rrf_scores_by_the_ranks_of_its_retrievers() -> None:
    """With fuse.method rrf the score is the signal fused, and nothing else."""
    pages = [
        Page("a", "fox", ranks={"lex": 1}, cosine=-1.0),
        Page("b", ranks={"sem": 1, "lex": 2}, cosine=0.9),
        Page("c", ranks={"sem": 2}, cosine=1.0),
    ]
    ranking = search(pages, fuse={"method": "rrf"})
    assert [one.id for one in ranking.page] == ["b", "a", "c"]
    assert ranking.page[0].contributions == {"fused": pytest.approx((61 / 62 + 1) / 2)}


def test_methods_of_scores_rank_differently_and_say_so_by_fused_alone() -> None:
    """`a` has one strong opinion, `b` two middling ones that both found it: max prefers a, combmnz b."""
    pages = [
        Page("a", ranks={"sem": 1}, cosine=0.9),
        Page("b", "fox with many other words besides", ranks={"lex": 1, "sem": 2}, cosine=0.4),
    ]
    best = {}
    for method in ("combmnz", "max"):
        ranking = search(pages, fuse={"method": method})
        best[method] = ranking.page[0].id
        assert set(ranking.page[0].contributions) == {"fused"}
    assert best == {"combmnz": "b", "max": "a"}


def test_a_normaliser_of_the_candidates_is_a_parameter_of_the_search() -> None:
    """sem alone, minmax: cosines -0.2, 0.3, 0.8 are 0, 1/2, 1."""
    pages = [Page("a", cosine=-0.2), Page("b", cosine=0.3), Page("c", cosine=0.8), Page("d")]
    fuse = {"method": "max", "normalize": "minmax", "weights": {"lex": 0.0}}
    scores = {one.id: one.score for one in search(pages, fuse=fuse).page}
    assert scores == {"a": 0.0, "b": pytest.approx(0.5), "c": 1.0, "d": 0.0}


def test_a_linear_fusion_by_name_weighs_retrievers_by_fuse_weights() -> None:
    """Named with linear, `fused` is the weighted mean of each retriever's own score, raw or theoretical."""
    for normalize, best in (("theoretical", 1.0), ("none", 0.5)):
        fuse = {"weights": {"lex": 0.0, "sem": 1.0}, "normalize": normalize}
        pages = [Page("a", "fox", cosine=0.0), Page("b", "dog", cosine=1.0)]
        ranking = search(pages, weights={"*": 0, "fused": 1}, fuse=fuse)
        assert ranking.page[0].id == "b"
        assert ranking.page[0].score == pytest.approx(best)


def test_weights_that_a_fusion_sets_aside_are_said() -> None:
    """Nothing happens that the answer does not name."""
    for method in ("rrf", "combmnz", "max"):
        ranking = search([Page("a", "fox", cosine=NAN)], fuse={"method": method}, weights={"bm25": 2.0})
        assert [notice.code for notice in ranking.notices] == ["weights_stood_in"]


@pytest.mark.parametrize("fuse", [{"method": "combsum"}, {"normalize": "softmax"}, {"k": 0}, {"weights": {"lex": NAN}}])
def test_what_no_fusion_knows_is_refused(fuse: dict[str, Any]) -> None:
    """At the door, not in the middle of a search."""
    with pytest.raises(ValidationError):
        params(fuse=fuse)


def test_every_normaliser_of_the_request_is_executed() -> None:
    """The schema and the table name the same ones."""
    field = type(params().fuse).model_fields["normalize"]
    assert set(NORMALISERS) == set(field.annotation.__args__)  # type: ignore[union-attr]
