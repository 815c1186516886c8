"""The nearest name: given a wrong name and the right ones, returns those that were most likely meant.

Not for large vocabularies: it compares with each.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

_SIMILAR: Final = 0.6
"""difflib ratio: one typing error in a short name, two or three in a long one."""
_SHORT: Final = 0.65
"""The same for names of up to 3 letters: two of three must be there, in order."""
_LONGEST: Final = 256
"""Characters: a longer name means none of ours, and comparing costs the product of two lengths."""
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-_. ]+")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` most likely means, or None when none is like it."""
    found = near(name, names, 1)
    return found[0] if found else None


def near(name: str, names: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Up to `limit` of `names`, most alike first. Case, hyphens and camelCase do not count."""
    if len(name) > _LONGEST:
        return ()
    wrong = plain_name(name)
    known: dict[str, str] = {}
    for candidate in names:
        if len(candidate) <= _LONGEST:
            known.setdefault(plain_name(candidate), candidate)
    cutoff = _SIMILAR if len(wrong) > 3 else _SHORT
    return (
        tuple(known[match] for match in difflib.get_close_matches(wrong, list(known), limit, cutoff)) if known else ()
    )


def plain_name(name: str) -> str:
    """Its words in lower case: `maxResults`, `max-results` and `max_results` are one name."""
    return " ".join(_WORD_BREAK.sub(" ", name).lower().split())
