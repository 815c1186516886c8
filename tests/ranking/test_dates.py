"""Dates: four forms, half-open spans in UTC, and nothing guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.dates import Span, parse_date
from ranking.errors import ParamsError


def epoch(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2020", epoch(2020, 1, 1), epoch(2021, 1, 1)),
        ("2020-02", epoch(2020, 2, 1), epoch(2020, 3, 1)),
        ("2020-12", epoch(2020, 12, 1), epoch(2021, 1, 1)),
        ("2024-02-29", epoch(2024, 2, 29), epoch(2024, 3, 1)),
        (" 2020 ", epoch(2020, 1, 1), epoch(2021, 1, 1)),
        ("1969-12-31", epoch(1969, 12, 31), 0.0),
        ("2024-05-01T12:00:00Z", epoch(2024, 5, 1, 12), epoch(2024, 5, 1, 12, 0, 1)),
        ("2024-05-01t12:00:00z", epoch(2024, 5, 1, 12), epoch(2024, 5, 1, 12, 0, 1)),
        ("2024-05-01 12:00:00+05:30", epoch(2024, 5, 1, 6, 30), epoch(2024, 5, 1, 6, 30, 1)),
        ("2024-05-01T12:00:00-23:59", epoch(2024, 5, 2, 11, 59), epoch(2024, 5, 2, 11, 59, 1)),
        ("2016-12-31T23:59:60Z", epoch(2017, 1, 1), epoch(2017, 1, 1, 0, 0, 1)),
    ],
)
def test_span_of_each_form(text: str, start: float, end: float) -> None:
    """A year, a month, a day and an instant each name a half-open span of UTC."""
    assert parse_date(text) == Span(start, end)


def test_first_and_last_year_are_read() -> None:
    """0001 and 9999 have spans, also where an offset leaves the calendar."""
    assert parse_date("0001").start == epoch(1, 1, 1)
    assert parse_date("9999").end == epoch(9999, 12, 31) + 86_400
    assert parse_date("9999-12-31").end == parse_date("9999").end
    assert parse_date("0001-01-01T00:00:00+14:00").start == epoch(1, 1, 1) - 14 * 3_600


def test_fraction_names_its_own_precision() -> None:
    """Half a second is a tenth of a second long; digits beyond microseconds are cut."""
    assert parse_date("2020-01-01T00:00:00.5Z") == Span(epoch(2020, 1, 1) + 0.5, epoch(2020, 1, 1) + 0.6)
    assert parse_date("2020-01-01T00:00:00.123456789Z").start == pytest.approx(epoch(2020, 1, 1) + 0.123456)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "20", "202", "02020", "2020-1", "2020-13", "2020-00", "2023-02-29", "2020-04-31", "0000", "10000",
        "01/02/2020", "2020/01/02", "May 2020", "yesterday", "-2020", "2020-01-01T00:00:00", "2020-01-01T24:00:00Z",
        "2020-01-01T00:60:00Z", "2020-01-01T00:00:61Z", "2020-01-01T00:00:00+24:00", "2020-01-01T00:00:00+0100",
        "2020-01-01T00:00Z", "٢٠٢٠", "２０２０", "2020\n2021", "2020-01-01T00:00:00.Z",
    ],
)  # fmt: skip
def test_other_forms_are_refused_with_the_four_forms(text: str) -> None:
    """The error says what was given and names every form that works."""
    with pytest.raises(ParamsError) as refused:
        parse_date(text)
    for form in ("YYYY", "YYYY-MM", "YYYY-MM-DD", "RFC 3339"):
        assert form in refused.value.message


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-1_439, 1_439))
def test_rfc_3339_agrees_with_the_standard_library(when: datetime, offset: int) -> None:
    """Any instant in any offset starts where datetime says it does."""
    when = when.replace(microsecond=0)
    sign, minutes = ("-" if offset < 0 else "+"), abs(offset)
    text = f"{when.isoformat()}{sign}{minutes // 60:02}:{minutes % 60:02}"
    expected = (when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) - timedelta(minutes=offset)
    assert parse_date(text).start == expected.total_seconds()


@given(st.dates())
def test_days_tile_their_month_and_months_their_year(day: object) -> None:
    """A day lies in its month and its month in its year."""
    text = str(day)
    inner, middle, outer = parse_date(text), parse_date(text[:7]), parse_date(text[:4])
    assert outer.start <= middle.start <= inner.start < inner.end <= middle.end <= outer.end
