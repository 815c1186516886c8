"""Dates as people and pages write them: given text in one of four forms, returns the span of time it names.

YYYY, YYYY-MM, YYYY-MM-DD or RFC 3339, years 0001 to 9999. A span is half-open epoch seconds UTC, so that
`after:2020` means at or after its start and `before:2020` means earlier than its start. Not for guessing:
"last May" and 01/02/2020 are refused, because two readers would read them differently.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Final

from ranking.errors import ParamsError
from ranking.shown import shown

FORMS: Final = "YYYY, YYYY-MM, YYYY-MM-DD or RFC 3339 (2024-05-01T12:00:00Z)"
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_INSTANT: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 86_400
_FINEST: Final = 6
"""Decimal places of a second that survive in a float of epoch seconds."""


@dataclass(frozen=True, slots=True)
class Span:
    """[start, end) in epoch seconds, UTC. Negative before 1970."""

    start: float
    end: float


def parse_date(text: str) -> Span:
    """The span that `text` names: a year, a month, a day, a second or the decimals of a second that it writes.

    A date without an offset is a UTC date; a leap second counts as the next second, as POSIX does. Raises
    ParamsError, which names the four forms, for another form and for a day that no calendar has.
    """
    written = text.strip()
    if match := _DATE.fullmatch(written):
        return _calendar_span(written, *match.groups())
    if match := _INSTANT.fullmatch(written):
        return _instant_span(written, match)
    raise _refused(written, "is not a date")


def _calendar_span(written: str, year: str, month: str | None, day: str | None) -> Span:
    first = _day(written, int(year), int(month or 1), int(day or 1))
    if day:
        last = first
    elif month:
        last = first.replace(day=monthrange(first.year, first.month)[1])
    else:
        last = first.replace(month=12, day=31)
    return Span(_seconds(first), _seconds(last) + _DAY)


def _instant_span(written: str, match: re.Match[str]) -> Span:
    day = _day(written, int(match[1]), int(match[2]), int(match[3]))
    hour, minute, second = int(match[4]), int(match[5]), int(match[6])
    if hour > 23 or minute > 59 or second > 60:
        raise _refused(written, "names a time that no clock shows")
    decimals = (match[7] or "")[:_FINEST]
    fraction = int(decimals) / 10 ** len(decimals) if decimals else 0.0
    start = _seconds(day) + hour * 3_600 + minute * 60 + second - _offset(written, match[8]) + fraction
    return Span(start, start + 10.0 ** -len(decimals))


def _offset(written: str, zone: str) -> int:
    """Seconds east of UTC."""
    if zone in "Zz":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise _refused(written, "has an offset that no clock keeps")
    return (-1 if zone[0] == "-" else 1) * (hours * 3_600 + minutes * 60)


def _day(written: str, year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _refused(written, "names a day that no calendar has") from None


def _seconds(day: date) -> float:
    return float((day.toordinal() - _EPOCH) * _DAY)


def _refused(written: str, why: str) -> ParamsError:
    return ParamsError(f"{shown(written)} {why}: a date is {FORMS}", hint=f"write {FORMS}")
