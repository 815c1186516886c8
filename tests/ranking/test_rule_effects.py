"""Rules: what happens to scores and places, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ranking.constants import MAX_PIN_PLACE, MAX_RULED_SCORE
from ranking.rules import compile_rules, effects, with_pins
from tests.ranking.rule_pages import Page, applied, compiled

# ---------------------------------------------------------------- what happens to scores

PAGES = [
    Page("https://a.org/x", "first page"),
    Page("https://b.org/x", "second page"),
    Page("https://a.org/y", "third thing", language="de"),
]


def test_boost_and_bury_multiply_and_divide_in_order() -> None:
    """a.org x 4, then pages / 2: 0.5 -> 2 -> 1; each rule has its entry, and they sum."""
    done = applied(
        PAGES,
        [0.5, 0.8, 0.1],
        {"match": {"site": "a.org"}, "do": "boost", "by": 4},
        {"match": {"title": "page"}, "do": "bury"},
        {"match": {"site": "nowhere.org"}, "do": "bury"},
    )
    assert done.scores == pytest.approx([1.0, 0.4, 0.4])
    assert {name: change.tolist() for name, change in done.contributions.items()} == {
        "rule:0": pytest.approx([1.5, 0.0, 0.3]),
        "rule:1": pytest.approx([-1.0, -0.4, 0.0]),
    }
    assert done.notes == {
        0: ["rule:0 boost x4 site=a.org", "rule:1 bury /2 title=page"],
        1: ["rule:1 bury /2 title=page"],
        2: ["rule:0 boost x4 site=a.org"],
    }
    assert done.pins == ()


def test_below_0_a_boost_still_lifts() -> None:
    """-0.6 boosted by 2 is -0.3, buried by 2 is -1.2; 0 stays."""
    pages = [PAGES[0], PAGES[1], Page("https://a.org/z")]
    done = applied(
        pages,
        [-0.6, -0.6, 0.0],
        {"match": {"site": "a.org"}, "do": "boost"},
        {"match": {"site": "b.org"}, "do": "bury"},
    )
    assert done.scores == pytest.approx([-0.3, -1.2, 0.0])


def test_a_thousand_factors_stay_finite() -> None:
    """1,000 boosts by 1,000 are no infinity, and nothing is not-a-number on the way back."""
    up = [{"match": {"site": "a.org"}, "do": "boost", "by": 1_000}] * 500
    down = [{"match": {"site": "b.org"}, "do": "bury", "by": 1_000}] * 500
    done = applied(PAGES, [1.0, -1.0, 1e200], *up, *down)
    assert done.scores[0] == pytest.approx(MAX_RULED_SCORE)
    assert done.scores[1] == pytest.approx(-MAX_RULED_SCORE)
    assert done.scores[2] == 1e200
    assert all(np.isfinite(change).all() for change in done.contributions.values())


def test_of_a_group_the_strongest_alone_acts() -> None:
    """Boost before bury, the greater boost and the lesser bury first, however the rules stand; other rules go on."""
    group = {"group": "g"}
    done = applied(
        [*PAGES, Page("https://c.org/x", "page")],
        [1.0, 1.0, 1.0, 1.0],
        {"match": {"title": "page"}, "do": "bury", "by": 8, **group},
        {"match": {"site": "a.org"}, "do": "boost", "by": 2, **group},
        {"match": {"site": "b.org"}, "do": "bury", "by": 4, **group},
        {"match": {"title": "first"}, "do": "boost", "by": 3, **group},
        {"match": {"site": "a.org"}, "do": "boost", "by": 10},
    )
    assert done.scores == pytest.approx([30.0, 0.25, 20.0, 0.125])
    assert list(done.contributions) == ["rule:0", "rule:1", "rule:2", "rule:3", "rule:4"]


def test_a_factor_of_1_in_a_group_shields_from_weaker_rules() -> None:
    """It changes no score and says so."""
    text = "$boost=1,site=a.org\n$downrank=4,site=org"
    done = applied(PAGES, [1.0, 1.0, 1.0], text)
    assert done.scores == pytest.approx([1.0, 0.25, 1.0])
    assert list(done.contributions) == ["rule:1"]
    assert done.notes[0] == ["rule:0 boost x1 site=a.org"]


def test_notes_are_short() -> None:
    """Of many values the first, and how many others."""
    done = applied(
        PAGES,
        [1.0, 1.0, 1.0],
        {"match": {"site": ["a.org", "b.org", "c.org"], "path": "/x"}, "do": "boost"},
        {"match": [{"title": "third"}, {"metadata": {"a": 1}}], "do": "bury", "by": 1.25},
        {"match": {"url": ["https://a.org/y", "*" + "y" * 99]}, "do": "pin", "at": 3},
    )
    assert done.notes == {
        0: ["rule:0 boost x2 site=a.org (or 2 more) path=/x"],
        1: ["rule:0 boost x2 site=a.org (or 2 more) path=/x"],
        2: ["rule:1 bury /1.25 title=third, or 1 more", "rule:2 pin at 3 url=https://a.org/y (or 1 more)"],
    }
    cut = compiled({"match": {"metadata": {"{name}": "x" * 99}}, "do": "pin"}).pins[0].note
    assert cut == 'rule:0 pin at 1 metadata={"{name}":"' + "x" * 48 + "…"


# ---------------------------------------------------------------- what happens to places


def test_pins_take_pages_by_score_to_the_next_free_places() -> None:
    """The first rule has the first word; a page is pinned once; scores are those that boosts left."""
    done = applied(
        PAGES,
        [0.5, 0.9, 0.4],
        {"match": {"site": "a.org"}, "do": "pin", "at": 2},
        {"match": {"language": "en"}, "do": "pin", "at": 2},
        {"match": {"title": "thing"}, "do": "boost"},
    )
    assert done.pins == ((2, 2), (0, 3), (1, 4))
    assert done.notes[1] == ["rule:1 pin at 2 language=en"]


def test_pins_of_equal_score_go_by_id() -> None:
    """Whatever the order of candidates."""
    one = compiled({"match": {"site": "org"}, "do": "pin"})
    matches = np.ones((1, 3), np.bool_)
    scores = np.array([0.5, 0.5, 0.5])
    assert effects(one, matches, scores, ("c", "a", "b")).pins == ((1, 1), (2, 2), (0, 3))
    assert effects(one, matches, scores).pins == ((0, 1), (1, 2), (2, 3))


def test_no_pin_is_below_the_longest_page() -> None:
    """A pin that fits everything pins what can be shown."""
    one = compiled({"match": {"site": "org"}, "do": "pin", "at": 99}, {"match": {"site": "org"}, "do": "pin", "at": 99})
    done = effects(one, np.ones((1, 5), np.bool_), np.zeros(5))
    assert done.pins == ((0, 99), (1, MAX_PIN_PLACE))
    assert set(done.notes) == {0, 1}


@pytest.mark.parametrize(
    ("order", "pins", "expected"),
    [
        ([0, 1, 2, 3], [(3, 1)], [3, 0, 1, 2]),
        ([0, 1, 2, 3], [(0, 3)], [1, 2, 0, 3]),
        ([0, 1, 2, 3], [(2, 2), (0, 4)], [1, 2, 3, 0]),
        ([0, 1, 2], [(0, 90), (1, 50)], [2, 1, 0]),
        ([0, 1, 2], [(7, 1), (2, 2)], [0, 2, 1]),
        ([], [(0, 1)], []),
    ],
)
def test_pinned_rows_stand_at_their_places(order: list[int], pins: list[tuple[int, int]], expected: list[int]) -> None:
    """Nobody is lost or made up; others keep their order; a place beyond the end is the end."""
    assert with_pins(order, pins) == expected


def test_no_rules_do_nothing() -> None:
    """The identity, also on no candidates at all."""
    done = effects(compile_rules(()), np.zeros((0, 2), np.bool_), np.array([0.25, -1.0]))
    assert (done.scores.tolist(), dict(done.contributions), done.pins, dict(done.notes)) == ([0.25, -1.0], {}, (), {})
    assert (
        applied([], [], {"match": {"site": "a.org"}, "do": "boost"}, {"match": {"site": "a.org"}, "do": "pin"}).pins
        == ()
    )
