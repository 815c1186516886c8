"""Measures against values worked out by hand."""

from __future__ import annotations

from math import log2

import pytest

from eval.errors import MeasureError
from eval.measures import MEASURES, measure, measure_names, parse_measures

QRELS = {"q1": {"a": 2, "b": 1, "c": 0}, "q2": {"x": 1}}


def test_ndcg_has_linear_gains_as_trec_eval() -> None:
    """b before a: (1 + 2/log2(3)) / (2 + 1/log2(3))."""
    run = {"q1": [("b", 0.9), ("a", 0.5)]}
    measured = measure(run, QRELS, ["q1"])
    expected = (1 + 2 / log2(3)) / (2 + 1 / log2(3))
    assert measured.per_topic["nDCG@10"]["q1"] == pytest.approx(expected)


def test_rank_order_decides_not_the_score() -> None:
    """Equal scores keep the order of the answer."""
    run = {"q1": [("c", 0.5), ("a", 0.5)], "q2": [("x", 0.1)]}
    measured = measure(run, QRELS, ["q1", "q2"])
    assert measured.per_topic["RR"] == {"q1": 0.5, "q2": 1.0}


def test_an_unanswered_topic_counts_nothing_but_counts() -> None:
    """The mean is over the judged topics, answered or not."""
    measured = measure({"q2": [("x", 1.0)]}, QRELS, ["q1", "q2"])
    assert measured.mean("P@5") == pytest.approx((0 + 0.2) / 2)
    low, high = measured.interval("P@5")
    assert low <= measured.mean("P@5") <= high


def test_measures_are_chosen_as_ir_measures_names_them() -> None:
    """In the given order, each once; the values by hand: b, unjudged, a, c of a (2), b (1), c (0)."""
    run = {"q1": [("b", 4.0), ("new", 3.0), ("a", 2.0), ("c", 1.0)]}
    chosen = parse_measures("Judged@2 AP RR R@1 P@3 P(rel=2)@3 AP Success@1")
    assert [str(each) for each in chosen] == ["Judged@2", "AP", "RR", "R@1", "P@3", "P(rel=2)@3", "Success@1"]
    measured = measure(run, QRELS, ["q1"], chosen)
    values = [measured.per_topic[str(each)]["q1"] for each in chosen]
    assert values == pytest.approx([1 / 2, (1 + 2 / 3) / 2, 1, 1 / 2, 2 / 3, 1 / 3, 1])
    low, high = measured.interval("AP")
    assert low == high == measured.mean("AP")  # one topic


@pytest.mark.parametrize(
    ("text", "said", "meant"),
    [
        ("nDCG@10 ncdg@10", "there is no measure 'ncdg@10'", "NDCG@10"),
        ("Judge@10", "there is no measure", "Judged@10"),
        ("", "no measure was named", None),
        ("alpha_nDCG@10", "there is no measure", "nDCG@10"),
        ("P", "cannot be computed", None),
        ("nDCG@0", "cutoff is not from 1", None),
        ("P@-3", "cannot be computed", None),
        ("P@99999999999999999999", "cutoff is not from 1", None),
        ("AP(rel=0)", "rel is not from 1", None),
        ("AP(", "cannot be computed", None),
        ("nDCG(rel=2)@3", "cannot be computed", None),
    ],
)
def test_a_measure_that_does_not_exist_is_named_with_those_that_do(text: str, said: str, meant: str | None) -> None:
    """Before anything is searched; a cutoff of 0 would end the process."""
    with pytest.raises(MeasureError, match=said) as caught:
        parse_measures(text)
    assert caught.value.hint
    assert caught.value.did_you_mean == meant


def test_every_measure_that_is_offered_can_be_computed() -> None:
    """Of a small run, between 0 and 1, counts aside."""
    written = [each.split(" or ")[-1].replace("@k", "@3") for each in measure_names().values()]
    assert {"nDCG@3", "AP@3", "RR@3", "R@3", "P@3", "Judged@3"} <= set(written)
    chosen = parse_measures(" ".join(written))
    measured = measure({"q1": [("b", 0.9), ("c", 0.5)], "q2": [("c", 1.0)]}, QRELS, ["q1", "q2"], chosen)
    for name, values in measured.per_topic.items():
        assert name.startswith("Num") or all(0 <= value <= 1 for value in values.values()), name
    assert set(map(str, MEASURES)) <= {str(each) for each in parse_measures(" ".join(map(str, MEASURES)))}


def test_a_topic_of_which_everything_was_judged_away_counts_nothing() -> None:
    """As trec_eval counts it: in the mean, with 0; how much was judged is told all the same. Negative grades are
    TREC's for junk."""
    measured = measure({"q3": [("a", 1.0), ("b", 0.5)]}, {"q3": {"a": 0, "b": -2}}, ["q3"])
    assert {name: values["q3"] for name, values in measured.per_topic.items()} == {
        "nDCG@10": 0, "R@100": 0, "RR": 0, "P@5": 0, "AP": 0, "Judged@10": 1,
    }  # fmt: skip
