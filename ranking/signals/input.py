"""What every signal reads: given a plan, its evidence and a session, offers the parts that signals share, once each.

Axes: F fields in the order of FIELDS, T scored terms (stop words beside other words are left out), n candidates.
Arrays are computed at first use and must not be written to. Not for any signal's own formula.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from ranking.params import Bm25Retriever, Params
from ranking.seen import Exposure, exposure_of
from ranking.signals.chain import QUERY, Chain, Runs, chain_of, runs_of
from ranking.types import FIELDS, Doubles, Evidence, Floats, Ints, Longs, Mask, Plan, SessionState

SMALLEST: float = float(np.finfo(np.float64).tiny)
"""Divisor in place of 0: a length normaliser is 0 only where b is 1 and the field is empty."""
LARGEST: float = float(np.finfo(np.float32).max)
"""What a frequency may become when its field is empty and b is 1: finite, and saturated."""

Kept = TypeVar("Kept")

Values = tuple[Doubles, Mask | None]
"""A signal's column: values [n] in [0, 1], and which candidates had no data (None: all had)."""


@dataclass(frozen=True, slots=True)
class LexicalParameters:
    """k1, b and the weight of each field, in the order of FIELDS."""

    k1: float
    b: float
    weights: tuple[float, ...]

    @classmethod
    def of(cls, retriever: Bm25Retriever) -> LexicalParameters:
        return cls(retriever.k1, retriever.b, tuple(retriever.fields.get(name, 0.0) for name in FIELDS))

    def but(self, k1: float | None, b: float | None) -> LexicalParameters:
        """These, with another k1 or b where one is given."""
        return LexicalParameters(self.k1 if k1 is None else k1, self.b if b is None else b, self.weights)


@dataclass(frozen=True)
class SignalInput:
    """`params.retrieve` gives the lexical parameters: those of the first bm25 retriever, else the defaults."""

    plan: Plan
    evidence: Evidence
    session: SessionState
    now: float  # epoch seconds
    params: Params

    @property
    def size(self) -> int:
        return self.evidence.size

    @cached_property
    def lexical(self) -> LexicalParameters:
        first = next((one for one in self.params.retrieve if isinstance(one, Bm25Retriever)), None)
        return LexicalParameters.of(first or Bm25Retriever())

    @cached_property
    def scored(self) -> Longs:
        """[T] positions of the scored terms in Plan.terms."""
        return np.array([i for i, planned in enumerate(self.plan.terms) if planned.scored], dtype=np.int64)

    @cached_property
    def scores(self) -> Mask:
        """[terms of the plan]: which of them score."""
        return np.array([planned.scored for planned in self.plan.terms], dtype=np.bool_)

    @cached_property
    def query_words(self) -> Mask:
        """[terms of the plan]: which of them are words of the query itself, stop words among them; two words that the
        index takes for one are one."""
        taken: set[tuple[object, ...]] = set()
        own = []
        for planned in self.plan.terms:
            known = planned.statistics
            word = (known.forms, known.exact) if known.df else (planned.term.token,)
            own.append(planned.term.source == QUERY and word not in taken)
            taken.add(word)
        return np.array(own, dtype=np.bool_)

    @cached_property
    def term_weights(self) -> Doubles:
        """[T] idf x boost."""
        terms = self.plan.terms
        return np.array([max(0.0, terms[i].idf * terms[i].term.boost) for i in self.scored], dtype=np.float64)

    @cached_property
    def asked(self) -> Mask:
        """[F, T]: the term may stand in this field; all of them unless the query names one."""
        asked = [self.plan.terms[i].term.fields for i in self.scored]
        if not any(asked):
            return np.ones((len(FIELDS), len(asked)), dtype=np.bool_)
        return np.array([[not fields or name in fields for fields in asked] for name in FIELDS])

    @cached_property
    def tf(self) -> Floats:
        """[F, T, n]; 0 in a field that the term does not ask for."""
        tf = self.evidence.tf
        if len(self.scored) < len(self.plan.terms):
            tf = tf[:, self.scored, :]
        return tf if self.asked.all() else tf * self.asked[:, :, None]

    @cached_property
    def present(self) -> Mask:
        """[T, n]: the term stands in a field that it asks for."""
        return np.asarray((self.tf > 0).any(axis=0))

    @cached_property
    def relative_length(self) -> Doubles:
        """[F, n]: length of the field over its average; 1 where the average is unknown."""
        average = np.array([self.plan.statistics.average_length.get(name, 0.0) for name in FIELDS], dtype=np.float64)
        known = average > 0
        relative = self.evidence.dl / np.where(known, average, 1.0)[:, None]
        relative[~known] = 1.0
        return np.asarray(relative, dtype=np.float64)

    @cached_property
    def exposure(self) -> Exposure:
        """What this reader saw of the candidates."""
        return exposure_of(self.evidence, self.session, self.params.session.decay_calls)

    @cached_property
    def hits(self) -> tuple[Longs, Ints, Longs] | None:
        """Body hits of scored terms in order: row, index into the T axis, position. None: no positions came."""
        positions = self.evidence.positions
        if positions is None:
            return None
        rows = np.repeat(np.arange(self.size, dtype=np.int64), np.diff(positions.offsets))
        index = np.full(max(len(self.plan.terms), 1), -1, dtype=np.int32)
        index[self.scored] = np.arange(len(self.scored), dtype=np.int32)
        term = index[positions.term]
        where = positions.position.astype(np.int64)
        if len(self.scored) < len(self.plan.terms):
            keep = term >= 0
            return rows[keep], term[keep], where[keep]
        return rows, term, where

    @cached_property
    def first_hits(self) -> Longs:
        """Where in `hits` each candidate's begin; only of candidates that have some."""
        return np.flatnonzero(np.diff(self.hits[0], prepend=-1)) if self.hits is not None else np.zeros(0, np.int64)

    @cached_property
    def chain(self) -> Chain:
        """The query's own words in its order."""
        return chain_of(self.plan.terms)

    @cached_property
    def runs(self) -> Runs | None:
        """Neighbouring words of the query that are neighbours in the bodies too. None: no positions came."""
        return None if self.hits is None else runs_of(self.hits, self.chain, self.size)

    def kept(self, name: tuple[str, int], make: Callable[[], Kept]) -> Kept:
        """What `make` returned the first time for this name: two signals may need one slow thing."""
        if name not in self._kept:
            self._kept[name] = make()
        found: Kept = self._kept[name]
        return found

    @cached_property
    def _kept(self) -> dict[tuple[str, int], Any]:
        return {}

    def attribute(self, name: str) -> Doubles:
        """[n] a float column of Evidence.attributes; NaN when the index does not keep it."""
        column = self.evidence.attributes.get(name)
        return np.full(self.size, np.nan) if column is None else np.asarray(column, dtype=np.float64)


