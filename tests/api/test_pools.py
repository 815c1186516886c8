"""Pools in memory: what they give back, what they weigh, which go first."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from api.warm.keys import Key, frame_of, key_of
from api.warm.pools import Pool, Pools, pool_of
from api.warm.settings import TEXTS_OF_A_POOL
from ranking.types import Positions, Stage
from tests.api.pooling import SCOPE, counting, planned

INDEX = counting()
STAGE = Stage("pool", 0.0)


def made(query: str) -> Pool:
    plan = planned(INDEX, query)
    return pool_of(key_of(SCOPE, plan), frame_of(SCOPE, plan), SCOPE, plan, INDEX.recall(plan), 1.0)[0]


@pytest.mark.parametrize("query", ["event loop", '"event loop" 2003', "archive " * 400, "nothingatall"])
def test_evidence_comes_back_unchanged(query: str) -> None:
    """Every array with its type, every column, whoever reads it first."""
    plan = planned(INDEX, query)
    wanted, again = INDEX.recall(plan), INDEX.recall(plan)
    pool, live = pool_of(b"k", b"f", SCOPE, plan, again, 1.0)
    for found in (live, pool.answer(lambda: INDEX.recall(plan), STAGE)):
        for each in fields(wanted):
            if each.name in ("attributes", "stages"):
                continue
            one, other = getattr(wanted, each.name), getattr(found, each.name)
            if isinstance(one, Positions):
                for part in fields(one):
                    np.testing.assert_array_equal(getattr(one, part.name), getattr(other, part.name))
            elif isinstance(one, np.ndarray):
                np.testing.assert_array_equal(one, other)
                assert one.dtype == other.dtype
            else:
                np.testing.assert_equal(one, other)
        assert set(found.attributes) == set(wanted.attributes)
        for name, column in wanted.attributes.items():
            np.testing.assert_array_equal(found.attributes[name], column)


@pytest.mark.parametrize("tf", [0.5, 300.0, 255.0, -1.0])
def test_frequencies_are_kept_small_only_where_that_loses_nothing(tf: float) -> None:
    """Whole numbers up to 255."""
    plan = planned(INDEX, "event loop")
    evidence = INDEX.recall(plan)
    evidence = replace(evidence, tf=np.full_like(evidence.tf, tf))
    pool, _ = pool_of(b"k", b"f", SCOPE, plan, evidence, 1.0)
    np.testing.assert_array_equal(pool.answer(lambda: evidence, STAGE).tf, evidence.tf)
    assert (pool.evidence.tf.dtype == np.uint8) is (tf == 255.0)


def test_a_column_is_read_once() -> None:
    """The first reader's serves those who come to the pool later."""
    plan = planned(INDEX, "event loop")
    pool, live = pool_of(b"k", b"f", SCOPE, plan, INDEX.recall(plan), 1.0)
    before = INDEX.recalls
    live.attributes["words"]
    pool.answer(lambda: INDEX.recall(plan), STAGE).attributes["words"]
    assert INDEX.recalls == before
    pool.answer(lambda: INDEX.recall(plan), STAGE).attributes["authority"]
    pool.answer(lambda: INDEX.recall(plan), STAGE).attributes["authority"]
    assert INDEX.recalls == before + 1


def held(pools: Pools, *queries: str) -> list[bool]:
    return [pools.peek(made(query).key) is not None for query in queries]


def test_the_least_recently_used_go_first() -> None:
    """Within the bound; use counts, not age."""
    gone: list[Key] = []
    size = made("event loop").bytes
    pools = Pools(3 * size + size // 2, lambda pool: gone.append(pool.key))
    for query in ("event loop", "zip archive", "tar archive"):
        pools.put(made(query))
    assert pools.get(made("event loop").key) is not None
    pools.put(made("file path"))
    assert held(pools, "event loop", "zip archive", "file path") == [True, False, True]
    assert gone == [made("zip archive").key]
    assert pools.size()[1] <= pools.limit


def test_what_live_sessions_keep_goes_last() -> None:
    """Until they keep something else, are idle for too long, or keep more than their share."""
    size = made("event loop").bytes
    pools = Pools(3 * size + size // 2)
    pools.put(made("event loop"))
    pools.pin("session", [made("event loop").key], 60.0)
    for query in ("zip archive", "tar archive", "file path", "sqlite cursor"):
        pools.put(made(query))
    assert held(pools, "event loop", "zip archive", "sqlite cursor") == [True, False, True]
    pools.pin("session", [made("sqlite cursor").key], 60.0)
    pools.put(made("socket"))
    assert held(pools, "event loop", "sqlite cursor") == [False, True]
    pools.pin("session", [made("socket").key], -1.0)
    pools.pin("other", [], 60.0)
    for query in ("zip archive", "tar archive", "file path"):
        pools.put(made(query))
    assert held(pools, "socket", "sqlite cursor") == [False, False]


def test_pins_are_bounded() -> None:
    """A thousand sessions cannot take all of the memory: the one idle longest loses its pins."""
    size = made("event loop").bytes
    pools = Pools(4 * size)
    for query in ("event loop", "zip archive", "tar archive"):
        pools.put(made(query))
        pools.pin(query, [made(query).key], 60.0)
    for query in ("file path", "sqlite cursor", "socket"):
        pools.put(made(query))
    assert held(pools, "event loop", "tar archive") == [False, True]


def test_forgetting_a_session_drops_what_it_touched() -> None:
    """And its pins: nothing is left to hold them."""
    pools = Pools(10**6)
    pools.put(made("event loop"))
    pools.put(made("zip archive"))
    pools.pin("session", [made("event loop").key], 60.0)
    pools.forget("session", [made("event loop").key, b"gone already"])
    assert held(pools, "event loop", "zip archive") == [False, True]
    assert pools.size() == (1, made("zip archive").bytes)


def test_nothing_is_kept_without_memory() -> None:
    """FORAGE_POOL_MB=0."""
    pools = Pools(0)
    pools.put(made("event loop"))
    assert pools.size() == (0, 0)


def test_a_pool_holds_nothing_of_a_long_request() -> None:
    """Half a megabyte of filters would not be counted among its bytes."""
    prefixes = [f"https://docs.example.org/{'x' * 1_000}{number}" for number in range(400)]
    plan = planned(INDEX, "event loop", filters={"url_prefixes": ["https://docs.example.org/", *prefixes]})
    pool, _ = pool_of(b"k", b"f", SCOPE, plan, INDEX.recall(plan), 1.0)
    assert len(pickle.dumps(replace(pool, columns={}))) < 2 * pool.bytes


def test_ways_to_write_a_query_are_bounded() -> None:
    """However many are sent, and the first ones are told apart from the rest."""
    pool = made("event loop")
    for number in range(1_000):
        pool.answered(b"%d" % number)
    assert len(pool.texts) == TEXTS_OF_A_POOL
    assert pool.answered(b"0")
    assert not pool.answered(b"999")
