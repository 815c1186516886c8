"""A4, the loop: an agent that makes no progress and asks for the same thing in other words, more and more exactly."""

from __future__ import annotations

from typing import Final

from eval.agents.view import Agent, Asked, View
from eval.agents.words import content_words

KEPT: Final = 0.75
"""Share of the question's keywords in a query."""
REPEATED: Final = 0.43
REPEATED_AT: Final = 9
"""Near-duplicate rate of fact-seeking agents at their ninth step; it grows to that in a straight line, and stays."""


def ask(view: View) -> Asked:
    """The question; then a random three quarters of its keywords, or a query that it has asked before."""
    if view.call == 0:
        return Asked(view.question)
    chance = view.chance("loop")
    if chance.random() < REPEATED * min(view.call, REPEATED_AT) / REPEATED_AT:
        return Asked(chance.choice(view.pages).asked.query)
    words = content_words(view.question)
    kept = set(chance.sample(range(len(words)), max(1, round(KEPT * len(words)))))
    return Asked(" ".join(word for place, word in enumerate(words) if place in kept))


LOOP = Agent(
    "loop",
    ask,
    "a random three quarters of the question's keywords; repeats itself up to 43 % of the time",
    "any use of what was shown: all its progress comes from what the engine shows beside the best",
)
