"""Which passages of a result to show: given the passages' evidence and what the reader saw, returns a choice.

Best by a fixed mix of the words and the meaning; a passage that was shown before gives way to the best one that was
not. Not for texts: the choice is by ordinal, and `covered` is where the caller says whose text was read elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ranking.constants import COVERED_PASSAGE, PASSAGE_COSINE_SHARE
from ranking.shingles import coverage
from ranking.types import Doubles, PassageEvidence, SeenDocument

SeenMode = Literal["demote", "new_passages", "drop", "off"]


@dataclass(frozen=True, slots=True)
class ChosenPassage:
    """A passage to show; `seen` when this reader was shown it before."""

    ordinal: int
    score: float  # [0, 1]
    seen: bool = False


def choose_passages(
    evidence: PassageEvidence,
    wanted: int,
    seen: SeenDocument | None,
    seen_mode: SeenMode,
    covered: Collection[int] = frozenset(),
) -> tuple[ChosenPassage, ...]:
    """At most `wanted` passages, unseen ones by score first, then (except under new_passages) seen ones by score.

    When every passage was shown before, new_passages gives the best one again: a result is never without text.
    Pass `seen=None` for a page whose content changed since: its ordinals mean other texts now. `covered`: ordinals
    whose text the reader was shown in another document.
    """
    scores = passage_scores(evidence)
    order = np.lexsort((evidence.ordinals, -scores))
    before = frozenset[int]() if seen is None else seen.passages
    if seen_mode == "off" or not (before or covered):
        best = order[: max(wanted, 0)]
        pairs = zip(evidence.ordinals[best].tolist(), scores[best].tolist(), strict=True)
        return tuple(ChosenPassage(ordinal, score) for ordinal, score in pairs)
    ordinals = evidence.ordinals[order]
    read = np.array([ordinal in before or ordinal in covered for ordinal in ordinals.tolist()], np.bool_)
    unseen, again = np.flatnonzero(~read), np.flatnonzero(read)
    if seen_mode == "new_passages":
        again = again[: 0 if len(unseen) else 1]
    places = np.concatenate((unseen, again))[: max(wanted, 0)]
    rows = zip(ordinals[places].tolist(), scores[order[places]].tolist(), read[places].tolist(), strict=True)
    return tuple(ChosenPassage(ordinal, score, was_read) for ordinal, score, was_read in rows)


def passage_scores(evidence: PassageEvidence) -> Doubles:
    """[m] (1 - share) bm25 + share (1 + cos)/2, share = PASSAGE_COSINE_SHARE; bm25 alone where there is no vector."""
    bm25, cosine = evidence.bm25.astype(np.float64), evidence.cosine.astype(np.float64)
    meaning = np.minimum(np.maximum((1.0 + cosine) / 2.0, 0.0), 1.0)
    mixed = (1.0 - PASSAGE_COSINE_SHARE) * bm25 + PASSAGE_COSINE_SHARE * meaning
    without = np.isnan(cosine)
    return np.where(without, bm25, mixed) if without.any() else mixed


def read_before(hashed: Sequence[frozenset[int]], before: frozenset[int]) -> list[bool]:
    """Of each text, given as its shingles, whether COVERED_PASSAGE of it or more is among those that were shown."""
    return [coverage(shingles, before) >= COVERED_PASSAGE for shingles in hashed]
