"""What a sender wrote, in our messages: given a value or a text, returns so much of it as a person wants to read.

A message never costs more than a line, whatever was sent. Not for answers, which repeat what they mean exactly.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, Final

SHOWN_CHARACTERS: Final = 80
"""Of a value in a message: enough to recognise it."""

_REPR: Final = reprlib.Repr()
_REPR.maxlevel = 3
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = 4
_REPR.maxstring = _REPR.maxother = SHOWN_CHARACTERS


def shown(value: Any, limit: int = SHOWN_CHARACTERS) -> str:
    """The value as Python writes it, at most `limit` characters and an ellipsis."""
    return cut(repr(value[: limit + 1]) if isinstance(value, str | bytes) else _REPR.repr(value), limit)


def cut(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """At most `limit` characters, and an ellipsis where there were more."""
    return text if len(text) <= limit else f"{text[:limit]}..."


def several(texts: Sequence[str], most: int) -> str:
    """The first `most` of them in a row, and how many more there are."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")
