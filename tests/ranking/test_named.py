"""Who sits on the page when pages are named: shares, caps and those who stay, by hand and as laws."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ranking.named import Seat, places_of, seated
from ranking.pipeline import order, page_of
from ranking.types import Evidence, Influence
from tests.ranking.evidence import NOW, Page, build, params, seen, session_of


def evidence(sites: dict[str, str]) -> Evidence:
    """A document for each id, of that site, in the order given."""
    return build([Page(name, "fox", site=site) for name, site in sites.items()], "fox")[1]


def settings(size: int, share: float, cap: int | None = None) -> Any:
    return params(max_results=size, session={"named": share}, diversify={"max_per_site": cap})


def names(seats: list[Seat], held: Evidence, other: Evidence) -> list[str]:
    return [(other if seat.guest else held).ids[seat.row] for seat in seats]


def test_the_share_is_rounded_and_never_takes_the_first_place() -> None:
    """A fifth of five is one; of three, one; of two, none; half of one, none."""
    assert [places_of(settings(size, 0.2)) for size in (1, 2, 3, 5, 7, 8, 10)] == [0, 0, 1, 1, 1, 2, 2]
    assert places_of(settings(1, 0.5)) == 0
    assert places_of(settings(10, 0.0)) == 0


def test_the_best_named_come_last_in_their_order_and_kept_rows_stay() -> None:
    """e is pinned to the last place: d and c leave instead."""
    held = evidence(dict.fromkeys("abcde", "x.org"))
    other = evidence(dict.fromkeys("pq", "x.org"))
    seats = seated([0, 1, 2, 3, 4], frozenset({4}), held, [1, 0], other, settings(5, 0.4))
    assert names(seats, held, other) == ["a", "b", "q", "p", "e"]


def test_a_named_page_that_was_recalled_keeps_its_own_row() -> None:
    """It is told from a guest: its account is that of the search."""
    held = evidence(dict.fromkeys("abcdef", "x.org"))
    other = evidence(dict.fromkeys("fz", "x.org"))
    seats = seated([0, 1, 2, 3, 4], frozenset(), held, [0], other, settings(5, 0.2))
    assert seats[-1] == Seat(5, guest=False, named=True)


def test_who_is_on_the_page_is_not_named_twice() -> None:
    """b stands there already."""
    held = evidence(dict.fromkeys("abcde", "x.org"))
    other = evidence(dict.fromkeys("b", "x.org"))
    assert seated([0, 1, 2, 3, 4], frozenset(), held, [0], other, settings(5, 0.4)) == [Seat(row) for row in range(5)]


def test_the_stateless_best_stays_wherever_the_session_has_put_it() -> None:
    """The goal of the session takes a from the first place to the last, with nobody's help: d leaves. Once a was shown
    it may leave itself, as a stub."""
    held = [Page(name, cosine=0.8 - 0.001 * place, ranks={"sem": 1}) for place, name in enumerate("abcde")]
    other = build([Page("p", cosine=0.9)], "fox")
    plan, evidence = build(held, "fox")
    asked = params(max_results=5, session={"named": 0.2}, weights={"*": 0, "dense": 1})
    goal = (Influence("goal", 0.3, dict.fromkeys("bcde", 1.0)),)

    def page(*shown: Page) -> tuple[list[str], list[str]]:
        state = session_of(seen(Page("z")), *(seen(one) for one in shown), influences=goal)
        named = order(*other, asked, state, NOW)
        ranking = page_of(order(plan, evidence, asked, state, NOW), named=named)
        return [one.id for one in ranking.page], [stub.id for stub in ranking.stubs]

    assert page() == (["b", "c", "d", "p", "a"], [])
    assert page(held[0]) == (["b", "c", "d", "e", "p"], ["a"])


def test_without_filling_named_pages_take_the_empty_places_and_are_held_to_the_stateless_page() -> None:
    """Of a, b, c the reader was shown b and c. Half of the way from the last candidate (0.6) to c (0.8) is 0.7: q has
    it and p lacks it, though a page that ended with a (1.0) would ask for 0.8."""
    held = [
        Page(one, cosine=cosine, ranks={"sem": 1}) for one, cosine in zip("abcde", (1, 0.8, 0.6, 0.4, 0.2), strict=True)
    ]
    other = build([Page("p", cosine=0.3), Page("q", cosine=0.45)], "fox")
    plan, evidence = build(held, "fox")
    asked = params(max_results=3, session={"named": 0.4, "fill": False, "seen": "drop"}, weights={"*": 0, "dense": 1})
    state = session_of(seen(Page("z")), seen(held[1]), seen(held[2]))
    named = order(*other, asked, state, NOW)
    ranking = page_of(order(plan, evidence, asked, state, NOW), named=named)
    assert [one.id for one in ranking.page] == ["a", "q"]
    assert [stub.id for stub in ranking.stubs] == ["b", "c"]


def test_a_named_page_must_have_something_of_the_query() -> None:
    """Half of the way from the last candidate (cosine 0) to the last on the page (0.6) is 0.3: q has it and p lacks it."""
    held = [
        Page(name, cosine=cosine, ranks={"sem": 1})
        for name, cosine in zip("abcdz", (0.9, 0.8, 0.7, 0.6, 0.0), strict=True)
    ]
    plan, evidence = build(held, "fox")
    asked = params(max_results=4, session={"named": 0.25}, weights={"*": 0, "dense": 1})
    state = session_of(seen(Page("y")))

    def page(**cosines: float) -> list[str]:
        named = order(*build([Page(name, cosine=cosine) for name, cosine in cosines.items()], "fox"), asked, state, NOW)
        return [one.id for one in page_of(order(plan, evidence, asked, state, NOW), named=named).page]

    assert page(p=0.29) == ["a", "b", "c", "d"]
    assert page(p=0.29, q=0.31) == ["a", "b", "c", "q"]


SITES = st.sampled_from(["x.org", "y.org", "z.org"])


@given(
    here=st.lists(SITES, min_size=1, max_size=8),
    there=st.lists(SITES, max_size=6),
    size=st.integers(1, 8),
    share=st.floats(0, 0.5),
    cap=st.one_of(st.none(), st.integers(1, 3)),
    pinned=st.sets(st.integers(0, 7)),
)
def test_laws(here: list[str], there: list[str], size: int, share: float, cap: int | None, pinned: set[int]) -> None:
    """At most the share is named; nobody twice; who was kept, and the first, stay; a page gets no shorter, and no site
    more than its cap or than it had."""
    held = evidence({f"h{number}": site for number, site in enumerate(here)})
    other = evidence({f"n{number}": site for number, site in enumerate(there)}) if there else evidence({"n": "x.org"})
    chosen = settings(size, share, cap)
    shown = list(range(min(size, len(here))))
    kept = frozenset(row for row in pinned if row in shown)
    guests = list(range(len(there)))
    seats = seated(shown, kept, held, guests, other, chosen)
    found = names(seats, held, other)
    assert len(set(found)) == len(found) <= size
    assert len(found) >= len(shown)
    assert sum(seat.named for seat in seats) <= places_of(chosen)
    assert found[0] == "h0"
    assert all(f"h{row}" in found for row in kept)
    left = [name for name in found if name.startswith("h")]
    assert left == sorted(left)
    if cap is not None:
        before = Counter(here[row] for row in shown)
        after = Counter(
            there[int(name[1:])] if name.startswith("n") and there else here[int(name[1:])] for name in found
        )
        assert all(count <= max(cap, before[site]) for site, count in after.items())
