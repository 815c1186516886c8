"""Paired tests against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.compare import compare, holm, randomisation_p, read_per_query
from eval.errors import RunError


def test_holm_is_the_textbook_example() -> None:
    """Ranks .01, .03, .04 are multiplied by 3, 2, 1 and made monotone."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_equal_runs_differ_by_chance_alone() -> None:
    """No difference at all gives p = 1."""
    values = np.array([0.1, 0.5, 0.9])
    assert randomisation_p(values, values.copy()) == 1.0


def test_exact_p_of_a_small_sample() -> None:
    """Four pairs that all rise by the same step: 2 of 16 sign patterns are as extreme, p = 0.125."""
    a = np.zeros(4)
    assert randomisation_p(a, a + 0.3) == pytest.approx(0.125, abs=0.02)


def test_a_clear_gain_is_significant_and_signed() -> None:
    """B better on 40 of 40 topics is a win with the sign of B - A."""
    a = {"nDCG@10": {str(n): 0.2 for n in range(40)}}
    b = {"nDCG@10": {str(n): 0.2 + n / 100 + 0.01 for n in range(40)}}
    (row,) = compare(a, b)
    assert row.significant
    assert row.difference == pytest.approx(0.205)
    assert (row.wins, row.losses) == (40, 0)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_swapping_the_runs_keeps_p(values: list[float]) -> None:
    """The test is two-sided and symmetric."""
    a = np.array(values)
    b = a[::-1].copy()
    assert randomisation_p(a, b) == randomisation_p(b, a)


def test_runs_on_different_topics_are_refused() -> None:
    """The message names a topic that only one run has."""
    with pytest.raises(RunError, match="q2"):
        compare({"P@5": {"q1": 0.0}}, {"P@5": {"q1": 0.0, "q2": 1.0}})


def test_a_folder_without_results_is_refused(tmp_path: object) -> None:
    """The hint says how to make one."""
    with pytest.raises(RunError) as caught:
        read_per_query(tmp_path)  # type: ignore[arg-type]
    assert "forage eval run" in str(caught.value.hint)
