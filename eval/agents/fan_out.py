"""F, the fan-out: an orchestrator that sends many sub-agents at once, each with a context window of its own.

The first wave is what the clause splitter would ask, at most ten at once and at most half of the calls; the second
asks anew for clauses whose sub-agent noticed nothing, with titles that were shown to it.
"""

from __future__ import annotations

from typing import Final

from eval.agents.clauses import forms
from eval.agents.view import Agent, Asked, View
from eval.agents.words import content_words, folded

WAVE: Final = 10
FIRST: Final = 4
"""Sub-agents of the first wave at most: half of eight calls."""


def ask(view: View) -> Asked | None:
    """Sub-agent n reads the answer of query n; calls of one wave see nothing of each other."""
    first = first_wave(view.question)
    if view.call < len(first):
        return Asked(first[view.call], reader=f"agent-{view.call + 1}")
    missing = [page for page in view.pages[: len(first)] if not page.found] or list(view.pages[: len(first)])
    second = view.call - len(first)
    if second >= WAVE:
        return None
    page, depth = missing[second % len(missing)], second // len(missing)
    fresh = [each.title for each in page.shown if each.title and folded(each.title) - folded(page.asked.query)]
    title = fresh[depth : depth + 1]
    return Asked(" ".join([*content_words(page.asked.query), *title]), reader=page.asked.reader)


def first_wave(question: str) -> list[str]:
    """The whole question and its clauses."""
    return list(dict.fromkeys([question, *forms(question)]))[: min(FIRST, WAVE)]


FAN_OUT = Agent(
    "fan-out",
    ask,
    "sub-agents with contexts of their own, in two waves; the second for what the first missed",
    "races: the calls of a wave are made one after the other, each reader seeing only its own",
    heeds=True,
)
