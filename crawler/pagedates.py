"""Dates as pages write them: given a string, returns YYYY, YYYY-MM, YYYY-MM-DD or RFC 3339, or None.

A time without an offset says too little: only its day is kept. Not for dates of queries (ranking/dates.py).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

EARLIEST_YEAR: Final = 1900
LATEST_YEAR: Final = 2099
_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia styczeń января",
            "february feb februar février févr fevrier febrero febbraio fevereiro februari lutego luty февраля",
            "march mar märz maerz mrz mars marzo março maart marca marzec марта март",
            "april apr avril avr abril abr aprile kwietnia kwiecień апреля апрель",
            "may mai mayo maggio mag maio mei maja мая май",
            "june jun juni juin junio giugno giu junho czerwca czerwiec июня июнь",
            "july jul juli juillet juil julio luglio lug julho lipca lipiec июля июль",
            "august aug août aout agosto ago augustus sierpnia sierpień августа август",
            "september sep sept septembre septiembre settembre set setembro września wrzesień сентября сентябрь",
            "october oct oktober okt octobre octubre ottobre ott outubro października październik октября октябрь",
            "november nov novembre noviembre novembro listopada listopad ноября ноябрь",
            "december dec dezember dez décembre déc diciembre dic dicembre dezembro grudnia grudzień декабря декабрь",
        ),
        start=1,
    )
    for name in names.split()
}
_ISO: Final = re.compile(
    r"\s*(\d{4})(?:-?(\d{2})(?:-?(\d{2})(?:[T ]+(\d{2}):?(\d{2})(?::?(\d{2})(?:[.,]\d{1,9})?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?)?)?(?!\d)",
    re.IGNORECASE,
)
_NUMERIC: Final = re.compile(r"(?<!\d)(\d{1,2})([./-]) ?(\d{1,2})\2 ?(\d{4})(?!\d)")
_YEAR_FIRST: Final = re.compile(r"(?<!\d)((?:19|20)\d{2})\s?(?:[./年-])\s?(\d{1,2})\s?(?:[./月-])\s?(\d{1,2})(?!\d)")
_NAMED: Final = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|º|ª|\.)?\s+(?:de |d')?([^\W\d_]{3,12})\.?,?\s+(?:de |del )?"
    r"((?:19|20)\d{2})(?!\d)"
    r"|([^\W\d_]{3,12})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+((?:19|20)\d{2})(?!\d)"
)
_URL: Final = re.compile(r"/((?:19|20)\d{2})[/-](0[1-9]|1[0-2])(?:[/-](0[1-9]|[12]\d|3[01]))?(?=[/_-])")


def parse_machine_date(text: str) -> str | None:
    """A date as a machine writes it: ISO 8601 (of any precision) or RFC 1123."""
    match = _ISO.match(text[:64])
    if match:
        year, month, day, hour, minute, second, offset = match.groups()
        date = _date(int(year), int(month) if month else None, int(day) if day else None)
        if date is None or hour is None or offset is None:
            return date
        zone = (
            "+00:00"
            if offset.upper() in ("Z", "UTC", "GMT")
            else offset
            if ":" in offset
            else f"{offset[:3]}:{offset[3:] or '00'}"
        )
        moment = f"{date}T{hour}:{minute}:{second or '00'}{zone}"
        try:
            datetime.fromisoformat(moment)
        except ValueError:
            return date
        return moment.replace("+00:00", "Z")
    if "," in text[:12]:
        try:
            moment_ = parsedate_to_datetime(text[:64])
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        if moment_.tzinfo is None or not EARLIEST_YEAR <= moment_.year <= LATEST_YEAR:
            return None
        try:
            return moment_.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        except OverflowError:
            return None
    return None


def parse_date_text(text: str) -> str | None:
    """The first date in a short text as a person writes it. `1/2/2020` is the second of January only where the
    separator is `/` and the order allows it; where both orders are possible, the day first."""
    text = text[:200]
    found: list[tuple[int, str]] = []
    for match in _YEAR_FIRST.finditer(text):
        if date := _date(int(match[1]), int(match[2]), int(match[3])):
            found.append((match.start(), date))
            break
    for match in _NAMED.finditer(text):
        day, name, year = (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
        month = _MONTHS.get(name.lower())
        if month and (date := _date(int(year), month, int(day))):
            found.append((match.start(), date))
            break
    for match in _NUMERIC.finditer(text):
        first, second = int(match[1]), int(match[3])
        month, day_ = (first, second) if second > 12 else (second, first)
        if date := _date(int(match[4]), month, day_):
            found.append((match.start(), date))
            break
    return min(found)[1] if found else None


def date_in_url(url: str) -> str | None:
    """The date that a path holds (/2015/04/08/ or /2015-04-08-)."""
    match = _URL.search(url)
    return _date(int(match[1]), int(match[2]), int(match[3]) if match[3] else None) if match else None


def _date(year: int, month: int | None, day: int | None) -> str | None:
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    if month is None:
        return f"{year:04d}"
    if not 1 <= month <= 12:
        return None
    if day is None:
        return f"{year:04d}-{month:02d}"
    try:
        return datetime(year, month, day).strftime("%Y-%m-%d")
    except ValueError:
        return None
