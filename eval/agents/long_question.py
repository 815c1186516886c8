"""A5, the long question: 12 to 20 words of natural language, from templates, about the question or a shown title."""

from __future__ import annotations

from typing import Final

from eval.agents.keyword import unpursued
from eval.agents.view import Agent, Asked, View
from eval.agents.words import content_words

SHORTEST: Final = 12
LONGEST: Final = 20
TEMPLATES: Final = (
    "please find reliable background information that would help to answer the following question about {words}",
    "what is known about {title} and how is it connected with {words}",
    "i would like to understand the facts in detail behind {words} and everything related to it",
    "find pages that describe {title} in enough detail to say something about {words}",
)


def ask(view: View) -> Asked:
    """The template of the call, filled and kept within its length; the part of the question that is quoted moves on."""
    words = content_words(view.question)
    start = view.call % max(1, len(words))
    turned = words[start:] + words[:start]
    title = unpursued(view) or " ".join(turned[:2])
    text = TEMPLATES[view.call % len(TEMPLATES)].format(title=title, words=" ".join(turned))
    return Asked(" ".join(text.split()[:LONGEST]))


LONG = Agent(
    "long",
    ask,
    "12 to 20 words of prose around keywords and titles of shown documents",
    "how real paraphrases read: the frame of a template is the same for every question",
)
