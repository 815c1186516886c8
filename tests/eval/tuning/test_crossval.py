"""What is measured was never tuned on: neither a fold of queries nor a set that was left out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.errors import TuneError
from eval.frozen.candidates import FrozenSet
from eval.tuning.crossval import Fitted, cross_validate
from eval.tuning.folds import by_query, by_set
from eval.tuning.graded import read_measure
from eval.tuning.linear import Linear
from eval.tuning.record import FILE, Record
from eval.tuning.space import space_of
from eval.tuning.verdict import ALL, differences, sentence
from eval.tuning.weighing import weighing_of
from ranking.signals.catalogue import SIGNALS
from tests.eval.tuning.made import planted

BASE = weighing_of({"weights": {"dense": 0.0}})
SPACE = space_of(["weights.bm25.bigram=0..2", "weights.rrf=0..2"], list(SIGNALS), BASE)
SETS = tuple(
    planted(name, {"bm25": 1.0, signal: 1.5}, topics=topics, seed=seed)
    for seed, (name, signal, topics) in enumerate(
        (("a", "bm25.bigram", 12), ("b", "bm25.bigram", 20), ("c", "rrf", 15))
    )
)


def ids(sets: Sequence[FrozenSet]) -> list[tuple[str, str]]:
    return [(each.name, topic.topic) for each in sets for topic in each.topics]


def test_every_topic_is_kept_back_once_and_is_in_no_training_set() -> None:
    """Over queries: in folds of equal size in each set; the same under the same seed alone."""
    splits = by_query(SETS, 5, seed=3)
    held = [each for split in splits for each in ids(split.held)]
    assert sorted(held) == sorted(ids(SETS))
    for split in splits:
        assert not {*ids(split.train)} & {*ids(split.held)}
        assert sorted([*ids(split.train), *ids(split.held)]) == sorted(ids(SETS))
        assert [len(each.topics) for each in split.held] == pytest.approx([12 / 5, 4, 3], abs=0.7)
    assert [ids(split.held) for split in by_query(SETS, 5, seed=3)] == [ids(split.held) for split in splits]
    assert [ids(split.held) for split in by_query(SETS, 5, seed=4)] != [ids(split.held) for split in splits]


def test_each_set_is_left_out_once_and_a_single_one_never() -> None:
    """Of a single set nobody can say how its params travel."""
    for split, left in zip(by_set(SETS), SETS, strict=True):
        assert split.held == (left,)
        assert left not in split.train
        assert len(split.train) == 2
    assert by_set(SETS[:1]) == ()


def test_too_few_topics_for_the_folds_are_named() -> None:
    """With how many would do."""
    with pytest.raises(TuneError, match="a has 12 topics") as caught:
        by_query(SETS, 7, seed=1)
    assert "at most 6 folds" in str(caught.value.hint)


def garbage(frozen: FrozenSet) -> FrozenSet:
    """The same topics with all grades moved to other candidates."""
    topics = tuple(replace(topic, grades=np.roll(topic.grades, 7)) for topic in frozen.topics)
    return replace(frozen, topics=topics)


def told(folder: Path, sets: tuple[FrozenSet, ...], splits: Any) -> dict[str, Any]:
    """What each split chose."""
    folder.mkdir()
    way = Linear("tpe", SPACE, BASE, read_measure("nDCG@10"), 15, 5, True)
    with Record(folder / FILE, {}) as record:
        return dict(cross_validate(splits(sets), sets, partial(way.fit, record, lambda: None), threads=2).told)


def test_a_set_that_is_left_out_cannot_be_seen(tmp_path: Path) -> None:
    """Spoiling it changes what the other splits choose, and not its own."""
    honest = told(tmp_path / "a", SETS, by_set)
    spoiled = told(tmp_path / "b", (*SETS[:2], garbage(SETS[2])), by_set)
    assert spoiled["without c"] == honest["without c"]
    assert spoiled["without a"] != honest["without a"]


def test_a_fold_that_is_kept_back_cannot_be_seen(tmp_path: Path) -> None:
    """Spoiling the topics of one fold changes what the other folds choose, and not its own."""
    splits = partial(by_query, folds=3, seed=1)
    kept = {*ids(splits(SETS)[0].held)}
    spoiled = tuple(
        replace(
            each,
            topics=tuple(
                bad if (each.name, good.topic) in kept else good
                for good, bad in zip(each.topics, garbage(each).topics, strict=True)
            ),
        )
        for each in SETS
    )
    one, other = told(tmp_path / "a", SETS, splits), told(tmp_path / "b", spoiled, splits)
    assert one["fold 1 of 3"] == other["fold 1 of 3"]
    assert one["fold 2 of 3"] != other["fold 2 of 3"]


def test_values_come_back_in_the_order_of_the_set() -> None:
    """Each from the split that kept its topic back."""

    def fit(name: str, train: Sequence[FrozenSet]) -> Fitted:
        number = float(name.split()[1])
        return Fitted({}, lambda sets: {each.name: np.full(len(each.topics), number) for each in sets})

    splits = by_query(SETS, 3, seed=1)
    values = cross_validate(splits, SETS, fit).values
    for number, split in enumerate(splits, start=1):
        for name, topic in ids(split.held):
            place = [each.topic for each in next(each for each in SETS if each.name == name).topics].index(topic)
            assert values[name][place] == number


def test_who_fails_stops_the_others() -> None:
    """A search in another thread is told to end, and is not waited for until it is done."""
    stopped = threading.Event()

    def fit(name: str, train: Sequence[FrozenSet]) -> Fitted:
        if name == "without a":
            raise TuneError("failed")
        assert stopped.wait(60)
        raise TuneError("was stopped")

    with pytest.raises(TuneError, match="failed"):
        cross_validate(by_set(SETS[:2]), SETS[:2], fit, threads=2, stop=stopped.set)


def test_the_mean_over_sets_is_tested_as_it_is_meant() -> None:
    """By hand: a gains 0.1 on all of its 30 topics, b loses 0.2 on all of its 10; a set counts as much as another."""
    before = {"a": np.full(30, 0.5), "b": np.full(10, 0.5)}
    after = {"a": np.full(30, 0.6), "b": np.full(10, 0.3)}
    first, second, overall = differences(before, after)
    assert overall.name == ALL
    assert overall.difference == pytest.approx(-0.05)
    assert first.significant
    assert second.significant
    assert first.p_holm == pytest.approx(2 * first.p)


def test_the_verdict_says_plainly_what_did_not_help() -> None:
    """And which sets are worse."""
    before = {"a": np.full(30, 0.5), "b": np.full(10, 0.5)}
    worse = differences(before, {"a": np.full(30, 0.6), "b": np.full(10, 0.3)})
    said = sentence("The tuned params", "nDCG@10", "by leaving each set out", worse, changed=True)
    assert "do NOT beat" in said
    assert "significantly worse on b" in said
    better = differences(before, {name: values + 0.1 for name, values in before.items()})
    assert "The tuned params beat" in sentence("The tuned params", "nDCG@10", "", better, changed=True)
    assert "defaults stay" in sentence("The tuned params", "nDCG@10", "", better, changed=False)
