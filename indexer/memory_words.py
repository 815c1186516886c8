"""The vocabulary of the oracle MemoryIndex: given pages and what a word should be like, returns the words that are.

Every word of every page is tried. Regular expressions are Python's, which read what RE2 has in common with them alike:
no Unicode classes, no flags beyond (?i). Not for serving; see memory.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from indexer.memory_pages import Page
from ranking.errors import ParamsError
from ranking.shown import shown
from ranking.types import VocabularyWord

_BEYOND_RE2: Final = re.compile(r"\\[1-9]|\(\?(?:[=!>(#]|<[=!]|P=)|[*+?}]\+")
"""References back, lookaround, conditions, comments, atoms that keep what they took: what no automaton does."""


def vocabulary(pages: Iterable[Page], kind: str, text: str, limit: int, most: int) -> tuple[VocabularyWord, ...]:
    """As SearchIndex.vocabulary; `most` edits."""
    away = _measure(kind, text)
    documents = Counter(
        token
        for page in pages
        for token in {written for tokens in page.tokens.values() for written, _ in tokens}
    )  # fmt: skip
    found = [
        VocabularyWord(token, df, distance)
        for token, df in documents.items()
        if (distance := away(token)) is not None and distance <= most
    ]
    return tuple(sorted(found, key=lambda word: (word.distance, -word.df, word.token))[:limit])


def _measure(kind: str, text: str) -> Callable[[str], int | None]:
    """How far a word is from what was asked for; None if it is not that at all."""
    if kind == "prefix":
        return lambda token: 0 if token.startswith(text) else None
    if kind == "fuzzy":
        return lambda token: edits(text, token)
    if kind == "regex":
        pattern = _compiled(text)
        return lambda token: 0 if pattern.fullmatch(token) else None
    raise ParamsError(f"{kind!r} is no kind of vocabulary search", hint="prefix, regex and fuzzy are")


def _compiled(text: str) -> re.Pattern[str]:
    if _BEYOND_RE2.search(text):
        raise ParamsError(f"{shown(text)} is no RE2 pattern")
    try:
        return re.compile(text, re.ASCII)
    except re.error as error:
        raise ParamsError(f"{shown(text)} is no pattern: {error}") from None


def edits(one: str, other: str) -> int:
    """The fewest insertions, deletions, replacements and swaps of neighbours that make one word of the other, no part
    being edited twice: optimal string alignment, the restricted distance of Damerau (1964)."""
    table = [[max(i, j) if not (i and j) else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            replaced = table[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, replaced)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[len(one)][len(other)]
