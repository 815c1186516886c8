"""A2, the clause splitter: one query for each clause of the question, and two other forms of it when asked again."""

from __future__ import annotations

from eval.agents.view import Agent, Asked, View
from eval.agents.words import clauses, content_words, folded

ADDED_WORDS = 4
"""Words of the whole question that the third form of a clause gets."""


def forms(question: str) -> list[str]:
    """Every clause as it stands, then every clause as content words, then those with words of the question."""
    pieces = clauses(question)
    whole = content_words(question)
    plain = [" ".join(content_words(piece)) for piece in pieces]
    wider = [
        " ".join([text, *[word for word in whole if word.lower() not in folded(text)][:ADDED_WORDS]]) for text in plain
    ]
    return list(dict.fromkeys([*pieces, *plain, *wider]))


def ask(view: View) -> Asked | None:
    """The forms in their order, then nothing."""
    queries = forms(view.question)
    return Asked(queries[view.call]) if view.call < len(queries) else None


CLAUSES = Agent(
    "clauses",
    ask,
    "one query a clause; then its content words; then those with four words of the question",
    "anything about the second hop: no answer of the first ever enters a query; it stops when it has no form left",
)
