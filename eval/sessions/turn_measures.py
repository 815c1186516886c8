"""Measures of judged turns of a recorded session: given its calls and the judgements of its turns, returns numbers.

nDCG@10 of a page counts a document that comes back as a gain each time, so a system that shows new ones loses by it.
Beside it stand: the gain of a document only the first time that it is shown; the page with its stubs at the places
that they name, as a reader has it who reads them; and the session as a whole. Not for evidence of a whole session
(measures.py).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from eval.sessions.calls import Call
from eval.sessions.measures import weight

DEPTH: Final = 10
Grades = Mapping[str, int]
Judged = Mapping[int, Grades]
"""Place of a call (from 0) -> document -> grade, for the judged turns."""


def turn_measures(calls: Sequence[Call], judged: Judged, k: int) -> dict[str, float]:
    """Means over the judged turns; `nDCG@10 once` is absent when nothing was left to show in any of them."""
    once = [value for place, grades in judged.items() if (value := ndcg_once(calls, place, grades)) is not None]
    page = [ndcg(put_back(calls[place])[:DEPTH], grades) for place, grades in judged.items()]
    values = {f"nDCG@{DEPTH} with stubs": float(np.mean(page)), **session_values(calls, judged, k)}
    return values | ({f"nDCG@{DEPTH} once": float(np.mean(once))} if once else {})


def ndcg(documents: Sequence[str], grades: Grades) -> float:
    """nDCG@10 with linear gains (trec_eval's); 0 when nothing is relevant."""
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    best = _dcg(ideal)
    return _dcg([max(0, grades.get(document, 0)) for document in documents]) / best if best else 0.0


def ndcg_once(calls: Sequence[Call], place: int, grades: Grades) -> float | None:
    """nDCG@10 of the page at `place`, where a document that this session displayed in an earlier call has no gain
    (Järvelin and others 2008: a repeat is not rewarded), neither on the page nor on the ideal one. None when nothing
    relevant was left: such a turn says nothing of a system."""
    before = {document for call in calls[:place] for document, _ in call.shown}
    left = {document: grade for document, grade in grades.items() if document not in before}
    if not any(grade > 0 for grade in left.values()):
        return None
    return ndcg([document for document, _ in calls[place].shown], left)


def put_back(call: Call) -> list[str]:
    """The page with its stubs at the places that they name, best first; each pushes down what stands there."""
    page = [document for document, _ in call.shown]
    for rank, (document, _) in sorted(zip(call.ranks, call.stubs, strict=True)):
        page.insert(rank - 1, document)
    return page


def session_values(calls: Sequence[Call], judged: Judged, k: int) -> dict[str, float]:
    """sDCG and nsDCG of the session. A call is graded by the judgements of its turn, one that has none by the best
    grade of any turn: what the session as a whole is after. A document gains once, where it first gains. The ideal puts
    the best grade of each document at the heaviest places, which no system exceeds."""
    best: dict[str, int] = {}
    for grades in judged.values():
        for document, grade in grades.items():
            best[document] = max(grade, best.get(document, 0))
    total, counted = 0.0, set[str]()
    for place, call in enumerate(calls):
        grades = judged.get(place, best)
        for rank, (document, _) in enumerate(call.shown, start=1):
            grade = grades.get(document, 0)
            if grade > 0 and document not in counted:
                counted.add(document)
                total += grade * weight(place + 1, rank)
    ideal = _ideal(best.values(), len(calls), k)
    return {"sDCG": total, "nsDCG": total / ideal if ideal else 0.0}


def _ideal(grades: Collection[int], calls: int, k: int) -> float:
    weights = sorted((weight(call, rank) for call in range(1, calls + 1) for rank in range(1, k + 1)), reverse=True)
    return sum(grade * each for grade, each in zip(sorted(grades, reverse=True), weights, strict=False) if grade > 0)


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(1 + rank) for rank, gain in enumerate(gains[:DEPTH], start=1))
