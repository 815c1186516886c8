"""What a sender wrote, in our messages: recognisable, and never longer than a line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.shown import cut, several, shown

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("short", "'short'"),
        (5, "5"),
        (None, "None"),
        ({"a": [1, 2]}, "{'a': [1, 2]}"),
        ("x" * 200, "'" + "x" * 79 + "..."),
        ([1] * 200, "[1, 1, 1, 1, ...]"),
    ],
)
def test_a_value_is_shown_as_python_writes_it(value: Any, text: str) -> None:
    """As far as a line goes."""
    assert shown(value) == text


@given(VALUES, st.integers(1, 200))
def test_what_is_shown_is_bounded(value: Any, limit: int) -> None:
    """Whatever it is, and whatever in it cannot be printed."""
    assert len(shown(value, limit)) <= limit + 3
    assert shown(value, limit).isprintable()


@given(st.text(), st.integers(1, 20))
def test_a_text_is_cut_only_when_it_is_longer(text: str, limit: int) -> None:
    """And the ellipsis says so."""
    found = cut(text, limit)
    assert found == text if len(text) <= limit else found == text[:limit] + "..."


def test_of_several_the_first_are_named_and_the_others_counted() -> None:
    """None is counted where all are named."""
    assert several([], 2) == ""
    assert several(["a", "b"], 2) == "a, b"
    assert several([*"abc"], 2) == "a, b and 1 more"
    assert several(["a"] * 2_000, 1) == "a and 1,999 more"
