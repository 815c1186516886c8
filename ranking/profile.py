"""What a session learned, as numbers: given what it holds for likely and what was rejected, returns what that adds to
the scores of a query's candidates; and whether the query is of the session's topic at all.

The model is q + w0 x (words of the goal that q lacks) + wp x (words of the query before; wp is 0 unless asked for)
+ wf x (words of pages that were cited or opened). A sum of words is a sum of scores, so the goal is searched once, on
its own, and its scores are added to those of every later query: what a query alone says stays computed as without a
session, and no session's words get into another's pools. Relative to 1 for the query, the goal's part weighs
w0 x (idf of its other words) / (idf of the query's), and 1 at most together with all others: the query keeps half. A
long query hears less of the goal than one of three words. Where a document is not among the goal's best PROFILE_DEPTH
nothing is added, and no candidate comes or goes.

Exposure is no interest: only what was asked, explicit feedback and rejections count, never what was merely shown, and
never what a page says of itself, but for the words of pages that were cited. Not for seen pages (seen.py), nor for
fetching (api/).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ranking.constants import (
    CITED_MASS,
    DRIFT_DEPTH,
    DRIFT_OVERLAP,
    DRIFT_TERMS,
    FEEDBACK_MARKS,
    MAX_DOCUMENT_MASS,
    MAX_SITE_MASS,
    PROFILE_DEPTH,
    REJECTED_FACTOR,
)
from ranking.signals.input import SignalInput
from ranking.types import Doubles, Evidence, FeedbackMark, Influence, Longs, Mask

PREFIX = "session:"
"""Of the entries in `contributions`: session:goal, session:previous, session:feedback, session:reject."""

POSITIVE: Mapping[str, float] = {"open": 1.0, "cite": CITED_MASS}
"""Kind of feedback -> how much it counts."""


def share_of(weight: float, idf_added: float, idf_own: float) -> float:
    """How much of an influence a query gets, in [0, 1]; 0 where either has no word that says anything."""
    return min(1.0, weight * idf_added / idf_own) if idf_own > 0 and idf_added > 0 else 0.0


def bounded(influences: Sequence[Influence]) -> tuple[Influence, ...]:
    """The same, less of each alike where together they would weigh more than the query: that keeps half."""
    whole = math.fsum(one.share for one in influences)
    return tuple(replace(one, share=one.share / whole) if whole > 1.0 else one for one in influences)


def gains_of(ids: Sequence[str], order: Longs, scores: Doubles) -> dict[str, float]:
    """Document -> its score over that of the first one below the best PROFILE_DEPTH, or over the last."""
    if not len(order):
        return {}
    floor = float(scores[order[min(PROFILE_DEPTH, len(order) - 1)]])
    best = ((ids[row], float(scores[row]) - floor) for row in order[:PROFILE_DEPTH].tolist())
    return {document: gain for document, gain in best if gain > 0}


def learned_parts(scores: Doubles, given: SignalInput) -> dict[str, Doubles]:
    """By entry of `contributions` [n] what the session adds to these scores; only what is not nothing."""
    session = given.session
    if not given.params.session.use_profile:
        return {}
    ids, parts, changed = given.evidence.ids, dict[str, Doubles](), scores
    for influence in session.influences:
        gains = influence.gains
        part = influence.share * np.array([gains.get(document, 0.0) for document in ids])
        if part.any():
            parts[f"{PREFIX}{influence.name}"] = part
            changed = changed + part
    rejected = {mark.document for mark in session.marks if mark.kind == "reject"}
    if rejected and (rows := rejected_rows(rejected, given)).any():
        parts[f"{PREFIX}reject"] = np.where(rows, (changed - changed.min()) * (REJECTED_FACTOR - 1.0), 0.0)
    return parts


def best_found(evidence: Evidence) -> list[str]:
    """The DRIFT_DEPTH candidates of the best summed reciprocal ranks: what a query finds, before any weighing."""
    merit = np.zeros(evidence.size)
    for ranks in evidence.ranks.values():
        merit += np.where(ranks > 0, 1.0 / np.maximum(ranks, 1), 0.0)
    if evidence.size > DRIFT_DEPTH:  # sorting all of them by name would cost more than the rest of the profile
        least = np.partition(merit, -DRIFT_DEPTH)[-DRIFT_DEPTH]
        merit[merit < least] = 0.0
    rows = np.flatnonzero(merit).tolist()
    best = sorted((-merit[row], evidence.ids[row]) for row in rows)[:DRIFT_DEPTH]
    return [document for _, document in best]


def rejected_rows(rejected: Collection[str], given: SignalInput) -> Mask:
    """[n] rejected pages and their near-duplicates."""
    ids = given.evidence.ids
    rows = np.fromiter((document in rejected for document in ids), np.bool_, len(ids))
    for row, record in given.exposure.records.items():
        rows[row] |= record.document in rejected and not given.exposure.updated[row]
    return rows


# ---------------------------------------------------------------- what feedback weighs


def masses(marks: Iterable[FeedbackMark], site_of: Callable[[str], str | None]) -> dict[str, float]:
    """Document -> its part of the feedback, of the latest FEEDBACK_MARKS that were opened or cited, the latest first;
    together at most 1. No page has more than MAX_DOCUMENT_MASS, nor the pages of one site more than MAX_SITE_MASS: one
    page alone leaves most of the weight unused. `site_of`: None for a document that is gone."""
    latest: dict[str, float] = {}
    for mark in marks:
        latest.pop(mark.document, None)
        if mark.kind in POSITIVE:
            latest[mark.document] = POSITIVE[mark.kind]
    sites = {document: site_of(document) for document in reversed(latest)}
    kept = [document for document, site in sites.items() if site is not None][:FEEDBACK_MARKS]
    total = math.fsum(latest[document] for document in kept)
    mass = {document: min(latest[document] / total, MAX_DOCUMENT_MASS) for document in kept}
    for site in {sites[document] for document in kept}:
        own = [document for document in kept if sites[document] == site]
        held = math.fsum(mass[document] for document in own)
        if held > MAX_SITE_MASS:
            mass |= {document: mass[document] * MAX_SITE_MASS / held for document in own}
    return mass


# ---------------------------------------------------------------- whether it is the same topic


def drifts(best: Collection[str], known: Collection[str], words: Collection[str], asked: Collection[str]) -> bool:
    """Whether a query shares almost nothing with what is known: neither its best documents with `known`, nor its words
    with those that were `asked`. Both must say so, for either alone errs on reformulations. A query that finds nothing,
    or has no words, says nothing."""
    if not best or not words:
        return False
    overlap = sum(document in known for document in best) / len(best)
    terms = sum(word in asked for word in words) / len(words)
    return overlap < DRIFT_OVERLAP and terms < DRIFT_TERMS
