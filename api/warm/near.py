"""Near queries: given a plan and the pools of plans that differ from it in words alone, returns the pool whose
candidates may stand for its own, if there is one.

Embedding and tokens must agree, and numbers, names and negations be equal: `with` and `without`, 2023 and 2024 never
meet. Even then a tenth of a page differs (docs/adr/0014), so a pool gives candidates and no order, and a request must
ask for it: `session.reuse: near`. Not for exact repeats (api/warm/keys.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from api.warm.pools import Pool
from api.warm.settings import NEAR_COSINE, NEAR_DEPTH, NEAR_JACCARD, NEAR_PROBE
from ranking.text import fold
from ranking.types import Evidence, Plan, PlannedRetriever
from sessions.follow_ups import overlap, tokens_of

NEGATIONS: Final = frozenset(
    "no not non nor none never neither without except excluding exclude unless cannot vs versus "
    "less more fewer greater before after since until above below over under least most first last "
    "nicht kein keine ohne pas sans jamais sin nunca senza".split()
)
"""Words that turn what follows around, or set one thing against another; contractions end in "n't"."""

POOL: Final = "pool"
"""The retriever that stands for another query's candidates."""

_NUMBER: Final = re.compile(r"\d+(?:[.,:/-]\d+)*")
_NAME: Final = re.compile(r"(?<![^\W_])[^\W\d_]*[A-Z\u00c0-\u00de][^\s]*")


@dataclass(frozen=True, slots=True)
class Signs:
    """What two texts must have alike, in order, however near they are otherwise."""

    numbers: tuple[str, ...]
    names: tuple[str, ...]
    negations: tuple[str, ...]


def signs_of(text: str) -> Signs:
    """A name is a word with a capital. One at the beginning may be none, and keeps two queries apart for nothing."""
    words = fold(text).replace("\u2019", "'").split()
    negated = (word.strip(".,;:!?()\"'") for word in words)
    return Signs(
        tuple(_NUMBER.findall(text)),
        tuple(word.strip(".,;:!?()\"'") for word in _NAME.findall(text)),
        tuple(word for word in negated if word in NEGATIONS or word.endswith("n't") or word.startswith("-")),
    )


def nearest(plan: Plan, pools: Iterable[Pool]) -> Pool | None:
    """The pool of the greatest overlap, the latest of equals."""
    there = [(pool, pool.vector) for pool in pools if pool.vector is not None]
    if plan.vector is None or not there:
        return None
    cosines = np.array([vector for _, vector in there]) @ plan.vector
    tokens, signs = tokens_of(plan.query.text), signs_of(plan.query.text)
    best, found = 0.0, None
    for row in np.flatnonzero(cosines >= NEAR_COSINE).tolist():
        text = there[row][0].text
        alike = overlap(tokens, tokens_of(text))
        if alike >= NEAR_JACCARD and alike > best and signs_of(text) == signs:
            best, found = alike, there[row][0]
    return found


def borrowed(plan: Plan, pool: Pool) -> Plan:
    """What an index is asked for instead: the pool's best candidates, and a few that words find anew."""
    words = [replace(one, k=min(one.k, NEAR_PROBE)) for one in plan.retrievers if one.type == "bm25"]
    best = tuple(pool.best(NEAR_DEPTH))
    ids = PlannedRetriever(POOL, "ids", len(best), {"ids": best})
    return replace(plan, retrievers=(*words, ids))


def as_asked(evidence: Evidence, plan: Plan) -> Evidence:
    """With a place for every retriever of the plan: what did not run found nothing. Proves nothing of what is best."""
    nobody = np.zeros(evidence.size, np.int32)
    ranks = {one.name: evidence.ranks.get(one.name, nobody) for one in plan.retrievers}
    return replace(evidence, ranks={**ranks, POOL: evidence.ranks[POOL]}, floors={})
