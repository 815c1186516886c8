"""Which URLs a program makes without end: given a canonical URL, says why it is refused or what bounds it.

`refusal` looks at one URL; `patterns` names the families it belongs to, which the frontier counts against
their bounds. Pure. Not for endless bodies (fetch.py) nor endless redirects (settle.py).
"""

from __future__ import annotations

import re
from typing import Final

from crawler.settings import CrawlSettings

_YEAR: Final = r"(?:19|20|21)\d\d"
_DATE_PATH: Final = re.compile(
    rf"(?:/{_YEAR}(?:[/-]\d\d?)?(?:[/-]\d\d?)?|/{_YEAR}-?W\d\d?)(?:\.\w{{2,5}})?/?$", re.IGNORECASE
)
_DATE_WORDS: Final = "date day month year week from to start end cal calendar mini month_year yr mon dt tribe-bar-date"
_DATE_NAMES: Final = frozenset(_DATE_WORDS.split())
_DATE_VALUE: Final = re.compile(rf"{_YEAR}(?:[-/.]?\d\d?){{0,2}}|\d{{1,2}}")
_DIGITS: Final = re.compile(r"\d+")
_LONGEST_CYCLE: Final = 4  # segments of a repeated run: /a/b/c/d/a/b/c/d


def refusal(url: str, settings: CrawlSettings) -> str:
    """Why this URL is not worth a request whatever else is known, or ""."""
    if len(url) > settings.max_url_chars:
        return f"longer than {settings.max_url_chars} characters"
    location, _, query = url.partition("?")
    segments = [segment for segment in location.split("/")[3:] if segment]
    if len(segments) > settings.max_path_segments:
        return f"more than {settings.max_path_segments} path segments"
    if _repeats(segments, settings.max_repeated_segments):
        return "path segments repeat"
    if query.count("&") >= settings.max_query_parameters:
        return f"more than {settings.max_query_parameters} query parameters"
    return ""


def _repeats(segments: list[str], bound: int) -> bool:
    """Whether a run of up to _LONGEST_CYCLE segments comes `bound` times in a row."""
    total = len(segments)
    for length in range(1, _LONGEST_CYCLE + 1):
        needed = length * (bound - 1)
        streak = 0
        for index in range(length, total):
            streak = streak + 1 if segments[index] == segments[index - length] else 0
            # One segment alone repeats in honest paths (/en/en/, /1/1/1): ask for one more.
            if streak >= needed + (1 if length == 1 else 0):
                return True
    return False


def patterns(url: str, settings: CrawlSettings) -> tuple[tuple[str, str, int], ...]:
    """(family, member, bound): at most `bound` distinct members of a family are crawled.

    Query families: the sets of names on one path, and the values of one set of names. Calendar families: URLs
    whose path ends in nothing but a date, or whose parameters are dates.
    """
    location, _, query = url.partition("?")
    if not query:
        if _DATE_PATH.search(location):
            return (("calendar " + _DIGITS.sub("0", location), url, settings.calendar_urls),)
        return ()
    pairs = [piece.partition("=")[::2] for piece in query.split("&")]
    names = "&".join(sorted({name for name, _ in pairs}))
    found = [
        ("shapes " + location, names, settings.query_shapes_per_path),
        (f"values {location}?{names}", url, settings.query_urls_per_shape),
    ]
    if any(name.lower() in _DATE_NAMES and _DATE_VALUE.fullmatch(value) for name, value in pairs):
        found.append((f"calendar {location}?{names}", url, settings.calendar_urls))
    return tuple(found)
