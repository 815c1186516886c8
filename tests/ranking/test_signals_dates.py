"""What time a query names, and how pages fit it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ranking.dates import parse_date
from ranking.signals.dates import named_times
from ranking.types import Plan
from tests.ranking.evidence import DAY, NOW, Page, build
from tests.ranking.signal_columns import values


def plan_of(query: str) -> Plan:
    return build([Page("a", "fox")], query)[0]


@pytest.mark.parametrize(
    ("query", "times"),
    [
        ("annual report 2021", ["2021"]),
        ("2019 or 2021", ["2019", "2021"]),
        ("release of 2024-05-17", ["2024-05-17"]),
        ("changes in 2024-05, and in 2019", ["2024-05", "2019"]),
        ("2024-05 and 2024-07-01", ["2024-05", "2024-07-01"]),
        ("the 31st of 2023-02-31", ["2023"]),  # no such day: the year is still there
        ("port 8080, chapter 1812, python 3", []),
        ("v2021 20211", []),
        ("rfc-2021-05-x", ["2021"]),  # no date, but a word of four digits
        ("words only", []),
    ],
)
def test_years_and_dates_are_read_from_the_querys_words(query: str, times: list[str]) -> None:
    """A date in full stands in for its year; a number that is no year of this or the last century is no time."""
    assert list(named_times(plan_of(query))) == [parse_date(time) for time in times]


def test_a_year_that_expansion_added_names_no_time() -> None:
    """Nor does one in the text that is no word of the query, as in -2021."""
    plan = plan_of("report 2021")
    added = replace(plan.query.terms[1], source="feedback")
    assert list(named_times(replace(plan, query=replace(plan.query, terms=(plan.query.terms[0], added))))) == []
    assert list(named_times(replace(plan, query=replace(plan.query, terms=plan.query.terms[:1])))) == []


def test_fit_falls_with_the_days_from_the_nearest_named_time() -> None:
    """On both sides, in days of the scale; two years named are as good as one; a scale of the caller's is kept."""
    start, end = parse_date("2021").start, parse_date("2021").end
    pages = [
        Page("a", attributes={"published": start - 90 * DAY}),
        Page("b", attributes={"published": end + 90 * DAY}),
        Page("c", attributes={"published": start - 900 * DAY, "modified": end + 90 * DAY}),
    ]
    plan, evidence = build(pages, "report 2021")
    assert values("freshness_fit", plan, evidence) == pytest.approx([math.exp(-0.125)] * 3)
    assert values("freshness_fit", plan, evidence, scale_days=90) == pytest.approx([math.exp(-0.5)] * 3)
    both, _ = build(pages, "report 2021 2018")
    assert values("freshness_fit", both, evidence)[2] == 1.0
    unasked, _ = build(pages, "report")
    assert all(math.isnan(value) for value in values("freshness_fit", unasked, evidence))


def test_half_lives_are_the_callers() -> None:
    """`recency(half_life_days=30)`; dates ahead of now count as now."""
    old = {"published": NOW - 30 * DAY, "fetched": NOW - 30 * DAY}
    plan, evidence = build([Page("a", attributes=old), Page("b", attributes={"published": NOW + DAY})], "fox")
    for name in ("recency", "recency.published", "fresh_fetch"):
        assert values(name, plan, evidence, half_life_days=30)[0] == pytest.approx(0.5)
        assert values(name, plan, evidence, half_life_days=15)[0] == pytest.approx(0.25)
    assert values("recency", plan, evidence, half_life_days=0.001)[1] == 1.0
    assert values("recency", plan, evidence, half_life_days=0.001)[0] == 0.0


def test_a_page_of_this_second_is_not_divided_by_its_age() -> None:
    """Nor one of tomorrow."""
    pages = [Page("a", attributes={"published": NOW, "modified": NOW}),
             Page("b", attributes={"published": NOW + DAY, "modified": NOW + 2 * DAY})]  # fmt: skip
    assert values("maintained", *build(pages, "fox")) == [0.0, 1.0]
