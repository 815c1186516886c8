"""Measures of a session: given what was displayed and what a reader noticed of it, returns numbers.

Calls are counted from 1; a failed or empty call counts. Evidence counts once in a session, however often it is shown:
repeats would be rewarded otherwise. Tokens are those displayed, stubs and opened stubs among them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from eval.sessions.calls import Trajectory
from eval.sessions.readers import Reading

TOKEN_BUDGETS: Final = (500, 1_000, 2_000, 4_000, 8_000)
RANK_BASE: Final = 2.0
"""b of sDCG: how patient with a list."""
QUERY_BASE: Final = 4.0
"""bq of sDCG: how patient with another query."""
ALPHA: Final = 0.5
"""Of alpha-nDCG: what is left of an aspect's worth each time that it was covered."""
ALPHA_DEPTH: Final = 20

Lists = Sequence[Sequence[str]]
"""The documents shown, call by call, best first."""


def measures(reading: Reading, budget: int) -> dict[str, float]:
    """What this reader got out of the session; `budget` is the calls that it could have made."""
    found = [call for call, _ in reading.found.values()]
    shown = sum(call.shown for call in reading.calls)
    complete = len(found) == reading.evidence
    by_call = [sum(call <= number for call in found) / reading.evidence for number in range(1, budget + 1)]
    values = {f"recall@{number}": recall for number, recall in enumerate(by_call, start=1)}
    return values | {
        "recall": by_call[-1],
        "recall mean": sum(by_call) / budget,
        "all evidence": float(complete),
        "calls to all": float(len(reading.calls) if complete else budget),
        "new per call": len(found) / max(1, len(reading.calls)),
        "redundancy": sum(call.repeated for call in reading.calls) / shown if shown else 0.0,
        "shown": float(shown),
        "tokens": float(reading.calls[-1].tokens if reading.calls else 0),
    }


def token_measures(reading: Reading, per_call: int = 0) -> dict[str, float]:
    """Of however many calls it took: what was noticed within so many displayed tokens, and the calls begun by then.
    `per_call`: what a call costs besides, its query and its frame; nothing of it is displayed."""
    if per_call:
        reading = charged(reading, per_call)
    values = {f"recall@{size}t": recall_at_tokens(reading, size) for size in TOKEN_BUDGETS}
    for size in TOKEN_BUDGETS:
        values[f"calls@{size}t"] = float(
            sum(tokens < size for tokens in (0, *(call.tokens for call in reading.calls[:-1])))
        )
    return values


def charged(reading: Reading, per_call: int) -> Reading:
    """With so many more tokens for every call, paid when it is made."""
    calls = tuple(
        replace(call, tokens=call.tokens + per_call * number) for number, call in enumerate(reading.calls, start=1)
    )
    found = {document: (call, tokens + per_call * call) for document, (call, tokens) in reading.found.items()}
    return replace(reading, calls=calls, found=found)


def recall_at_tokens(reading: Reading, budget: int) -> float:
    """Share of the evidence noticed within so many displayed tokens."""
    return sum(tokens <= budget for _, tokens in reading.found.values()) / reading.evidence


def list_measures(trajectory: Trajectory, gold: Mapping[str, int], budget: int, k: int) -> dict[str, float]:
    """What the lists of the whole budget are worth, whoever reads them."""
    lists = [[document for document, _ in call.shown] for call in trajectory.calls]
    aspects = {document: frozenset({document}) for document in gold}
    flat = [document for each in lists for document in each]
    return {
        "sDCG": session_dcg(lists, gold),
        "nsDCG": normalised_session_dcg(lists, gold, budget, k),
        f"alpha-nDCG@{ALPHA_DEPTH}": alpha_ndcg(flat, aspects, ALPHA_DEPTH),
    }


def weight(call: int, rank: int) -> float:
    """1 / ((1 + log_bq call) (1 + log_b rank)): Järvelin, Price, Delcambre, Nielsen 2008."""
    return 1.0 / ((1.0 + math.log(call, QUERY_BASE)) * (1.0 + math.log(rank, RANK_BASE)))


def session_dcg(lists: Lists, gold: Mapping[str, int]) -> float:
    """sDCG: the sum of grade x weight over where each document was first shown."""
    total, seen = 0.0, set[str]()
    for call, documents in enumerate(lists, start=1):
        for rank, document in enumerate(documents, start=1):
            if document not in seen:
                seen.add(document)
                total += gold.get(document, 0) * weight(call, rank)
    return total


def normalised_session_dcg(lists: Lists, gold: Mapping[str, int], calls: int, k: int) -> float:
    """nsDCG: over the best that so many calls of k results could have done, whoever made fewer; after Kanoulas and
    others 2011."""
    weights = sorted((weight(call, rank) for call in range(1, calls + 1) for rank in range(1, k + 1)), reverse=True)
    grades = sorted((grade for grade in gold.values() if grade > 0), reverse=True)
    ideal = sum(grade * each for grade, each in zip(grades, weights, strict=False))
    return session_dcg(lists, gold) / ideal if ideal else 0.0


def alpha_ndcg(documents: Sequence[str], aspects: Mapping[str, frozenset[str]], depth: int) -> float:
    """alpha-nDCG of the lists of a session one after the other (Clarke and others 2008); a document that is shown again
    gains nothing. The ideal is the greedy one."""
    ideal = _alpha_dcg(_greedy(aspects, depth), aspects, depth)
    return _alpha_dcg(documents, aspects, depth) / ideal if ideal else 0.0


def _alpha_dcg(documents: Sequence[str], aspects: Mapping[str, frozenset[str]], depth: int) -> float:
    total, covered, seen = 0.0, dict[str, int](), set[str]()
    for rank, document in enumerate(documents[:depth], start=1):
        if document in seen:
            continue
        seen.add(document)
        for aspect in aspects.get(document, ()):
            total += (1.0 - ALPHA) ** covered.get(aspect, 0) / math.log2(1 + rank)
            covered[aspect] = covered.get(aspect, 0) + 1
    return total


def _greedy(aspects: Mapping[str, frozenset[str]], depth: int) -> list[str]:
    left, covered, order = sorted(aspects), dict[str, int](), list[str]()
    while left and len(order) < depth:
        best = max(left, key=lambda document: sum((1.0 - ALPHA) ** covered.get(each, 0) for each in aspects[document]))
        left.remove(best)
        order.append(best)
        for aspect in aspects[best]:
            covered[aspect] = covered.get(aspect, 0) + 1
    return order
