"""The objective equals ir_measures on the order that frozen candidates give, whatever the ties."""

from __future__ import annotations

import math
from collections.abc import Mapping

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.errors import TuneError
from eval.frozen.candidates import FrozenSet, rank
from eval.tuning import objective as objective_module
from eval.tuning.graded import read_measure
from eval.tuning.objective import macro_of, objective_of
from eval.tuning.weighing import weighing_of
from tests.eval.tuning.made import SIGNALS, frozen, topic

MEASURES = ["nDCG@10", "nDCG@3", "P@5", "R@20", "RR@10", "AP@20"]


@st.composite
def sets(draw: st.DrawFn) -> FrozenSet:
    """Few distinct values, so that scores tie; topics of different sizes, some with nobody, some without relevant."""
    made = []
    for number in range(draw(st.integers(1, 4))):
        size = draw(st.integers(0, 30))
        seed = draw(st.integers(0, 2**32 - 1))
        chance = np.random.default_rng(seed)
        values = chance.integers(0, 3, (size, len(SIGNALS))) / 2
        grades = chance.integers(0, 4, size) * (chance.random(size) < 0.3)
        made.append(topic(f"t{number}", values, grades.tolist(), missing=draw(st.lists(st.integers(0, 3), max_size=3))))
    return frozen("made", made)


WEIGHTS = st.fixed_dictionaries({f"weights.{name}": st.sampled_from([0.0, 0.5, 1.0, -0.5]) for name in SIGNALS})


@settings(max_examples=60, deadline=None)
@given(made=sets(), params=WEIGHTS, name=st.sampled_from(MEASURES))
def test_every_measure_is_that_of_ir_measures(made: FrozenSet, params: Mapping[str, float], name: str) -> None:
    """On the order of eval/frozen/candidates.py, which is the engine's; relevant documents that were not recalled count."""
    values = objective_of([made], SIGNALS, weighing_of({}), read_measure(name)).values(params)["made"]
    weights = np.array([params[f"weights.{signal}"] for signal in SIGNALS])
    for place, each in enumerate(made.topics):
        order = [each.ids[row] for row in rank(each, weights).tolist()]
        ranked = [ir_measures.ScoredDoc("t", page, float(-at)) for at, page in enumerate(order)]
        recalled = {page: grade for page, grade in zip(each.ids, each.grades.tolist(), strict=True) if grade}
        lost = list(each.gains)
        for grade in recalled.values():
            lost.remove(grade)
        judged = recalled | {f"lost{number}": grade for number, grade in enumerate(lost)}
        qrels = [ir_measures.Qrel("t", page, grade) for page, grade in judged.items()]
        found = (
            ir_measures.calc_aggregate([ir_measures.parse_measure(name)], qrels, ranked) if judged and ranked else {}
        )
        assert values[place] == pytest.approx(next(iter(found.values()), 0.0), abs=1e-9)


def test_slabs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """However topics are cut into slabs, each has the value that it has alone."""
    chance = np.random.default_rng(3)
    topics = [topic(f"t{n}", chance.random((5 + 7 * n, len(SIGNALS))), [n % 2] * (5 + 7 * n)) for n in range(8)]
    measure, base = read_measure("nDCG@10"), weighing_of({})
    whole = objective_of([frozen("s", topics)], SIGNALS, base, measure).values({})["s"]
    monkeypatch.setattr(objective_module, "SLAB_CELLS", 40)
    assert objective_of([frozen("s", topics)], SIGNALS, base, measure).values({})["s"].tolist() == whole.tolist()


def test_dense_weighs_by_the_rule_unless_it_is_set() -> None:
    """Worked out by hand: N = 100 and S = 2 ln 100 give u = 1/2 and c = 1/100, so 4 x (1/2)^1 x exp(-1/100) = 1.98."""
    base = weighing_of({})
    idfs = (math.log(100), math.log(100))
    ruled = base.under({"fuse.balance.ceiling": 4.0, "fuse.balance.decay": 1.0, "fuse.balance.floor": 0.0})
    assert ruled.of_dense(idfs, 100) == pytest.approx(4 * 0.5 * math.exp(-0.01), abs=1e-4)
    assert ruled.under({"fuse.balance.floor": 3.0}).of_dense(idfs, 100) == 3.0
    assert ruled.under({"weights.dense": 0.7}).of_dense(idfs, 100) == 0.7


def test_weights_of_the_request_count_below_params() -> None:
    """Catalogue < request < params; a star speaks for every signal, dense too, but not for fused."""
    assert weighing_of({}).of("bm25") == 1.0
    assert weighing_of({"weights": {"bm25": 0.5}}).of("bm25") == 0.5
    star = weighing_of({"weights": {"*": 0.25, "rrf": 2.0}})
    assert (star.of("bm25"), star.of("rrf"), star.of("fused"), star.dense) == (0.25, 2.0, 0.0, 0.25)
    assert star.under({"weights.rrf": 3.0}).of("rrf") == 3.0


def test_a_large_set_does_not_win_by_its_size() -> None:
    """Nine topics at 0 and one set of a single topic at 1: the macro mean is a half."""
    right = topic("r", np.array([[1.0] * len(SIGNALS)]), [1])
    wrong = [topic(f"w{n}", np.array([[1.0] * len(SIGNALS)]), [0], missing=[1]) for n in range(9)]
    found = objective_of([frozen("one", [right]), frozen("nine", wrong)], SIGNALS, weighing_of({}), read_measure("P@1"))
    assert macro_of(found.values({})) == 0.5


def test_gains_of_one_set_do_not_buy_losses_of_another() -> None:
    """By hand: the defaults give 1 and 0; half of the first lost and all of the second won is 0.75 - 2 x 0.5. Without
    losses the guard takes nothing."""
    right = topic("r", np.array([[1.0] * len(SIGNALS)]), [1])
    wrong = topic("w", np.array([[1.0] * len(SIGNALS)]), [0], missing=[1])
    sets = [frozen("won", [right]), frozen("lost", [wrong])]
    found = objective_of(sets, SIGNALS, weighing_of({}), read_measure("P@1"), guard=2.0)
    assert found.default == {"won": 1.0, "lost": 0.0}
    assert found.of({"won": 0.5, "lost": 1.0}) == pytest.approx(0.75 - 2 * 0.5)
    assert found.of({"won": 1.0, "lost": 1.0}) == pytest.approx(1.0)


def test_a_signal_that_was_not_frozen_is_named() -> None:
    """With the set that lacks it."""
    made = frozen("bare", [topic("t", np.ones((1, 2)), [1])], ("bm25", "dense"))
    with pytest.raises(TuneError, match=r"bare was frozen without bm25\.bigram"):
        objective_of([made], ["bm25.bigram"], weighing_of({}), read_measure("nDCG@10"))


def test_a_request_that_fuses_cannot_be_tuned() -> None:
    """There bm25 and dense weigh nothing."""
    with pytest.raises(TuneError, match="fuses"):
        weighing_of({"fuse": {"method": "rrf"}})


@pytest.mark.parametrize("text", ["nDCG", "ndgc@10", "nDCG@0", "nDCG@101", ""])
def test_a_measure_that_is_unknown_or_too_deep_is_refused(text: str) -> None:
    """The hint shows how one is written."""
    with pytest.raises(TuneError) as caught:
        read_measure(text)
    assert "nDCG@10" in str(caught.value.hint)
