"""Names of pages in running text: given a title, returns the tokens that name its page; given tokens, which names
stand among them.

A page whose name stands in what somebody reads is where the text leads next, link or not. Not for names of people or
places (nothing is recognised that is no title), nor for which passages are looked through (sessions decide that).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ranking.constants import NAME_SAYS, NAME_TOKENS
from ranking.retriever_plans import idf
from ranking.text import tokenize

Name = tuple[str, ...]
"""Tokens in order; () names nothing."""

_SEPARATOR: Final = re.compile("\\s(?:[-|\u2013\u2014\u00b7]|::)\\s")
_OPENING: Final = "(\uff08"
_CLOSING: Final = ")\uff09"


def name_of(title: str) -> Name:
    """Tokens of the title without what stands in parentheses at its end (which tells namesakes apart, and is written
    in no text) and without what follows its first separator, " | ", " :: ", " - " or another dash or middle dot between
    spaces (which names the site); () when nothing is left, or more than NAME_TOKENS. Linear in the title."""
    first = _SEPARATOR.split(_without_parentheses(title), maxsplit=1)[0]
    tokens = tuple(tokenize(_without_parentheses(first)))
    return tokens if len(tokens) <= NAME_TOKENS else ()


def _without_parentheses(text: str) -> str:
    """Without balanced parentheses at the end, however many; those that close nothing stay."""
    end = len(text.rstrip())
    while end and text[end - 1] in _CLOSING:
        at, depth = end, 0
        while at and (at == end or depth):
            at -= 1
            depth += (text[at] in _CLOSING) - (text[at] in _OPENING)
        if depth:
            break
        end = at
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end]


@dataclass(frozen=True, slots=True)
class Names:
    """Of many pages. `rows`: name -> the pages that have it, ascending; `lengths`: first token -> in how many tokens
    names that begin with it are written, ascending."""

    rows: Mapping[Name, tuple[int, ...]]
    lengths: Mapping[str, tuple[int, ...]]


def names_by_row(names: Iterable[Name]) -> Names:
    """The names of rows 0, 1, 2, ...; rows without a name (()) are left out."""
    rows: dict[Name, list[int]] = {}
    lengths: dict[str, tuple[int, ...]] = {}
    same: dict[str, str] = {}  # one string for each token: titles share most of theirs
    for row, written in enumerate(names):
        if not written:
            continue
        name = tuple([same.setdefault(token, token) for token in written])
        rows.setdefault(name, []).append(row)
        known = lengths.get(name[0], ())
        if len(name) not in known:
            lengths[name[0]] = tuple(sorted((*known, len(name))))
    return Names({name: tuple(held) for name, held in rows.items()}, lengths)


def standing(names: Names, tokens: Sequence[str]) -> set[Name]:
    """Which names stand in these tokens, theirs in a row."""
    found: set[Name] = set()
    for at, token in enumerate(tokens):
        for length in names.lengths.get(token, ()):
            name = tuple(tokens[at : at + length])
            if name in names.rows:
                found.add(name)
    return found


def says_enough(name: Name, documents: int, df: Callable[[str], int]) -> bool:
    """Whether the idf of its distinct tokens sum to NAME_SAYS x ln N at least: a word of one document in N has ln N,
    so "Introduction" names no page. `documents`: N, all of them; `df`: in how many of them a token stands."""
    said = math.fsum(idf(documents, df(token)) for token in set(name))
    return bool(name) and documents > 0 and said >= NAME_SAYS * math.log(documents)
