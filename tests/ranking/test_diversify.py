"""Caps and MMR reorder, say so, and never leave a page short."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.diversify import cap, maximal_marginal_relevance
from ranking.errors import ParamsError
from ranking.pipeline import rank
from ranking.types import Ranking, SessionState
from tests.ranking.evidence import NOW, Page, build, params


def search(pages: list[Page], size: int, **diversify: Any) -> Ranking:
    plan, evidence = build(pages, "fox")
    asked = params(max_results=size, weights={"*": 0, "dense": 1}, diversify=diversify)
    return rank(plan, evidence, asked, SessionState(), NOW)


def pages_of(sites: str, **more: Any) -> list[Page]:
    """Page i of these sites, best first."""
    return [Page(f"p{i}", cosine=0.9 - 0.05 * i, site=site, **more) for i, site in enumerate(sites)]


def ids(ranking: Ranking) -> list[str]:
    return [one.id for one in ranking.page]


def test_a_site_has_at_most_its_cap_while_others_match() -> None:
    """The fourth page of one site gives way, and every changed place is named."""
    ranking = search(pages_of("aaaabb"), 5, max_per_site=3)
    assert ids(ranking) == ["p0", "p1", "p2", "p4", "p5"]
    assert [one.moves for one in ranking.page] == [(), (), (), ("cap site: 5 -> 4",), ("cap site: 6 -> 5",)]
    assert [one.stateless_rank for one in ranking.page] == [1, 2, 3, 4, 5]


def test_a_collection_of_one_site_fills_its_page() -> None:
    """The cap reorders; it never leaves a page short."""
    assert ids(search(pages_of("aaaaaa"), 5, max_per_site=3)) == ["p0", "p1", "p2", "p3", "p4"]
    assert ids(search(pages_of("aaaab"), 5, max_per_site=3)) == ["p0", "p1", "p2", "p4", "p3"]


def test_the_cap_is_3_by_default_and_null_lifts_it() -> None:
    """A default that the answer shows in `moves` and a request can turn off."""
    assert ids(search(pages_of("aaaab"), 4)) == ["p0", "p1", "p2", "p4"]
    assert ids(search(pages_of("aaaab"), 4, max_per_site=None)) == ["p0", "p1", "p2", "p3"]


def test_near_duplicates_can_be_capped_too() -> None:
    """max_per names another column; a field that evidence does not carry is refused by name."""
    twins = [Page("a", cosine=0.9, cluster="t"), Page("b", cosine=0.8, cluster="t"), Page("c", cosine=0.1)]
    assert ids(search(twins, 2, max_per={"cluster": 1})) == ["a", "c"]
    assert ids(search(twins, 2, collapse=True)) == ["a", "c"]
    assert "cap cluster: 2 -> 3" in search(twins, 3, collapse=True).page[2].moves
    with pytest.raises(ParamsError, match="cannot cap 'autor'") as refused:
        search(twins, 2, max_per={"autor": 1})
    assert refused.value.did_you_mean == "author"


@given(
    sites=st.lists(st.integers(0, 3), max_size=12), limit=st.integers(1, 4), page=st.integers(1, 12), seed=st.integers()
)
def test_a_capped_page_is_full_and_holds_the_cap_as_long_as_it_can(
    sites: list[int], limit: int, page: int, seed: int
) -> None:
    """min(n, page) rows without repeats; more than the cap only when no capped page could be fuller."""
    order = list(np.random.default_rng(abs(seed)).permutation(len(sites)))
    taken, _ = cap(order, {"site": np.array(sites, np.int64)}, {"site": limit}, page)
    assert len(taken) == len(set(taken)) == min(len(sites), page)
    possible = sum(min(limit, sites.count(site)) for site in set(sites))
    counts = [sites.count(site) and [sites[row] for row in taken].count(site) for site in set(sites)]
    if possible >= len(taken):
        assert all(count <= limit for count in counts)


def test_mmr_takes_the_best_then_what_is_unlike_it() -> None:
    """Worked by hand: relevance 1, 0.9, 0; b is a's copy, c is orthogonal; at 0.3 c (0) beats b (0.27 - 0.7)."""
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
    scores = np.array([1.0, 0.9, 0.0])
    assert maximal_marginal_relevance([0, 1, 2], scores, vectors, 0.3, 3) == [0, 2, 1]
    assert maximal_marginal_relevance([0, 1, 2], scores, vectors, 1.0, 3) == [0, 1, 2]


def test_mmr_moves_are_named_and_come_before_the_cap() -> None:
    """A search with MMR shows the unlike page earlier, and says from where."""
    pages = [
        Page("a", cosine=0.9, vector=(1.0, 0.0)),
        Page("b", cosine=0.8, vector=(1.0, 0.0)),
        Page("c", cosine=0.7, vector=(0.0, 1.0)),
        Page("d", cosine=0.1, vector=(0.0, 1.0)),
    ]
    ranking = search(pages, 2, method="mmr", **{"lambda": 0.5, "max_per_site": None})
    assert ids(ranking) == ["a", "c"]
    assert ranking.page[1].moves == ("mmr: 3 -> 2",)
    assert [one.id for one in ranking.scored] == ["a", "b"]


def test_mmr_without_vectors_says_that_it_did_nothing() -> None:
    """A collection without vectors keeps its order, with a notice."""
    ranking = search(pages_of("ab"), 2, method="mmr")
    assert ids(ranking) == ["p0", "p1"]
    assert [notice.code for notice in ranking.notices] == ["mmr_without_vectors"]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 12))
def test_one_cap_and_two_equal_caps_agree(values: list[int], limit: int, page: int) -> None:
    """The quick way for a single cap gives what the loop over several gives."""
    column = np.array(values, dtype=np.int64)
    order = list(range(len(values)))
    one = cap(order, {"site": column}, {"site": limit}, page)
    two = cap(order, {"site": column, "cluster": column}, {"site": limit, "cluster": limit}, page)
    assert one == two
