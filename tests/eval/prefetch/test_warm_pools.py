"""Which documents of warm pools count: so many of a pool, so many in all, in turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eval.prefetch.warm_pools import WarmPool, by_origin, counted, share

IDS = st.lists(st.sampled_from([f"d{number}" for number in range(40)]), unique=True, max_size=30).map(tuple)
POOLS = st.lists(st.builds(WarmPool, st.sampled_from(["guess", "goal", "previous"]), st.just(""), IDS), max_size=5)


def test_pools_take_turns_until_enough_are_counted() -> None:
    """The best of each, then the second of each; what another has counts once."""
    one, other = WarmPool("goal", "", ("a", "b", "c")), WarmPool("guess", "", ("b", "x", "y"))
    assert counted([one, other], each=3, most=2) == {"a", "b"}
    assert counted([one, other], each=2, most=3) == {"a", "b", "x"}
    assert counted([one, other], each=1, most=10) == {"a", "b"}
    assert counted([one, other], None, None) == {"a", "b", "c", "x", "y"}


def test_shares_of_a_page() -> None:
    """Of an empty page nothing is missing."""
    assert share(("a", "b", "c", "d"), frozenset("ab")) == 0.5
    assert share((), frozenset()) == 1.0


def test_what_each_origin_holds_alone() -> None:
    """All pools of one origin together, bounded like all."""
    pools = [WarmPool("guess", "", ("a",)), WarmPool("goal", "", ("b",)), WarmPool("guess", "", ("c",))]
    assert dict(by_origin(pools)) == {"guess": {"a", "c"}, "goal": {"b"}}


@given(POOLS, st.integers(0, 12), st.integers(0, 40))
def test_more_room_loses_nothing(pools: list[WarmPool], each: int, most: int) -> None:
    """Bounds hold; a wider bound of all keeps what a narrower had; every document counted is among the best of some
    pool."""
    found = counted(pools, each, most)
    assert len(found) <= most
    assert found <= counted(pools, each, most + 5)
    assert all(any(document in pool.ids[:each] for pool in pools) for document in found)
    assert len(counted(pools, each, None)) == len({document for pool in pools for document in pool.ids[:each]})
