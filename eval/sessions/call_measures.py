"""Measures of single calls: given what was displayed and what a reader noticed of it, says what each call was good for.

Calls are those that the reader made, to the one in which it noticed the last evidence. Not for lists as wholes
(measures.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from eval.sessions.calls import Call
from eval.sessions.readers import Reading

TRAIL: Final = 8_000
"""L of the U-measure, in displayed tokens: where a find is worth nothing any more."""


def call_measures(calls: Sequence[Call], reading: Reading, gold: Collection[str]) -> dict[str, float]:
    """Over the calls of the reading; all 0 without any."""
    made = calls[: len(reading.calls)]
    withheld = regretted(made, reading, gold)
    return {
        **kinds(made, gold),
        "regret": len(withheld) / reading.evidence,
        "lost": len(withheld - reading.found.keys()) / reading.evidence,
        "U": u_measure(reading),
        "cube test": len(reading.found) / reading.evidence / max(1, len(made)),
    }


def kinds(calls: Sequence[Call], gold: Collection[str]) -> dict[str, float]:
    """Shares of calls that displayed evidence for the first time, only evidence displayed before, none at all; and of
    those after the last of the first kind (arXiv 2608.01913, from judgements)."""
    displayed, counts, last = set[str](), {"productive": 0, "redundant": 0, "unproductive": 0}, 0
    for number, call in enumerate(calls, start=1):
        evidence = {document for document, _ in call.shown if document in gold}
        if evidence - displayed:
            counts["productive"] += 1
            last = number
        else:
            counts["redundant" if evidence else "unproductive"] += 1
        displayed |= evidence
    made = max(1, len(calls))
    return {f"{name} calls": count / made for name, count in counts.items()} | {
        "wasted tail": (len(calls) - last) / made
    }


def regretted(calls: Sequence[Call], reading: Reading, gold: Collection[str]) -> set[str]:
    """The evidence that, before it was noticed, a stateless page of as many results would have shown for the same
    query, and that neither the page nor a stub named: the regret of hiding."""
    found = set[str]()
    for number, call in enumerate(calls, start=1):
        named = {document for document, _ in (*call.shown, *call.stubs)}
        for document in call.stateless:
            noticed_at = reading.found.get(document, (number, 0))[0]
            if document in gold and document not in named and noticed_at >= number:
                found.add(document)
    return found


def u_measure(reading: Reading) -> float:
    """U (Sakai, Dou 2013): the mean over the evidence of how early it was noticed on the trail of displayed tokens,
    from 1 for at once to 0 for after TRAIL tokens and never."""
    return sum(max(0.0, 1 - tokens / TRAIL) for _, tokens in reading.found.values()) / reading.evidence
