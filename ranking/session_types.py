"""The nouns of what a session knows: given nothing, names what one reader was shown, what was said of documents, and
what the session holds for likely before a query is read.

`ranking.types` has them too: import them from there. Not for how a session is kept or folded (sessions/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SeenDocument:
    """What one reader was shown of one document."""

    document: str
    seq: int  # of the first showing
    rank: int  # at the first showing
    calls_ago: int  # searches of this reader since the latest showing; 0: the latest call
    content_hash: str
    cluster: str
    passages: frozenset[int] = frozenset()  # ordinals


@runtime_checkable
class ShownDocuments(Protocol):
    """A map of what was shown that answers for many documents at once: place -> (calls ago, content hash),
    ascending."""

    def signs(self, documents: Sequence[str]) -> dict[int, tuple[int, str]]: ...


@runtime_checkable
class ShownClusters(Protocol):
    """A map of clusters that answers by their numbers: number -> the document of it that was shown first."""

    def numbered(self, numbers: Set[int]) -> dict[int, str]: ...


@dataclass(frozen=True, slots=True)
class FeedbackMark:
    """What was said of a document: `kind` is open, cite or reject."""

    document: str
    kind: str
    passage: int | None = None


@dataclass(frozen=True, slots=True)
class Influence:
    """What a session holds for likely, whatever is asked now: `gains` by document, on the scale of scores, at least 0
    and 0 for all others; `share` is how much of it this query gets, in [0, 1]. `name`: goal, previous or feedback."""

    name: str
    share: float
    gains: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SessionState:
    """The fold of a session's log as one reader's call sees it. EMPTY stands for no session."""

    seen: Mapping[str, SeenDocument] = field(default_factory=dict)
    clusters: Mapping[str, str] = field(default_factory=dict)  # cluster -> a seen document of it
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # document -> other readers shown it
    vectors: NDArray[np.float32] | None = None  # [s, d] of what was shown, for novelty
    snapshot_seq: int = 0
    calls: int = 0  # searches of this reader
    goal: str = ""  # the objective, or what this topic began with
    queries: tuple[str, ...] = ()  # asked before on this topic, oldest first
    marks: tuple[FeedbackMark, ...] = ()  # explicit feedback, oldest first
    influences: tuple[Influence, ...] = ()  # what this makes of the query's candidates (profile.py)
