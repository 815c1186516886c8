"""Neighbouring words of a query in a body: given the plan's terms and the places of hits, finds pairs and runs.

The chain is the query's own words that may stand in the body, in the order of the query: what expansion added has no
place in it. Two of its neighbours are adjacent in a body when they stand there as far apart as in the query, where a
stop word between them counts (a repeated one once, for a plan holds each word once). One sort finds every run, with no
loop over candidates or words. Not for what pairs are worth: see pairs.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ranking.types import Doubles, Ints, Longs, PlannedTerm

QUERY: Final = "query"
"""ScoredTerm.source of the query's own words."""
BODY: Final = "body"


@dataclass(frozen=True, slots=True)
class Chain:
    """C words. T scored terms of the plan, some of which are no words of the chain."""

    place: Longs  # [T] place in the chain, -1 for none
    offset: Longs  # [C] tokens from the query's first word, ascending
    weights: Doubles  # [C] idf x boost

    @property
    def pairs(self) -> int:
        """How many neighbours there are."""
        return max(len(self.offset) - 1, 0)

    @property
    def pair_weights(self) -> Doubles:
        """[P] the lesser weight of the two words, as Rasolofo and Savoy 2003 weigh a pair."""
        return np.minimum(self.weights[:-1], self.weights[1:])


@dataclass(frozen=True, slots=True)
class Runs:
    """Of n candidates."""

    pairs: Doubles  # [P, n] how often each pair of neighbours is adjacent, in order
    longest: Longs  # [n] words of the longest run; 1 for a lone word, 0 for none


def chain_of(terms: Sequence[PlannedTerm]) -> Chain:
    place: list[int] = []
    offset: list[int] = []
    weights: list[float] = []
    passed = 0
    for planned in terms:
        own = planned.term.source == QUERY and (not planned.term.fields or BODY in planned.term.fields)
        if planned.scored:
            place.append(len(offset) if own else -1)
            if own:
                offset.append(passed)
                weights.append(max(0.0, planned.idf * planned.term.boost))
        passed += own
    return Chain(np.array(place, np.int64), np.array(offset, np.int64), np.array(weights, np.float64))


def runs_of(hits: tuple[Longs, Ints, Longs], chain: Chain, size: int) -> Runs:
    """Hits of one run share position - offset, so that sorting by (row, that, place) makes a run of each."""
    words = len(chain.offset)
    rows, place, position = in_chain(hits, chain)
    pairs = np.zeros((chain.pairs, size))
    longest = np.zeros(size, np.int64)
    if not len(rows):
        return Runs(pairs, longest)
    start = position - chain.offset[place] + chain.offset[-1]  # at least 0
    stride = (int(start.max()) + 1) * words
    key = np.sort(rows * stride + start * words + place)
    follows = np.diff(key) == 1
    follows &= key[1:] % words != 0  # word 0 of the next start follows no word
    at = key[1:][follows]
    if chain.pairs:
        cells = (at % words - 1) * size + at // stride
        pairs = np.bincount(cells, minlength=pairs.size).astype(np.float64).reshape(pairs.shape)
    begins = np.flatnonzero(~np.concatenate(([False], follows)))
    lengths, owner = np.diff(begins, append=len(key)), key[begins] // stride
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    longest[owner[first]] = np.maximum.reduceat(lengths, first)
    return Runs(pairs, longest)


def near_pairs(hits: tuple[Longs, Ints, Longs], chain: Chain, reach: int, size: int) -> Doubles:
    """[P, n] how often hits of two neighbours of the chain stand less than `reach` tokens apart, in either order.

    Compares each hit with the next, the one after that, and so on, until all of those are too far away.
    """
    rows, place, position = in_chain(hits, chain)
    counts = np.zeros(chain.pairs * size)
    if len(rows) and chain.pairs:
        key = rows * (int(position.max()) + reach) + position  # of two candidates never closer than `reach`
        for lag in range(1, len(key)):
            near = key[lag:] - key[:-lag] < reach
            if not near.any():
                break
            first, second = place[:-lag], place[lag:]
            at = np.flatnonzero(near & (np.abs(second - first) == 1))
            counts += np.bincount(np.minimum(first[at], second[at]) * size + rows[at], minlength=len(counts))
    return counts.reshape(chain.pairs, size)


def in_chain(hits: tuple[Longs, Ints, Longs], chain: Chain) -> tuple[Longs, Longs, Longs]:
    """(row, place in the chain, position) of the hits of its words, in the same order."""
    rows, term, position = hits
    place = chain.place[term]
    if (chain.place >= 0).all():
        return rows, place, position
    kept = place >= 0
    return rows[kept], place[kept], position[kept]