def add_up(rows: Doubles) -> Doubles:
    """[n] sums of the columns of [T, n], from the first row to the last. NumPy adds the rows of two columns or more in
    this order, but a single column pairwise, so that a lone candidate would differ in the last bit."""
    if rows.shape[1] == 1 and len(rows):
        return np.asarray(rows.cumsum(axis=0)[-1], dtype=np.float64)
    return np.asarray(rows.sum(axis=0), dtype=np.float64)


def rows_by_id(ids: Sequence[str]) -> Longs:
    """[n] rows in ascending order of id; an index delivers them so already."""
    if list(ids) == sorted(ids):
        return np.arange(len(ids), dtype=np.int64)
    return np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)


def nothing(size: int) -> Values:
    """The column of a signal that has data for no candidate."""
    return np.zeros(size), np.ones(size, dtype=np.bool_)


def known(values: Doubles) -> Values:
    """NaN becomes 0 and missing."""
    missing = np.isnan(values)
    if not missing.any():
        return values, None
    return np.where(missing, 0.0, values), missing


def without(values: Doubles, missing: Mask) -> Values:
    """The column with 0 where there was no data."""
    return (np.where(missing, 0.0, values), missing) if missing.any() else (values, None)


def within(values: Doubles) -> Doubles:
    """Clipped to [0, 1] against rounding; NaN stays NaN, so that a defect is not hidden."""
    return np.clip(values, 0.0, 1.0)


def saturate(values: Doubles, midpoint: float) -> Doubles:
    """x / (x + midpoint): 0 -> 0, midpoint -> 1/2, infinity -> 1. Negative counts are 0."""
    positive = np.maximum(values, 0.0)
    return np.asarray(1.0 - midpoint / (positive + midpoint), dtype=np.float64)
