"""A6, the human decomposition: sub-questions of people, each with the answers of earlier ones that were noticed.

Only for sets with sub-questions. An answer enters a query only when the document that holds it was noticed.
"""

from __future__ import annotations

import re
from typing import Final

from eval.agents.view import Agent, Asked, View
from eval.agents.words import content_words, folded

_SLOT: Final = re.compile(r"#(\d+)")
TRIES: Final = 3


def ask(view: View) -> Asked | None:
    """The first open step whose answers are known, else the first open one; its next form."""
    open_steps = [number for number in range(1, len(view.steps) + 1) if number not in view.answers]
    tried = {number: sum(page.asked.step == number for page in view.pages) for number in open_steps}
    left = [number for number in open_steps if tried[number] < TRIES]
    if not left:
        return None
    ready = [number for number in left if slots(view.steps[number - 1]) <= set(view.answers)]
    step = (ready or left)[0]
    return Asked(form(view, step, tried[step]), step=step)


def slots(text: str) -> set[int]:
    """The steps whose answers a sub-question names."""
    return {int(number) for number in _SLOT.findall(text)}


def form(view: View, step: int, tried: int) -> str:
    """As it was written, then its content words, then those with the rest of the question's."""
    text = _SLOT.sub(lambda found: view.answers.get(int(found[1]), ""), view.steps[step - 1].replace(">>", " "))
    text = " ".join(text.split())
    words = content_words(text)
    if tried == 0 or not words:
        return text or view.question
    if tried == 1:
        return " ".join(words)
    return " ".join([*words, *(word for word in content_words(view.question) if word.lower() not in folded(text))])


DECOMPOSITION = Agent(
    "decomposition",
    ask,
    "sub-questions of people; the answer of an earlier one only when its document was noticed",
    "how well an agent decomposes: people did it, knowing the evidence",
    heeds=True,
    needs_steps=True,
)
