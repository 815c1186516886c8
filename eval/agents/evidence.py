"""A3, the evidence-driven agent: takes new words from what it was shown about as often as real agents do.

In published logs 54 % of the words that a query adds stand in evidence shown before, and 8 to 11 % of the moves
generalise; the other shares of moves here are this project's own.
"""

from __future__ import annotations

from typing import Final

from eval.agents.view import Agent, Asked, View
from eval.agents.words import content_words, folded, names

ADOPTED: Final = 0.54
"""Share of the added words that come from displayed text."""
MOVES: Final = {"specialise": 0.45, "substitute": 0.35, "generalise": 0.10, "repeat": 0.10}
BEST: Final = 3
"""Results at the top of a page that it reads names from."""
START: Final = 0.6
"""Share of the question's keywords in its first query after the question."""


def ask(view: View) -> Asked:
    """A move on the query before."""
    if view.call == 0:
        return Asked(view.question)
    chance = view.chance("evidence")
    question = content_words(view.question)
    before = view.pages[-1].asked.query if view.call > 1 else " ".join(question[: max(2, int(START * len(question)))])
    words = content_words(before) or question
    move = chance.choices(list(MOVES), list(MOVES.values()))[0]
    if move == "repeat":
        return Asked(before)
    if move == "generalise":
        return Asked(" ".join(word for word in words if word != chance.choice(words)) or before)
    added = new_words(view, folded(before), chance.random() < ADOPTED)
    if added is None:
        return Asked(" ".join(question))
    kept = words if move == "specialise" else words[: max(1, len(words) - 2)]
    return Asked(" ".join([*kept, added]))


def new_words(view: View, known: frozenset[str], from_shown: bool) -> str | None:
    """A name from the best results shown, or a word of the question, that the query does not hold yet."""
    if from_shown:
        for page in reversed(view.pages):
            for each in page.shown[:BEST]:
                for name in [each.title, *names(each.text)]:
                    if name and not folded(name) <= known and not folded(name) <= folded(view.question):
                        return name
    rest = [word for word in content_words(view.question) if word.lower() not in known]
    return view.chance("own words").choice(rest) if rest else None


EVIDENCE = Agent(
    "evidence",
    ask,
    "moves on the query before: adds (54 % from shown text), substitutes, generalises, repeats",
    "whether added names are the right ones: it takes the first of the best results",
)
