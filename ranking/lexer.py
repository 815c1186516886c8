"""Query text cut into lexemes: given text, returns words, phrases, brackets and connectors with their spans.

One pass from left to right, each character looked at a bounded number of times. An operator character is one
only where a person would mean it: at the start of a word, with its partner present. Everything else - code,
URLs, times, emoticons, unbalanced quotes - stays inside words. Not for meaning: query.py reads the lexemes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from ranking.constants import MAX_NESTING, MAX_SLOP
from ranking.operators import PREFIXES

LexemeKind = Literal["run", "word", "phrase", "open", "close", "or", "and", "not", "around", "mark"]

_GAP: Final = r"\s\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
"""White space, control characters and invisible direction marks: none of them is part of a word."""
_QUOTES: Final = '"\u201c\u201d\u201e\u201f\uff02'
_SEPARATORS: Final = re.compile(f"[{_GAP}]+")
_RUN: Final = re.compile(f"[^{_GAP}(){_QUOTES}]+")
_QUOTE: Final = re.compile(f"[{_QUOTES}]")
_SIGNED: Final = re.compile(rf"[-+](?=[^\W_]|[({_QUOTES}])")
_NAMED: Final = re.compile(r"([A-Za-z]{2,20}):")
_TAIL: Final = re.compile(r"(?:~(\d{1,9}))?(?:\^(\d{1,9}(?:\.\d{1,9})?))?", re.ASCII)
_AROUND: Final = re.compile(rf"AROUND\((\d{{1,9}})\)(?=[{_GAP})]|$)", re.ASCII)
_RESERVED: Final = rf"(?:OR|AND|NOT)(?:[{_GAP})]|$)"
_BINARY: Final = rf"(?:OR|AND)(?:[{_GAP})]|$)|AROUND\("
_PLAIN_RUN: Final = re.compile(
    rf"(?>(?:(?!{_RESERVED})[^{_GAP}(){_QUOTES}:*^~+\-][^{_GAP}(){_QUOTES}:*^~]*+[{_GAP}]++(?!{_BINARY}))+)"
)
"""Words that hold no operator character and no operand of a connector: most of every natural question. Atomic, for
`(?:...)++` ends in the middle of a word before Python 3.11.5 (gh-106052)."""
_EYES: Final = re.compile("[:;=][-'^o]?")
_CONNECTORS: Final[dict[str, LexemeKind]] = {"OR": "or", "AND": "and", "NOT": "not"}
_TEXT_BRACKET: Final = -1
"""Stands on the stack for an opening bracket that is part of a word."""


@dataclass(frozen=True, slots=True)
class Lexeme:
    """`text[start:end]` is what it was read from. `sign`: "", "+" or "-". `name`: of name:value, lower case.
    `value`: a word without sign and name, or what stands between quotes. `number`: slop of a phrase or AROUND,
    -1 if not given. `boost`: as written after ^. A mark is a quote or bracket without a partner; a run is plain
    words in a row, which no connector touches."""

    kind: LexemeKind
    start: int
    end: int
    sign: str = ""
    name: str = ""
    value: str = ""
    number: int = -1
    boost: str = ""
    notice: str | None = None


def lex(text: str) -> list[Lexeme]:
    """The lexemes of `text` in order; every "open" has its "close"."""
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lexemes: list[Lexeme] = []
        self.brackets: list[int] = []  # index of an "open" lexeme, or _TEXT_BRACKET
        self.depth = 0

    def run(self) -> list[Lexeme]:
        at, text = 0, self.text
        while True:
            if gap := _SEPARATORS.match(text, at):
                at = gap.end()
            if at >= len(text):
                break
            at = self._next(at)
        for index in self.brackets:
            if index != _TEXT_BRACKET:
                self.lexemes[index] = self._unopened(self.lexemes[index])
        return self.lexemes

    def _next(self, start: int) -> int:
        """Read the lexeme at `start`, which is the beginning of a word; return where it ends."""
        text, at, sign, name = self.text, start, "", ""
        operand = bool(self.lexemes) and self.lexemes[-1].kind in ("or", "and", "not", "around")
        if not self.depth and not operand and (run := _PLAIN_RUN.match(text, at)):
            self.lexemes.append(Lexeme("run", start, run.end(), value=run[0].rstrip()))
            return run.end()
        if text[at] == ")":
            return self._close(at)
        if _SIGNED.match(text, at):
            sign, at = text[at], at + 1
        elif (around := _AROUND.match(text, at)) and int(around[1]) <= MAX_SLOP:
            self.lexemes.append(Lexeme("around", start, around.end(), number=int(around[1])))
            return around.end()
        if (named := _NAMED.match(text, at)) and named[1].lower() in PREFIXES:
            name, at = named[1].lower(), named.end()
        character = text[at : at + 1]
        if character == "(":
            return self._open(start, at, sign, name)
        if character and character in _QUOTES:
            if closing := _QUOTE.search(text, at + 1):  # fails once at most: no quote is left to open another
                return self._phrase(start, at, closing.start(), sign, name)
            if not name:
                self.lexemes.append(
                    Lexeme("mark", start, at + 1, notice="a quote without its partner was read as text")
                )
                return at + 1
        end = self._word_end(at)
        value = text[at:end]
        kind: LexemeKind = "word" if sign or name else _CONNECTORS.get(value, "word")
        self.lexemes.append(Lexeme(kind, start, end, sign, name, value))
        return end

    def _open(self, start: int, at: int, sign: str, name: str) -> int:
        if self.depth < MAX_NESTING:
            self.brackets.append(len(self.lexemes))
            self.lexemes.append(Lexeme("open", start, at + 1, sign, name))
            self.depth += 1
        else:
            self.brackets.append(_TEXT_BRACKET)
            notice = f"brackets more than {MAX_NESTING} deep were read as text"
            self._mark(Lexeme("mark", start, at + 1, value=text_of_name(name), notice=notice))
        return at + 1

    def _close(self, at: int) -> int:
        opened = self.brackets.pop() if self.brackets else _TEXT_BRACKET
        if opened == _TEXT_BRACKET:
            self._mark(Lexeme("mark", at, at + 1))
        else:
            self.depth -= 1
            self.lexemes.append(Lexeme("close", at, at + 1))
        return at + 1

    def _mark(self, mark: Lexeme) -> None:
        """Add a mark, or let the one just before it grow: thousands of brackets are one thing to report."""
        last = self.lexemes[-1] if self.lexemes else None
        if last and last.kind == "mark" and last.end == mark.start and not mark.value and not last.value:
            notice = last.notice or mark.notice
            self.lexemes[-1] = Lexeme("mark", last.start, mark.end, notice=notice)
        else:
            self.lexemes.append(mark)

    def _unopened(self, opening: Lexeme) -> Lexeme:
        notice = "a bracket without its partner was read as text"
        return Lexeme("mark", opening.start, opening.end, value=text_of_name(opening.name), notice=notice)

    def _phrase(self, start: int, opening: int, closing: int, sign: str, name: str) -> int:
        tail = _TAIL.match(self.text, closing + 1)
        assert tail is not None  # both of its parts are optional
        slop = int(tail[1]) if tail[1] else -1
        value, boost = self.text[opening + 1 : closing], tail[2] or ""
        self.lexemes.append(Lexeme("phrase", start, tail.end(), sign, name, value, slop, boost))
        return tail.end()

    def _word_end(self, start: int) -> int:
        """A word ends at a gap, at the bracket that closes a group and before a quote that follows a comma."""
        text, at = self.text, start
        while at < len(text):
            if run := _RUN.match(text, at):
                at = run.end()
                continue
            character = text[at]
            if character == "(":
                if not _EYES.fullmatch(text, start, at):
                    self.brackets.append(_TEXT_BRACKET)
            elif character == ")":
                if self.brackets and not _EYES.fullmatch(text, start, at):
                    if self.brackets[-1] != _TEXT_BRACKET:
                        break
                    self.brackets.pop()
            elif character not in _QUOTES or (at > start and text[at - 1] in ",;"):
                break
            at += 1
        return at


def text_of_name(name: str) -> str:
    """The words of a name whose group turned out to be none."""
    return f"{name}:" if name else ""
