"""Signals of time: given a page's dates, now, and the dates that the query names, returns freshness in [0, 1].

A page without the date has no data. Not for reading dates of filters and operators: ranking/dates.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from ranking.constants import (
    FETCH_HALF_LIFE_DAYS,
    FIRST_YEAR,
    FRESHNESS_FIT_SCALE_DAYS,
    LAST_YEAR,
    RECENCY_HALF_LIFE_DAYS,
)
from ranking.dates import Span, parse_date
from ranking.errors import ParamsError
from ranking.signals.chain import QUERY
from ranking.signals.input import SignalInput, Values, known, nothing, within
from ranking.types import Doubles, Plan

SECONDS_PER_DAY: Final = 86_400.0
_YEAR: Final = re.compile(r"\d{4}", re.ASCII)
_FULL_DATE: Final = re.compile(r"(?<![\w-])\d{4}-\d{2}(?:-\d{2})?(?![\w-])", re.ASCII)


def recency(given: SignalInput, half_life_days: float = RECENCY_HALF_LIFE_DAYS) -> Values:
    """2^(-age / half-life), age from the later of published and modified; a date ahead of now counts as now
    (Li and Croft 2003)."""
    return _decayed(given, np.fmax(given.attribute("published"), given.attribute("modified")), half_life_days)


def recency_published(given: SignalInput, half_life_days: float = RECENCY_HALF_LIFE_DAYS) -> Values:
    """The same from the day it was published, whatever was changed since: news, not maintenance."""
    return _decayed(given, given.attribute("published"), half_life_days)


def fresh_fetch(given: SignalInput, half_life_days: float = FETCH_HALF_LIFE_DAYS) -> Values:
    """The same from when our copy was fetched (age of a copy: Cho and Garcia-Molina 2000)."""
    return _decayed(given, given.attribute("fetched"), half_life_days)


def _decayed(given: SignalInput, when: Doubles, half_life_days: float) -> Values:
    age = np.maximum(given.now - when, 0.0) / SECONDS_PER_DAY
    return known(np.exp2(-age / half_life_days))


def dated(given: SignalInput) -> Values:
    """1 where it says when it was published or modified: currency can be judged (Zhu and Gauch 2000)."""
    latest = np.fmax(given.attribute("published"), given.attribute("modified"))
    return (~np.isnan(latest)).astype(np.float64), None


def maintained(given: SignalInput) -> Values:
    """(modified - published) / (now - published): 0 for a page that was never touched again, 1 for one that changed
    just now. Pages that change are the more relevant ones (Elsas and Dumais 2010). Needs both dates."""
    published, modified = given.attribute("published"), given.attribute("modified")
    age = np.maximum(given.now - published, 1.0)  # a page of this second is as fresh as one can be
    return known(within((modified - published) / age))


def freshness_fit(given: SignalInput, scale_days: float = FRESHNESS_FIT_SCALE_DAYS) -> Values:
    """e^(-x^2 / (2 scale^2)), x = days between the time that the query names and the nearer of published and modified;
    0 days within it (Kanhabua and Nørvåg 2010). Of several times the nearest counts. No data where none is named."""
    asked = tuple(named_times(given.plan))
    if not asked:
        return nothing(given.size)
    away = np.full(given.size, np.nan)
    for when in (given.attribute("published"), given.attribute("modified")):
        for span in asked:
            away = np.fmin(away, np.maximum(np.maximum(span.start - when, when - span.end), 0.0))
    return known(np.exp(-((away / SECONDS_PER_DAY / scale_days) ** 2) / 2.0))


def named_times(plan: Plan) -> Iterator[Span]:
    """Years among the query's words, and in their place the days and months that the text names in them, as 2024-05 and
    2024-05-17. What the query excludes and what operators say is no word of it."""
    words = (term.token for term in plan.query.terms if term.source == QUERY)
    years = [word for word in dict.fromkeys(words) if _YEAR.fullmatch(word) and FIRST_YEAR <= int(word) <= LAST_YEAR]
    written = list(dict.fromkeys(_FULL_DATE.findall(plan.query.meaning))) if years else []
    for year in years:
        within_year = [span for text in written if text.startswith(year) for span in _spans(text)]
        yield from within_year or _spans(year)


def _spans(text: str) -> list[Span]:
    """What it names; nothing for a month or day that no calendar has."""
    try:
        return [parse_date(text)]
    except ParamsError:
        return []
