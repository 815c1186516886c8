"""What a simulated agent may know: the question, what was displayed, and what its reader says it understood.

An agent is a pure function of a View. Gold documents are not in it, so no agent can write their words into a query:
only text of the question, of displayed results and, for the human decomposition, of sub-questions and of answers whose
document was noticed. Not for noticing (eval/sessions/readers.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asked:
    """One query. `reader`: the context window that reads the answer, None: the agent's own. `step`: which sub-question
    of a human decomposition it stands for, None: the reader judges by its words."""

    query: str
    reader: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One displayed result or stub. `text` is what was displayed below the title; a stub has none."""

    document: str
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One answered call. `found`: how many evidence documents its reader noticed in it for the first time, which only
    agents that heed their reader may look at."""

    asked: Asked
    shown: tuple[Sighting, ...]
    stubs: tuple[Sighting, ...] = ()
    found: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """Everything an agent is given. `steps`: sub-questions of people, with #n for the answer of step n; `answers`: of
    the steps (from 1) whose document was noticed."""

    topic: str
    question: str
    seed: int
    pages: tuple[Page, ...] = ()
    steps: tuple[str, ...] = ()
    answers: Mapping[int, str] = field(default_factory=dict)

    @property
    def call(self) -> int:
        """Of the query to come, from 0."""
        return len(self.pages)

    def chance(self, *purpose: object) -> random.Random:
        """Luck that depends on seed, topic, call and purpose alone: the same for every system."""
        return random.Random("|".join(map(str, (self.seed, self.topic, self.call, *purpose))))


Ask = Callable[[View], Asked | None]
"""The next query, or None: the agent has nothing more to ask."""


@dataclass(frozen=True, slots=True)
class Agent:
    """`heeds`: its queries depend on what its reader noticed, so each reader needs a run of its own. `needs_steps`: it
    can only run on sets with sub-questions. `cannot_show`: what no result with it says."""

    name: str
    ask: Ask
    does: str
    cannot_show: str
    heeds: bool = False
    needs_steps: bool = False
