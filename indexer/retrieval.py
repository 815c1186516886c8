"""One search at work: the plan with what was looked up for it, and what a retriever gives back.

Nouns that recall.py hands to the retrievers (retrievers.py) and takes from them. Not for finding anything.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from indexer.filters import Conditions
from indexer.reader import Holdings
from indexer.scoring import Wanted
from ranking.types import Doubles, Floats, Longs, Mask, Plan, PlannedRetriever, Stage

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Search:
    """A plan on one generation. `wanted`: where each of its terms is found; `vector`: its own, checked."""

    held: Holdings
    conditions: Conditions
    plan: Plan
    wanted: Sequence[Wanted]
    vector: Floats | None
    mask: Mask  # [rows] live, and satisfying the condition
    allowed: int  # how many these are
    tantivy_from: int  # documents from which on tantivy recalls

    @property
    def filter(self) -> Mask | None:
        """The mask, or None when every row passes."""
        return None if self.allowed == self.held.rows else self.mask

    def is_first(self, retriever: PlannedRetriever) -> bool:
        """Whether no retriever of its type stands before it."""
        return next(one for one in self.plan.retrievers if one.type == retriever.type) is retriever


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Allowed rows, best first, each once. `scores`: of each, in [0, 1], where the retriever gives any."""

    rows: Longs
    scores: Doubles | None = None
    postings: int | None = None  # read
    floor: float | None = None  # see Evidence.floors
    nearest: Floats | None = None
    """[rows of the index] cosine of the best passage with Plan.vector, NaN where it was not compared."""


class Watch:
    """Stages of a trace."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._at = time.perf_counter()

    def lap(self, name: str, came: int, went: int, postings: int | None = None) -> None:
        now = time.perf_counter()
        self.stages.append(Stage(name, (now - self._at) * 1e3, came, went, postings))
        self._at = now
