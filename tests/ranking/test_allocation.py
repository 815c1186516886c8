"""Who shows what in a batch, against pages that ask one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ranking.allocation import Share, allocate, relative
from ranking.pipeline import Ordered, order, page_of
from ranking.types import SessionState
from tests.ranking.evidence import NOW, Page, build, params, seen, session_of

SIZE = 3
NAMES = "abcdefghij"


def ordered(cosines: dict[str, float], state: SessionState | None = None, **fields: Any) -> Ordered:
    """A search whose scores are these: dense alone."""
    plan, evidence = build([Page(name, name, cosine=cosine) for name, cosine in cosines.items()], "zzz")
    asked = params(weights={"*": 0, "dense": 1}, **{"max_results": SIZE, **fields})
    return order(plan, evidence, asked, state or SessionState(), NOW)


def pages_of(orders: list[Ordered], shares: tuple[Share, ...]) -> list[list[str]]:
    return [[one.id for one in page_of(made, share.elsewhere).page] for made, share in zip(orders, shares, strict=True)]


def one_by_one(orders: list[Ordered]) -> list[set[str]]:
    """The same matching by the book: one page asks for one document at a time, in any order (here the last page
    first); a document leaves its page for one that it serves better."""
    wishes = [[made.given.evidence.ids[row] for row in made.order] for made in orders]
    worth = [dict(zip(made.given.evidence.ids, relative(made).tolist(), strict=True)) for made in orders]
    holder: dict[str, int] = {}
    waiting = list(range(len(orders)))
    while waiting:
        page = waiting.pop()
        while len([name for name, at in holder.items() if at == page]) < SIZE and wishes[page]:
            name = wishes[page].pop(0)
            rival = holder.get(name)
            if rival is None or (worth[page][name], -page) > (worth[rival][name], -rival):
                holder[name] = page
                if rival is not None:
                    waiting.append(rival)
    return [{name for name, at in holder.items() if at == page} for page in range(len(orders))]


searches = st.lists(
    st.dictionaries(
        st.sampled_from(NAMES), st.sampled_from([-0.5, 0.0, 0.1, 0.3, 0.5, 0.7, 0.9]), min_size=1, max_size=len(NAMES)
    ),
    min_size=1,
    max_size=5,
)


@given(searches)
def test_every_document_is_on_the_page_that_it_serves_best(cosines: list[dict[str, float]]) -> None:
    """Nowhere twice, and just where pages that ask one after the other find it."""
    orders = [ordered(each) for each in cosines]
    pages = pages_of(orders, allocate(orders, fill=False))
    assert [set(page) for page in pages] == one_by_one(orders)
    assert len([name for page in pages for name in page]) == len({name for page in pages for name in page})


@given(searches)
def test_with_fill_no_page_is_shorter_than_alone(cosines: list[dict[str, float]]) -> None:
    """What others show comes back at the end, in this search's order, and is said to have come back."""
    orders = [ordered(each) for each in cosines]
    shares = allocate(orders, fill=True)
    for made, share, page in zip(orders, shares, pages_of(orders, shares), strict=True):
        assert len(page) == len(page_of(made).page)
        assert len(set(page)) == len(page)
        back = [
            one for one in page_of(made, share.elsewhere).page if any(move.startswith("batch") for move in one.moves)
        ]
        assert page[share.own :] == [one.id for one in back]


@given(searches)
def test_what_a_page_had_to_leave_is_where_it_is_said_to_be(cosines: list[dict[str, float]]) -> None:
    """Of the page that a search would have had alone, each document is on its page, or named with its place."""
    orders = [ordered(each) for each in cosines]
    shares = allocate(orders, fill=True)
    pages = pages_of(orders, shares)
    for number, (made, share) in enumerate(zip(orders, shares, strict=True)):
        alone = [one.id for one in page_of(made).page]
        named = {moved.document: moved for moved in share.moved}
        assert set(alone) <= {*pages[number], *named}
        for name, moved in named.items():
            assert pages[moved.search][moved.shown_rank - 1] == name
            assert alone[moved.rank - 1] == name
            assert moved.search != number


def test_a_search_alone_keeps_its_page() -> None:
    """A batch of one is a search."""
    made = ordered({"a": 0.9, "b": 0.5})
    assert allocate([made], fill=False) == (Share(own=2),)


def test_scores_are_compared_by_what_the_best_of_each_search_has() -> None:
    """A weak search's best document is its own, though another scores it higher."""
    weak, strong = ordered({"a": 0.1, "b": -0.5}, max_results=1), ordered({"a": 0.5, "c": 0.9}, max_results=1)
    assert pages_of([strong, weak], allocate([strong, weak], fill=False)) == [["c"], ["a"]]
    even = [ordered({"a": 0.5, "b": 0.4}, max_results=1) for _ in range(2)]
    assert pages_of(even, allocate(even, fill=False)) == [["a"], ["b"]]


def test_a_pin_comes_before_any_score() -> None:
    """Who asked for it by name has it."""
    best, pinned = ordered({"a": 0.9, "b": 0.1}, max_results=1), ordered({"a": 0.1, "b": 0.9}, max_results=1)
    row = pinned.given.evidence.ids.index("a")
    pinned = replace(pinned, sheet=replace(pinned.sheet, pins=((row, 1),)))
    assert pages_of([best, pinned], allocate([best, pinned], fill=False)) == [["b"], ["a"]]


def test_under_drop_nothing_seen_comes_back() -> None:
    """Neither for what others show nor to fill the page."""
    state = session_of(seen(Page("a", "a")))
    orders = [ordered({"a": 0.9, "b": 0.5, "c": 0.1}, state, session={"seen": "drop"}) for _ in range(2)]
    assert pages_of(orders, allocate(orders, fill=True)) == [["b", "c"], ["b", "c"]]
    assert pages_of(orders, allocate(orders, fill=False)) == [["b", "c"], []]


def test_a_document_that_mmr_lets_go_is_not_lost() -> None:
    """Refused by one page for another that then chose otherwise, it goes back to the first."""
    across, up, steep, flat = (1.0, 0.0), (0.0, 1.0), (0.6, 0.8), (0.8, 0.6)
    vectors = {"a": up, "b": steep, "c": across, "d": across, "e": up, "f": flat}

    def search(scores: list[float], balance: float) -> Ordered:
        named = zip(vectors.items(), scores, strict=True)
        plan, evidence = build([Page(name, name, cosine=value, vector=at) for (name, at), value in named], "zzz")
        diversify = {"max_per_site": None, "method": "mmr", "lambda": balance}
        asked = params(weights={"*": 0, "dense": 1}, max_results=2, diversify=diversify)
        return order(plan, evidence, asked, SessionState(), NOW)

    orders = [
        search([0.2, 0.6, 0.5, 0.5, 0.9, 0.5], 0.2),
        search([0.2, 0.9, 0.3, 0.8, 0.1, 0.8], 0.5),
        search([0.6, 0.9, 0.6, 0.3, 0.1, 0.9], 0.2),
    ]
    shown = [name for page in pages_of(orders, allocate(orders, fill=False)) for name in page]
    assert sorted(shown) == [*vectors]
