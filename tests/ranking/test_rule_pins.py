"""Many pins at once: however many rules pin however many pages, the places are those of one page at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.constants import MAX_PIN_PLACE, MAX_RULES
from ranking.rules import Rule, compile_rules, effects
from ranking.types import Doubles, Mask


def one_at_a_time(places: list[int], matches: Mask, scores: Doubles, ids: list[str]) -> dict[int, int]:
    """The oracle: rule by rule and page by page, the least place that nobody has, from where the rule begins."""
    pinned: dict[int, int] = {}
    for probe, at in enumerate(places):
        for _, _, row in sorted((-scores[row], ids[row], row) for row in range(len(ids)) if matches[probe, row]):
            place = at
            while place in pinned.values():
                place += 1
            if row not in pinned and place <= MAX_PIN_PLACE:
                pinned[row] = place
    return pinned


def pinned_by(places: list[int], matches: Mask, scores: Doubles, ids: list[str]) -> dict[int, int]:
    rules = [
        Rule.model_validate({"match": {"site": f"s{n}.org"}, "do": "pin", "at": at}) for n, at in enumerate(places)
    ]
    return dict(effects(compile_rules(rules), matches, scores, ids).pins)


@given(st.data())
def test_many_pins_place_as_one_at_a_time(data: st.DataObject) -> None:
    """With ties of score, pages that several rules fit, and more pages than places."""
    places = data.draw(st.lists(st.integers(90, MAX_PIN_PLACE) | st.integers(1, MAX_PIN_PLACE), max_size=8))
    size = data.draw(st.integers(0, 30))
    bits = data.draw(st.lists(st.booleans(), min_size=len(places) * size, max_size=len(places) * size))
    matches = np.array(bits, np.bool_).reshape(len(places), size)
    scores = np.array(data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=size, max_size=size)))
    ids = data.draw(st.permutations([f"id-{row:02}" for row in range(size)]))
    assert pinned_by(places, matches, scores, ids) == one_at_a_time(places, matches, scores, ids)


class Read(list[str]):
    """Ids, and how often one of them was read."""

    times = 0

    def __getitem__(self, row: Any) -> Any:
        self.times += 1
        return super().__getitem__(row)


@pytest.mark.parametrize("at", [1, MAX_PIN_PLACE])
def test_rules_after_the_last_place_look_at_no_page(at: int) -> None:
    """As many as can be, each fitting every page: only the first one sorts them."""
    size = 500
    ids = Read(f"id-{row:04}" for row in range(size))
    matches, scores = np.ones((MAX_RULES, size), np.bool_), np.linspace(1.0, 0.0, size)
    assert pinned_by([at] * MAX_RULES, matches, scores, ids) == {row: at + row for row in range(MAX_PIN_PLACE + 1 - at)}
    assert ids.times == size
