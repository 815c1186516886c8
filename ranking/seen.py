"""What a reader saw before: given candidates and a session, returns who counts as seen and what that does to scores.

A document counts as seen when this reader was shown it and its content is still the same, or when it belongs to the
near-duplicate cluster of a page that was shown. Not for other readers' exposure, which is only ever a hint, nor
for which passages to show (passages.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from ranking.identity import number_of
from ranking.params import SessionParams
from ranking.types import (
    Doubles,
    Evidence,
    FeedbackMark,
    Mask,
    SeenDocument,
    SeenMark,
    SessionState,
    ShownClusters,
    ShownDocuments,
)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Of n candidates. `strength` is 2^(-calls since / decay_calls) where seen and 0 elsewhere."""

    seen: Mask  # [n]
    updated: Mask  # [n] shown before, but its content changed since: counts as new
    strength: Doubles  # [n]
    records: Mapping[int, SeenDocument] = field(default_factory=dict)  # row -> what was shown: itself or its duplicate


def exposure_of(evidence: Evidence, session: SessionState, decay_calls: int) -> Exposure:
    """Match the candidates with the reader's log. `decay_calls` is the half-life, in searches of this reader."""
    size = evidence.size
    seen, updated, strength = np.zeros(size, np.bool_), np.zeros(size, np.bool_), np.zeros(size)
    if not session.seen:
        return Exposure(seen, updated, strength)
    signs = _signs(evidence.ids, session.seen)
    content = evidence.attributes.get("content")
    if content is not None:
        for row, (_, content_hash) in signs.items():
            updated[row] = bool(content_hash) and int(content[row]) != number_of(content_hash)
    alike = _near_duplicates(evidence, session, list(signs), updated)
    fading = [2.0 ** (-calls / decay_calls) for calls, _ in signs.values()]
    seen[list(signs)], strength[list(signs)] = True, fading
    for row, document in alike.items():
        seen[row], strength[row] = True, 2.0 ** (-session.seen[document].calls_ago / decay_calls)
    seen &= ~updated
    strength[updated] = 0.0
    return Exposure(seen, updated, strength, Records({row: evidence.ids[row] for row in signs} | alike, session.seen))


class Records(Mapping[int, SeenDocument]):
    """Row -> what was shown: most are never asked for."""

    def __init__(self, documents: Mapping[int, str], seen: Mapping[str, SeenDocument]) -> None:
        self._documents, self._seen = documents, seen

    def __getitem__(self, row: int) -> SeenDocument:
        return self._seen[self._documents[row]]

    def __contains__(self, row: object) -> bool:
        return row in self._documents

    def __iter__(self) -> Iterator[int]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)


def _signs(ids: Sequence[str], seen: Mapping[str, SeenDocument]) -> Mapping[int, tuple[int, str]]:
    """Row -> (calls ago, content hash), ascending."""
    if isinstance(seen, ShownDocuments):
        return seen.signs(ids)
    shown = ((row, seen.get(name)) for row, name in enumerate(ids))
    return {row: (record.calls_ago, record.content_hash) for row, record in shown if record is not None}


def _near_duplicates(evidence: Evidence, session: SessionState, own: Sequence[int], updated: Mask) -> dict[int, str]:
    """Row -> the document that was shown, of other candidates than `own`, which were shown themselves, in the cluster
    of a seen page: the cluster that it had when it was shown, or, for a page that is still the same, the one it has
    now. A copy that came since may have given the cluster another name."""
    column = evidence.attributes.get("cluster")
    if column is None:
        return {}
    clusters = column.tolist()
    fresh = updated.tolist()
    shown = {clusters[row]: evidence.ids[row] for row in reversed(own) if not fresh[row]}
    shown |= _shown_clusters(set(clusters), session.clusters)
    shown.pop(number_of(""), None)  # pages whose cluster the index does not know are not alike for that
    themselves = set(own)
    rows = [row for row, number in enumerate(clusters) if number in shown and row not in themselves]
    return {row: shown[clusters[row]] for row in rows if shown[clusters[row]] in session.seen}


def _shown_clusters(present: Set[int], clusters: Mapping[str, str]) -> dict[int, str]:
    """Number of a cluster -> the document of it that was shown."""
    if isinstance(clusters, ShownClusters):
        return clusters.numbered(present)
    named = {number_of(cluster): document for cluster, document in clusters.items()}
    return {number: named[number] for number in present if number in named}


def demotion(
    scores: Doubles,
    exposure: Exposure,
    evidence: Evidence,
    params: SessionParams,
    marks: Sequence[FeedbackMark] = (),
) -> Doubles | None:
    """[n] what the mode adds to each score (at most 0); None when it changes nothing.

    demote: (score - score of the last candidate) x (factor - 1), factor = 1 - (1 - demote) x strength, and at most
    `cited` for a page that was cited and shown whole.
    new_passages: a page that has no passage left to show goes below all others, in its own order: less the range of
    the scores. drop, off: nothing.
    """
    if not exposure.seen.any():
        return None
    above: Doubles = scores - scores.min()
    if params.seen == "demote":
        change: Doubles = above * ((params.demote - 1.0) * exposure.strength)
        done = finished(exposure, evidence, marks)
        return np.minimum(change, np.where(done, above * (params.cited - 1.0), 0.0)) if done.any() else change
    if params.seen == "new_passages":
        spent = exposure.seen & used_up(exposure, evidence)
        return np.where(spent, -above.max(), 0.0) if spent.any() else None
    return None


def finished(exposure: Exposure, evidence: Evidence, marks: Sequence[FeedbackMark]) -> Mask:
    """[n] cited, and the reader was shown every passage of it: who cites a page has what it says."""
    cited = {mark.document for mark in marks if mark.kind == "cite"}
    rows = np.zeros(evidence.size, np.bool_)
    for row, record in exposure.records.items() if cited else ():
        rows[row] = record.document in cited
    return rows & exposure.seen & used_up(exposure, evidence) if rows.any() else rows


def used_up(exposure: Exposure, evidence: Evidence) -> Mask:
    """[n] whether the reader was shown every passage of it; never where the index does not say how many there are."""
    used = np.zeros(evidence.size, np.bool_)
    counts = evidence.attributes.get("passages")
    if counts is not None:
        for row, record in exposure.records.items():
            used[row] = len(record.passages) >= counts[row] > 0
    return used


def mark_of(row: int, name: str, exposure: Exposure, session: SessionState) -> SeenMark | None:
    """The mark that a result carries. seq and rank are 0 when only other readers were shown it."""
    record = exposure.records.get(row)
    others = session.others.get(name, ())
    if record is not None:
        return SeenMark(record.seq, record.rank, others)
    return SeenMark(0, 0, others) if others else None
