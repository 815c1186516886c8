"""A score expression cut into tokens: given text and a place in it, returns the token that stands there.

Every fault of an expression is made here (`Source.fault`), so that each names its character and its text. Not for
what tokens mean: expression.py reads them one by one, and stops reading at the first fault.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from ranking.errors import ExpressionError

TokenKind = Literal["number", "name", "text", "sign", "end"]

NAME: Final = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
"""Of a signal or function. Dots belong to it, `-` does not: it is minus."""
HYPHENATED: Final = re.compile(r"[^\W\d]\w*(?:[.-]\w+)*")
"""What its writer may have meant to be one name."""
_SPACE: Final = re.compile(r"\s*")
_NUMBER: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_TEXT: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_FOREIGN: Final = re.compile(r"\*\*|//|(?:&&?|\|\|?|!(?!=))\s*|<>|[\^%?−–×·÷≤≥≠]")
_SIGN: Final = re.compile(r"[<>=!]=|[-+*/()<>,=]")

OTHERS: Final[Mapping[str, tuple[str, str | None]]] = MappingProxyType(
    {
        "**": ("write pow(x, y)", None),
        "^": ("write pow(x, y)", None),
        "//": ("write /", "/"),
        "%": ("there is no remainder", None),
        "?": ("write if(condition, then, otherwise)", None),
        "!": ("write not", "not "),
        **dict.fromkeys(("&", "&&"), ("write and", "and ")),
        **dict.fromkeys(("|", "||"), ("write or", "or ")),
        **dict.fromkeys(("−", "–"), ("write the minus of ASCII, -", "-")),
        **dict.fromkeys(("×", "·"), ("write *", "*")),
        "÷": ("write /", "/"),
        "≤": ("write <=", "<="),
        "≥": ("write >=", ">="),
        **dict.fromkeys(("<>", "≠"), ("write !=", "!=")),
    }
)
"""Operators of other languages -> what to write here, and what to put in their place."""

_EXCERPT: Final = 40
"""Characters of the expression that a message repeats."""


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is what stands at [start, end); empty at the end of the expression."""

    kind: TokenKind
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """The text of an expression and the JSON path that it came from."""

    text: str
    path: str

    def token(self, at: int) -> Token:
        """The token at or after `at`; ExpressionError where none can be read."""
        space = _SPACE.match(self.text, at)
        start = space.end() if space else at
        if start >= len(self.text):
            end = len(self.text.rstrip())
            return Token("end", end, end, "")
        if found := _FOREIGN.match(self.text, start):
            hint, instead = OTHERS[found[0].rstrip()]
            if instead and instead[0].isalpha() and start == at > 0:
                instead = f" {instead}"
            raise self.fault(start, found.end(), "no operator of score expressions", hint, instead=instead)
        if found := _NUMBER.match(self.text, start):
            return self._number(Token("number", start, found.end(), found[0]))
        for kind, pattern in _PATTERNS:
            if found := pattern.match(self.text, start):
                return Token(kind, start, found.end(), found[0])
        if self.text[start] in "\"'":
            raise self.fault(
                start, len(self.text), "a quote without its partner", 'only norm takes text: norm(x, "rank")'
            )
        raise self.fault(
            start, start + 1, "no character of score expressions", "numbers, signals, functions, + - * / ( )"
        )

    def _number(self, number: Token) -> Token:
        """It must be finite, and end where no name and no other number begins."""
        usual = "write numbers like 20, 0.5 or 1e3"
        rest = HYPHENATED.match(self.text, number.end)
        if rest and rest[0][0] != "_":
            instead = f"{number.text}*{rest[0]}"
            what = "a number and a name without an operator between them"
            raise self.fault(number.start, rest.end(), what, f"write {shortened(instead)}", instead=instead)
        if rest or self.text.startswith(".", number.end):
            end = rest.end() if rest else number.end + 1
            raise self.fault(number.start, end, "no number of score expressions", usual)
        if not math.isfinite(float(number.text)):
            raise self.fault(number.start, number.end, "the number is too large", "numbers go up to 1.7e308")
        return number

    def fault(
        self,
        start: int,
        end: int,
        what: str,
        hint: str,
        *,
        did_you_mean: str | None = None,
        instead: str | None = None,
    ) -> ExpressionError:
        """What is wrong with text[start:end]; with `instead` in its place the expression would be right."""
        said = repr(shortened(self.text[start:end])) if start < end else "the end"
        return ExpressionError(
            f"at character {start + 1}, {said}: {what}",
            path=self.path,
            hint=hint,
            did_you_mean=did_you_mean,
            corrected_expression=None if instead is None else self.text[:start] + instead + self.text[end:],
        )


_PATTERNS: Final[tuple[tuple[TokenKind, re.Pattern[str]], ...]] = (("name", NAME), ("text", _TEXT), ("sign", _SIGN))


def shortened(text: str) -> str:
    """Its first 40 characters, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"
