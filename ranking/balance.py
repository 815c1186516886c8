"""The default weight of dense for 1 of bm25: given a plan and three numbers, returns it, before any posting is read.

    weight = max(floor, ceiling x u^decay x exp(-c))
    u = min(1, ln N / S)        c = N exp(-S) = N x product over words of (df + 1/2) / (N + 1)

N is the number of documents and S the sum of idf over the distinct words that score, each once: what the query says,
in nats, where ln N nats single out one document. The best of N unrelated documents holds about ln N nats of the query
by chance, so u is the share of the normalised bm25 that means nothing, and c is how many documents hold every word by
chance (words taken as independent; Church and Gale 1995 on idf as information).

Why it has this form, and what each factor stands for:
- u: bm25 is divided by S (k1+1), so the more a query says the closer together its scores lie, while cosines keep
  their spread: a fixed weight lets meaning drown the words of a long question. Dividing by ln N instead, which is
  independent of the query, is the same as weighing dense by u; the further half power is the averaging of about S
  saturations, whose spread falls with the root.
- exp(-c): the probability (Poisson) that no document holds the whole query by chance. Where that is unlikely the query
  is a name or a keyword, full matches abound, and an embedding of one bare word says less than title and frequency.

Reads the query (its words) and the collection (N and each df), never a collection's name. Boosts, repeats and
expansions are left out: they change what counts, not how much the query says. The numbers are `fuse.balance` of a
request. Not consulted when a request sets the weight itself, nor when it fuses its lists first (weights.fuses);
`resolved.weights` shows the outcome. Measured, with its shortfalls, in docs/adr/0010-balance.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ranking.constants import DENSE_CEILING, DENSE_DECAY, DENSE_FLOOR, DENSE_TO_BM25
from ranking.params import BalanceParams
from ranking.types import Plan

_NUMBERS = BalanceParams()
_DECIMALS = 4  # libm may differ in the last bit between machines; the order of results must not


def balance(plan: Plan, numbers: BalanceParams = _NUMBERS) -> float:
    """Weight of (1 + cos)/2. DENSE_TO_BM25 where there is nothing to read: no scored word, or at most one document."""
    return weight_of(
        said_by(plan),
        plan.statistics.documents,
        ceiling=numbers.ceiling,
        decay=numbers.decay,
        floor=numbers.floor,
    )


def said_by(plan: Plan) -> tuple[float, ...]:
    """idf (nats) of each distinct word of the query that scores: all that the rule reads beside N."""
    return tuple(planned.idf for planned in plan.terms if planned.scored and planned.term.source == "query")


def weight_of(
    idfs: Iterable[float],
    documents: int,
    *,
    ceiling: float = DENSE_CEILING,
    decay: float = DENSE_DECAY,
    floor: float = DENSE_FLOOR,
) -> float:
    """The formula above, for the idf (nats) of each distinct scored word and N; linear in the number of words."""
    said = math.fsum(idfs)
    if documents <= 1 or not said > 0.0:
        return DENSE_TO_BM25
    needed = math.log(documents)
    by_chance = min(1.0, needed / said)
    full_matches = math.exp(needed - said)
    return round(max(floor, ceiling * math.pow(by_chance, decay) * math.exp(-full_matches)), _DECIMALS)
