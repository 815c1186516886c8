"""Names of pages in texts, by hand."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.constants import NAME_TOKENS
from ranking.names import name_of, names_by_row, says_enough, standing


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Apollo 11", "apollo 11"),
        ("  Zürich\n", "zurich"),
        ("Mercury (planet)", "mercury"),
        ("Mercury (planet) (disambiguation) ", "mercury"),
        ("Mercury (planet (of two))", "mercury"),
        ("Mercury\uff08planet\uff09", "mercury"),
        ("(500) Days of Summer", "500 days of summer"),
        ("f(x) and g", "f x and g"),
        ("(Untitled)", ""),
        ("", ""),
        (" | Home", ""),
        ("Smile :)", "smile"),
        ("Unclosed (bracket", "unclosed bracket"),
        ("(a))", "a"),
        ("Events | Python", "events"),
        ("Events | Python | Docs", "events"),
        ("Events - Python", "events"),
        ("Events \u2013 Python", "events"),
        ("Events \u2014 Python", "events"),
        ("Events \u00b7 Python", "events"),
        ("Events :: Python", "events"),
        ("Events\u00a0| Python", "events"),
        ("Event-loop|tasks", "event loop tasks"),
        ("asyncio: events", "asyncio events"),
        ("Events (3.12) | Python (docs)", "events"),
        ("Events (a - b)", "events"),
        ("Events - Python | Docs", "events"),
        ("東京タワー", "東京 京タ タワ ワー"),
        ("one two three four five six seven eight nine ten eleven twelve", "one two three four five six seven eight nine ten eleven twelve"),
        ("one two three four five six seven eight nine ten eleven twelve thirteen", ""),
    ],
)  # fmt: skip
def test_a_title_names_its_page_by_what_texts_write(title: str, name: str) -> None:
    """Without the site, without what tells namesakes apart, never a sentence."""
    assert name_of(title) == tuple(name.split())


@pytest.mark.parametrize(
    "title", ["()" * 500_000, "(" * 1_000_000, ")" * 1_000_000, "a" + "()" * 500_000 + ")", " - " * 300_000]
)
def test_a_hostile_title_costs_what_its_length_does(title: str) -> None:
    """A million brackets in two seconds, where a quadratic walk would take hours."""
    began = time.process_time()
    assert len(name_of(title)) <= NAME_TOKENS
    assert time.process_time() - began < 2


def test_names_stand_with_their_tokens_in_a_row() -> None:
    """Longer and shorter ones that begin alike, at the end too; neither out of order nor cut off."""
    names = names_by_row(
        [("apollo",), ("apollo", "11"), ("apollo", "11", "crew"), (), ("11", "apollo"), ("crew",), ("apollo", "crew")]
    )
    assert standing(names, "apollo 11 had a crew".split()) == {("apollo",), ("apollo", "11"), ("crew",)}
    assert standing(names, "11 apollo 11".split()) == {("11", "apollo"), ("apollo",), ("apollo", "11")}
    assert standing(names, []) == standing(names, ["had"]) == set()


def test_pages_of_one_name_are_all_known() -> None:
    """By row, ascending; rows without a name count."""
    names = names_by_row([("b",), (), ("a", "b"), ("b",)])
    assert dict(names.rows) == {("b",): (0, 3), ("a", "b"): (2,)}


def test_a_title_that_all_pages_share_costs_what_they_do() -> None:
    """200,000 pages of one forum in two seconds, where copying the rows known so far took minutes."""
    began = time.process_time()
    names = names_by_row(("weekly", "harbour", "report") for _ in range(200_000))
    assert names.rows["weekly", "harbour", "report"] == tuple(range(200_000))
    assert time.process_time() - began < 2


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4).map(tuple), max_size=8), st.lists(st.sampled_from("abc")))
def test_a_walk_over_all_names_finds_the_same(names: list[tuple[str, ...]], tokens: list[str]) -> None:
    """Each name is looked for as a word among words."""
    text = f" {' '.join(tokens)} "
    wanted = {name for name in names if name and f" {' '.join(name)} " in text}
    assert standing(names_by_row(names), tokens) == wanted


def test_a_name_must_say_half_of_what_singles_out_a_document() -> None:
    """100 documents: ln(100)/2 is 2.303. A word of 9 has ln(1 + 91.5/9.5) = 2.365, one of 10 ln(1 + 90.5/10.5) = 2.264;
    two words of 60, ln(1 + 40.5/60.5) = 0.512 each, say too little, and one word said five times says it once."""
    df = {"nine": 9, "ten": 10, "sixty": 60, "also": 60, "nowhere": 0}.__getitem__
    assert says_enough(("nine",), 100, df)
    assert not says_enough(("ten",), 100, df)
    assert says_enough(("ten", "sixty"), 100, df)
    assert not says_enough(("sixty", "also"), 100, df)
    assert not says_enough(("sixty",) * 5, 100, df)
    assert says_enough(("nowhere",), 100, df)
    assert not says_enough((), 1, df)
    assert not says_enough(("nowhere",), 0, df)


def test_a_name_that_says_just_enough_counts() -> None:
    """Of 4 documents, a word of 2 has ln(1 + 2.5/2.5) = ln 2, which is ln(4)/2."""
    assert math.log1p(2.5 / 2.5) == 0.5 * math.log(4)
    assert says_enough(("two",), 4, {"two": 2}.__getitem__)
    assert not says_enough(("three",), 4, {"three": 3}.__getitem__)
