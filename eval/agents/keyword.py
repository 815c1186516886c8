"""A1, the keyword agent: the question, then its keywords with the title of a document it has not followed up yet, and
parts of the question in between.
"""

from __future__ import annotations

from eval.agents.view import Agent, Asked, View
from eval.agents.words import content_words, folded


def ask(view: View) -> Asked:
    """Calls 1, 3, 5, ... follow a title; 2, 4, 6, ... ask for a half or the middle of the keywords."""
    if view.call == 0:
        return Asked(view.question)
    keywords = content_words(view.question)
    if view.call % 2:
        title = unpursued(view)
        if title is not None:
            return Asked(" ".join([*keywords, title]))
    return Asked(" ".join(part(keywords, view.call // 2)))


def unpursued(view: View) -> str | None:
    """The best title of the latest page, else of earlier ones, that adds words to the question and that no query of
    ours held."""
    question = folded(view.question)
    asked = " \n ".join(page.asked.query.lower() for page in view.pages)
    for page in reversed(view.pages):
        for each in page.shown:
            if each.title and folded(each.title) - question and each.title.lower() not in asked:
                return each.title
    return None


def part(words: list[str], number: int) -> list[str]:
    """The first half, the last half, the middle half, in turn; all of fewer than four words."""
    half = len(words) // 2
    if half < 2:
        return words
    start = (0, len(words) - half, half // 2)[(number - 1) % 3]
    return words[start : start + half + (len(words) % 2 if start == half // 2 else 0)]


KEYWORD = Agent(
    "keyword",
    ask,
    "the question, then keywords with titles of shown documents and parts of the question, in turn",
    "what an agent gains that understands what it reads: it follows titles by rank, right or wrong",
)
