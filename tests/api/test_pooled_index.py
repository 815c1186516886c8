"""An index over pools: the same answers, fewer recalls, and where each came from."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from api.errors import DeadlineError
from api.warm.index import Cellar, Dropped, served_from
from ranking.types import Plan
from tests.api.pooling import MB, CountingIndex, counting, over, planned


def tier(index: CountingIndex, cellar: Cellar, query: str, **terms: object) -> str:
    pooled = over(index, cellar, **terms)
    plan = planned(pooled, query)
    pooled.recall(plan)
    served = pooled.served(plan)
    assert served is not None
    return served.tier


def test_the_second_time_is_free() -> None:
    """Exact, normalised, and another query."""
    index, cellar = counting(), Cellar(8 * MB)
    found = [tier(index, cellar, query) for query in ("event loop", "event loop", "Event  Loop", "Event  Loop", "zip")]
    assert found == ["miss", "exact", "normalised", "exact", "miss"]
    assert index.recalls == 2


def test_explanations_stateless_calls_and_no_reuse_look_nothing_up() -> None:
    """An explanation leaves its pool, the others do not."""
    index, cellar = counting(), Cellar(8 * MB)
    assert [tier(index, cellar, "event", keep=False) for _ in range(2)] == ["miss", "miss"]
    assert [tier(index, cellar, "event", fresh=True) for _ in range(2)] == ["miss", "miss"]
    assert tier(index, cellar, "event") == "exact"


def test_served_from_says_it() -> None:
    """Of a bare index it is the index."""
    index, cellar = counting(), Cellar(8 * MB)
    plan = planned(index, "event loop")
    assert served_from(index, plan) == "index"
    for wanted in ("index", "cache"):
        pooled = over(index, cellar)
        pooled.recall(plan)
        assert served_from(pooled, plan) == wanted


def test_sixteen_at_once_recall_once() -> None:
    """Each has its own evidence, the same."""
    index, cellar = counting(), Cellar(8 * MB)
    plan = planned(index, "event loop")
    index.go.clear()

    def ask() -> tuple[list[float], str]:
        pooled = over(index, cellar)
        evidence = pooled.recall(plan)
        served = pooled.served(plan)
        assert served is not None
        return evidence.tf.ravel().tolist(), served.tier

    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(ask) for _ in range(16)]
        assert index.begun.wait(30)
        index.go.set()
        found = [each.result(30) for each in asked]
    assert index.recalls == 1
    assert len({tuple(tf) for tf, _ in found}) == 1
    assert sorted(tier for _, tier in found).count("miss") == 1


@pytest.mark.parametrize("fails", [True, False])
def test_a_deadline_is_the_callers_own(fails: bool) -> None:
    """Waiting for others ends in time: an error where the request wants one, else its own recall."""
    index, cellar = counting(), Cellar(8 * MB)
    plan = planned(index, "event loop")
    index.go.clear()
    with ThreadPoolExecutor(2) as threads:
        leader = threads.submit(over(index, cellar).recall, plan)
        assert index.begun.wait(30)
        late = over(index, cellar, due=time.perf_counter() + 0.01, fail_when_due=fails)
        if fails:
            with pytest.raises(DeadlineError):
                late.recall(plan)
        else:
            follower = threads.submit(late.recall, plan)
            while index.recalls < 2:
                time.sleep(0.001)
        index.go.set()
        assert leader.result(30).size
        assert fails or follower.result(30).size


def test_an_error_is_not_kept() -> None:
    """The next call finds the index as it is then."""
    index, cellar = counting(), Cellar(8 * MB)
    plan = planned(index, "event loop")

    class Broken(CountingIndex):
        def recall(self, plan: Plan) -> None:  # type: ignore[override]
            raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        over(Broken([], None, generation="g1"), cellar).recall(plan)
    assert over(index, cellar).recall(plan).size


def test_passages_and_pages_are_read_once() -> None:
    """Of the same page; another page is compared anew."""
    index, cellar = counting(), Cellar(8 * MB)
    plan = planned(index, "event loop")
    ids = index.recall(plan).ids[:3]
    asked: list[object] = []

    class Watched(CountingIndex):
        def passage_evidence(self, *given: object) -> tuple[object, ...]:  # type: ignore[override]
            asked.append(given)
            return super().passage_evidence(*given)  # type: ignore[arg-type]

        def fetch(self, *given: object, **named: object) -> tuple[object, ...]:  # type: ignore[override]
            asked.append(given)
            return super().fetch(*given, **named)  # type: ignore[arg-type]

    index.__class__ = Watched
    for _ in range(2):
        pooled = over(index, cellar)
        pooled.recall(plan)
        found = pooled.passage_evidence(plan, ids)
        stored = pooled.fetch(ids)
    assert len(asked) == 2
    assert [one.document for one in found] == list(ids)
    assert stored == index.fetch(ids)
    pooled.passage_evidence(plan, ids[:2])
    with pytest.raises(KeyError, match="nobody"):
        pooled.fetch([ids[0], "nobody"])
    assert len(asked) == 5


def test_a_guess_is_dropped_between_stages() -> None:
    """And says so at its next step, whatever that is."""
    index, cellar = counting(), Cellar(8 * MB)
    plan = planned(index, "event loop")
    busy: list[bool] = []

    def going_on() -> None:
        if busy:
            raise Dropped

    guess = over(index, cellar, going_on=going_on, guess=("t", "s"))
    guess.recall(plan)
    busy.append(True)
    for step in (lambda: guess.recall(plan), lambda: guess.fetch(["d000"]), lambda: guess.passage_evidence(plan, [])):
        with pytest.raises(Dropped):
            step()


def test_the_first_use_of_a_guess_is_told_apart() -> None:
    """Later ones are ordinary; a guess does not use a guess."""
    index, cellar = counting(), Cellar(8 * MB)
    plan = planned(index, "event loop")
    for terms, source in (
        ({"guess": ("t", "s")}, "index"),
        ({"guess": ("t", "s")}, "cache"),
        ({}, "prefetch"),
        ({}, "cache"),
    ):
        pooled = over(index, cellar, **terms)
        pooled.recall(plan)
        assert served_from(pooled, plan) == source


NEAR = "how do tasks run without locks in the event loop of 2003"


@pytest.mark.parametrize(
    ("query", "is_near"),
    [
        ("how do tasks run without locks in an event loop of 2003", True),
        ("how do tasks run with locks in the event loop of 2003", False),
        ("how do tasks run without locks in the event loop of 2004", False),
        ("how do Tasks run without locks in the Event loop of 2003", False),
        ("how do tasks not run without locks in the event loop of 2003", False),
        ("how do tasks run -without locks in the event loop of 2003", False),
        ("zip archives of 2003 without locks", False),
    ],
)
def test_near_queries_lend_candidates_when_asked_to(query: str, is_near: bool) -> None:
    """Only where tokens and meaning agree, and numbers, names and negations are equal; never by default."""
    index, cellar = counting(), Cellar(8 * MB)
    tier(index, cellar, NEAR)
    assert tier(index, cellar, query) in ("miss", "normalised")
    fresh = Cellar(8 * MB)
    tier(index, fresh, NEAR)
    assert (tier(index, fresh, query, reuse="near") == "near") is is_near


def test_borrowed_candidates_are_scored_for_the_query_that_asked() -> None:
    """Words and vectors are its own; what words find best is among them."""
    index, cellar = counting(), Cellar(8 * MB)
    tier(index, cellar, NEAR)
    other = NEAR.replace("the event", "an event")
    plan = planned(index, other)
    pooled = over(index, cellar, reuse="near")
    evidence, wanted = pooled.recall(plan), index.recall(plan)
    rows = [wanted.ids.index(document) for document in evidence.ids]
    np.testing.assert_array_equal(evidence.tf, wanted.tf[:, :, rows])
    np.testing.assert_array_equal(evidence.cosine, wanted.cosine[rows])
    assert set(evidence.ranks) >= {retriever.name for retriever in plan.retrievers}
    assert not evidence.floors
