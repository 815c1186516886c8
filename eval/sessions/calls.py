"""The nouns of a simulated session: given nothing, names one answered query, all of a task, and how far it may go.

Not for making them (trajectories.py) nor for reading them (readers.py, measures.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Call:
    """One answered query. `shown`, `stubs`: (document, tokens), in order; `ranks`: the places that the stubs name.
    `stateless`: what a stateless page of as many results has for the query, where the system hides some. `ms`: how long
    the agent waited, None where that was not written down; calls of two runs are equal whatever they took."""

    query: str
    reader: str | None
    step: int | None
    shown: tuple[tuple[str, int], ...]
    stubs: tuple[tuple[str, int], ...]
    ms: float | None = field(default=None, compare=False)
    ranks: tuple[int, ...] = ()
    stateless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trajectory:
    """All calls on one task."""

    task: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """`calls` are made whatever they display; with `tokens` then more, until so many were displayed or there were
    `most` calls, so that who shows less in a call may ask more often."""

    calls: int
    tokens: int | None = None
    most: int = 40

    def allows(self, calls: int, tokens: int) -> bool:
        """Another call after so many."""
        return calls < self.calls or (self.tokens is not None and tokens < self.tokens and calls < self.most)
