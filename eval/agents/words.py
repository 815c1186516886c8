"""Words of a text as simulated agents and readers count them: given text, returns tokens, content words, clauses.

Plain string work, no index and no model: what an agent does to a question must not depend on the engine it tests.
"""

from __future__ import annotations

import re
from typing import Final

from ranking.stopwords import ENGLISH

_WORD: Final = re.compile(r"\w+(?:[-'’.]\w+)*")
_SPLIT: Final = re.compile(
    r"""["“”;:]|,\s|\b(?:while|and|both|compared with|before|after|which|that|who|whose|whom|where|when|of the)\b""",
    re.IGNORECASE,
)
_NAME: Final = re.compile(r"\b[A-Z][\w'’-]+(?:\s+(?:of\s+|the\s+)*[A-Z][\w'’-]+)*")
CLAUSE_WORDS: Final = 2
"""Content words below which a piece of a question is no clause of its own."""


def tokens(text: str) -> list[str]:
    """Every word as written."""
    return _WORD.findall(text)


def content_words(text: str) -> list[str]:
    """Words that are no function words, as written, each once, in order."""
    kept = (word for word in tokens(text) if word.lower() not in ENGLISH)
    return list({word.lower(): word for word in reversed(list(kept))}.values())[::-1]


def folded(text: str) -> frozenset[str]:
    """The content words of a text, in lower case."""
    return frozenset(word.lower() for word in content_words(text))


def clauses(question: str) -> list[str]:
    """The question cut at quotes, commas, conjunctions and relative words; pieces of one content word join the next."""
    found: list[str] = []
    held = ""
    for piece in _SPLIT.split(question.strip(" ?.")):
        held = f"{held} {piece.strip()}".strip()
        if len(content_words(held)) >= CLAUSE_WORDS:
            found.append(held)
            held = ""
    if held and found:
        found[-1] = f"{found[-1]} {held}"
    return found or [question]


def names(text: str) -> list[str]:
    """Runs of capitalised words, each once, in order; the first word of a sentence alone is none when it is a function
    word."""
    found = (each for each in _NAME.findall(text) if each.lower() not in ENGLISH)
    return list(dict.fromkeys(found))
