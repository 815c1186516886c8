"""The nouns of measuring prefetch: given nothing, names what is asked, one call, and one log that was asked.

Not for asking (turns.py) nor for what it says (report.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from eval.prefetch.warm_pools import WarmPool
from eval.sessions.logs import Log

TOP: Final = 5
"""Results of a page."""


@dataclass(frozen=True, slots=True)
class PrefetchPlan:
    """What is asked. `repeats`: pairs of a session whose guesses were used, for their times; `taken`: sessions that at
    their end are asked what was guessed, as if the agent took an offer; `objective`: the agent sends the log's goal."""

    k: int = TOP
    repeats: int = 5
    taken: int = 60
    objective: bool = True
    topics: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """One call. Times in milliseconds: `ms` of waiting, `cpu_ms` of the calling thread, `guess_ms` of the process
    between this answer and the end of its guesses; `warm` is what was warm before it."""

    query: str
    results: bytes = field(repr=False)
    served_from: str
    ms: float
    cpu_ms: float
    guess_ms: float
    offered: tuple[str, ...]
    displayed: str = field(repr=False)
    warm: tuple[WarmPool, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """One log, asked. `account` is the engine's own, of its guesses; `pages`: the stateless top of each query;
    `guessed`: queries that were searched ahead and not asked; `again`: the calls once more, with prefetch and without;
    `taken`: a call for a guess, likewise."""

    log: Log
    on: tuple[Asked, ...]
    off: tuple[Asked, ...]
    account: dict[str, Any]
    pages: tuple[tuple[str, ...], ...]
    guessed: tuple[str, ...] = ()
    again: tuple[tuple[tuple[Asked, ...], tuple[Asked, ...]], ...] = ()
    taken: tuple[tuple[Asked, Asked], ...] = ()
