"""What a run of sessions is to do: given nothing, names agents, systems and how far each goes.

Not for doing it (grid.py, replay.py, eval/live/run.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eval.sessions.calls import Budget
from eval.sessions.systems import System

CALLS: Final = 8
SEED: Final = 20_261_123


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run. `calls`: of a session; `tokens`: sessions go on until so many were displayed, and recall within a
    budget of tokens is compared, too (equal_tokens.py); `call_tokens`: what each call costs of it besides."""

    agents: tuple[str, ...]
    systems: tuple[System, ...]
    calls: int = CALLS
    seed: int = SEED
    topics: int | None = None
    threads: int = 1
    tokens: int | None = None
    call_tokens: int = 0

    @property
    def budget(self) -> Budget:
        return Budget(self.calls, self.tokens)
