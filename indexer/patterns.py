"""RE2 lives here only: given a pattern and text in lines, returns the lines or runs of lines that fit it.

Time is linear in the text whatever the pattern (Thompson 1968; Cox 2007), and memory is bounded. Not for other regular
expressions of ours, which are constants.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import re2

from ranking.errors import ParamsError
from ranking.shown import shown

MEMORY: Final = 4_000_000
"""Bytes for the program and the states of one pattern; when the states take more, RE2 goes on without keeping them."""

MAX_PROGRAM: Final = 1_000
"""Instructions of a caller's pattern: without its states, RE2 looks at so many for each byte."""

_ESCAPES: Final = re.compile(r"\\(.)", re.DOTALL)
_NOT_OF_WORDS: Final = {"A": "the beginning of the text", "z": "the end of the text", "C": "a single byte"}


def runs(line: str, text: bytes) -> Iterator[tuple[int, int]]:
    """(begin, end) of each longest run of lines of `text` that fit `line`, a pattern of ours that ends with the end of
    the line."""
    for hit in _compiled(f"(?m)^(?:{line})+").finditer(text):
        yield hit.span()


def words(pattern: str, text: bytes) -> Iterator[tuple[int, int]]:
    """(begin, end) of each line of `text` that is wholly what a caller's pattern says.

    Raises ParamsError for what is no pattern of RE2, means no words, or is too large.
    """
    for hit in _callers(pattern).finditer(text):
        yield hit.span()


def literal(text: str) -> str:
    """The pattern of just this text."""
    return str(re2.escape(text))


def _callers(pattern: str) -> Any:
    for escaped in _ESCAPES.findall(pattern):
        if escaped in _NOT_OF_WORDS:
            raise ParamsError(
                f"\\{escaped} in {shown(pattern)} is {_NOT_OF_WORDS[escaped]}",
                hint="a pattern is of one whole word: leave it out",
            )
    try:
        _compiled(pattern, never_newline=True)  # alone, for within brackets `a)|(b` would be one
        compiled = _compiled(f"(?m)^(?:{pattern})$", never_newline=True)
    except (re2.error, UnicodeEncodeError) as error:
        raise ParamsError(
            f"{shown(pattern)} is no RE2 pattern: {_reason(error)}",
            hint="https://github.com/google/re2/wiki/Syntax says what one is",
        ) from None
    if compiled.programsize > MAX_PROGRAM:
        raise ParamsError(
            f"{shown(pattern)} makes {compiled.programsize:,} steps, at most {MAX_PROGRAM:,} are allowed",
            hint="repeat less: {1,20} and not {1,1000}",
        )
    return compiled


def _compiled(pattern: str, never_newline: bool = False) -> Any:
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    options.never_capture = True
    options.never_nl = never_newline
    try:
        return re2.compile(pattern.encode(), options)
    finally:
        re2.purge()  # it would keep 128 patterns with all their states


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else "it is no text"
