"""Lexical arithmetic over postings: given terms, returns BM25 of every matching row, or evidence on chosen rows.

BM25 as Robertson and Zaragoza 2009, per field and summed with field weights:
sum over terms, fields of boost x weight x idf x tf (k1 + 1) / (tf + k1 (1 - b + b dl / avgdl)).
Exact for any k1, b and weights, over any filter: numpy adds up whole postings (term at a time), so its cost is the
sum of document frequencies. Not for idf (the plan decides it) and not for final scores (ranking/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.arrays import Array, ranges
from indexer.postings import Field, Place, PostingSet
from ranking.types import FIELDS, Doubles, Floats, Longs, Mask, Positions

SCORE_DECIMALS: Final = 9
"""Scores are compared so rounded: the order of additions must not decide between equal documents."""

SCATTER_RATIO: Final = 12
"""A posting list up to so many times the candidates is read whole; a longer one is searched for each candidate."""


MAX_TERMS: Final = 4_096
"""Terms of one query: what 12 bits hold. 8,000 characters hold at most 4,000 words."""

_POSITION_SHIFT: Final = 12
_CANDIDATE_SHIFT: Final = 43


@dataclass(frozen=True, slots=True)
class Wanted:
    """One term: where each set holds it (by number of the set), and the fields it may match in."""

    places: tuple[tuple[Place, ...], ...]
    fields: frozenset[str]
    weight: float = 1.0  # idf x boost


class Norms:
    """k1 (1 - b + b dl / avgdl) of every row, per field; kept for the latest few (k1, b)."""

    def __init__(self, lengths: Mapping[str, Array], averages: Mapping[str, float]) -> None:
        self._lengths, self._averages = lengths, averages
        self._kept: dict[tuple[str, float, float], Doubles] = {}

    def of(self, field: str, k1: float, b: float) -> Doubles:
        norm = self._kept.get((field, k1, b))
        if norm is None:
            average = self._averages[field] or 1.0
            norm = k1 * (1 - b + b * (self._lengths[field].astype(np.float64) / average))
            if len(self._kept) >= 4 * len(FIELDS):
                self._kept = {}
            self._kept[field, k1, b] = norm
        return norm


def bm25(
    sets: Sequence[PostingSet], terms: Sequence[Wanted], weights: Mapping[str, float], norms: Norms, k1: float,
    b: float, rows: int,
) -> tuple[Doubles, int]:  # fmt: skip
    """(score of every row, 0 where nothing matches; postings read)."""
    documents: list[Array] = []
    frequencies: list[Array] = []
    counts: list[int] = []
    factors: list[float] = []
    spans: list[tuple[str, int]] = []
    for number, held in enumerate(sets):
        for name, weight in weights.items():
            field = held.fields.get(name)
            if field is None or not weight:
                continue
            total = 0
            for term in terms:
                if name not in term.fields or not term.places[number]:
                    continue
                found, tf = field.postings(term.places[number])
                if len(found):
                    documents.append(found + held.offset if held.offset else found)
                    frequencies.append(tf)
                    counts.append(len(found))
                    factors.append(term.weight * weight * (k1 + 1))
                    total += len(found)
            if total:
                spans.append((name, total))
    if not documents:
        return np.zeros(rows), 0
    where = np.concatenate(documents)
    tf = np.concatenate(frequencies).astype(np.float64)
    gain = np.repeat(np.array(factors), counts)
    gain *= tf
    at = 0
    for name, total in spans:
        tf[at : at + total] += norms.of(name, k1, b)[where[at : at + total]]
        at += total
    gain /= tf
    return np.bincount(where, weights=gain, minlength=rows).astype(np.float64, copy=False), len(where)


def best_rows(scores: Doubles, k: int, order: Array, allowed: Mask | None = None, signed: bool = False) -> Longs:
    """Rows of the k best scores, best first; ties by `order` (a number per row). Rows at 0 did not match, unless
    `signed` (negative weights): then every non-zero score counts."""
    matched = scores != 0 if signed else scores > 0
    if allowed is not None:
        matched &= allowed
    rows = np.flatnonzero(matched)
    values = np.round(scores[rows], SCORE_DECIMALS)
    if len(rows) > k:
        cut = np.partition(values, len(values) - k)[len(values) - k]
        kept = np.flatnonzero(values >= cut)
        rows, values = rows[kept], values[kept]
    ranked: Longs = rows[np.lexsort((order[rows], -values))][:k]
    return ranked


# ---------------------------------------------------------------- evidence on chosen rows


@dataclass(frozen=True, slots=True)
class Hits:
    """Postings of terms in some candidates of one set and field; parallel arrays."""

    term: Longs
    candidate: Longs  # index into the candidates
    posting: Longs
    stem: Longs
    variant: Longs  # -1: any surface


def find_hits(
    field: Field, places: Sequence[Sequence[Place]], documents: Array, candidates: Array, lookup: Array
) -> Hits | None:
    """Hits of each term's places in `documents` (ascending local numbers). `candidates`: the candidate that each of
    them is; `lookup`: the same by local number, -1 for every other document."""
    limit = SCATTER_RATIO * max(len(documents), 1)
    whole: list[tuple[int, int, int, int, int]] = []  # term, stem, variant, low, high
    parts: list[tuple[Array, Array, Array, Array, Array]] = []
    for term, held in enumerate(places):
        for stem, variant in held:
            low, high = field.slice(stem)
            if low == high:
                continue
            if high - low <= limit:
                whole.append((term, stem, variant, low, high))
            else:
                which, posting = field.find(stem, documents)
                if len(which):
                    size = len(which)
                    parts.append(
                        (np.full(size, term), candidates[which], posting, np.full(size, stem), np.full(size, variant))
                    )
    if whole:
        source = np.array(whole, np.int64)
        counts = source[:, 4] - source[:, 3]
        found = lookup[np.concatenate([field.documents[low:high] for _, _, _, low, high in whole])]
        at = np.flatnonzero(found >= 0)
        if len(at):
            ends = np.cumsum(counts)
            owner = np.searchsorted(ends, at, "right")
            posting = at - (ends - counts)[owner] + source[owner, 3]
            parts.append((source[owner, 0], found[at], posting, source[owner, 1], source[owner, 2]))
    if not parts:
        return None
    if len(parts) == 1:
        return Hits(*parts[0])
    return Hits(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def add_frequencies(
    tf: Floats,
    fields: Sequence[tuple[int, Field, Sequence[Sequence[Place]]]],
    documents: Array,
    candidates: Array,
    lookup: Array,
) -> None:
    """Add to `tf` [F, T, n] what find_hits and frequencies say of (place on the F axis, field, places of each term):
    one gather for all fields, without the hits between."""
    _, terms, size = tf.shape
    limit = SCATTER_RATIO * max(len(documents), 1)
    cells: list[Array] = []
    values: list[Array] = []
    held_documents: list[Array] = []
    held_frequencies: list[Array] = []
    bases: list[int] = []
    for number, field, places in fields:
        for term, held in enumerate(places):
            base = (number * terms + term) * size
            for stem, variant in held:
                low, high = field.slice(stem)
                if low == high:
                    continue
                if variant < 0 and high - low > limit:
                    which, posting = field.find(stem, documents)
                    cells.append(candidates[which] + base)
                    values.append(field.frequencies[posting])
                else:  # the field remembers the postings of single surfaces
                    found, many = field.postings(((stem, variant),))
                    held_documents.append(found)
                    held_frequencies.append(many)
                    bases.append(base)
    if bases:
        hit = lookup[np.concatenate(held_documents)]
        at = (hit >= 0).nonzero()[0]
        counts = [len(part) for part in held_documents]
        cells.append(np.array(bases).repeat(counts)[at] + hit[at])
        values.append(np.concatenate(held_frequencies)[at])
    if cells:
        counted = np.bincount(np.concatenate(cells), weights=np.concatenate(values), minlength=tf.size)
        tf += counted.reshape(tf.shape)


def frequencies(field: Field, hits: Hits, terms: int, size: int) -> Floats:
    """[terms, size] term frequencies of the hits."""
    tf = field.frequencies[hits.posting].astype(np.float64)
    exact = np.flatnonzero(hits.variant >= 0)
    if len(exact):
        starts, counts = _occurrences(field, hits, exact)
        same = field.variants[ranges(starts, counts)] == np.repeat(hits.variant[exact], counts)
        tf[exact] = np.add.reduceat(same, np.cumsum(counts) - counts, dtype=np.int64)
    cells = np.bincount(hits.term * size + hits.candidate, weights=tf, minlength=terms * size)
    return cells.reshape(terms, size).astype(np.float32)


def occurrence_keys(field: Field, hits: Hits) -> Longs:
    """Every occurrence as one sortable number: 20 bits of candidate, 31 of position, 12 of term."""
    starts, counts = _occurrences(field, hits, np.arange(len(hits.posting)))
    at = ranges(starts, counts)
    owner = np.repeat(hits.candidate.astype(np.int64) << _CANDIDATE_SHIFT | hits.term, counts)
    keys: Longs = owner | field.positions[at].astype(np.int64) << _POSITION_SHIFT
    if (hits.variant >= 0).any():
        variant = np.repeat(hits.variant, counts)
        keys = keys[(variant < 0) | (field.variants[at] == variant)]
    return keys


def parts_of(keys: Longs) -> tuple[Longs, Longs, Longs]:
    """(candidate, position, term) of occurrence keys."""
    position = (keys >> _POSITION_SHIFT) & (1 << _CANDIDATE_SHIFT - _POSITION_SHIFT) - 1
    return keys >> _CANDIDATE_SHIFT, position, keys & (1 << _POSITION_SHIFT) - 1


def positions_of(parts: Sequence[Longs], size: int) -> Positions:
    """Positions over `size` candidates from the occurrence keys of all sets."""
    keys = np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64)
    offsets = np.searchsorted(keys, np.arange(size + 1, dtype=np.int64) << _CANDIDATE_SHIFT)
    _, position, term = parts_of(keys)
    return Positions(offsets.astype(np.int64), term.astype(np.int32), position.astype(np.int32))


def _occurrences(field: Field, hits: Hits, which: Longs) -> tuple[Longs, Longs]:
    """(starts, counts) of the occurrences of these hits."""
    posting, stem = hits.posting[which], hits.stem[which]
    begin = field.before[posting].astype(np.int64)
    last = posting + 1 == field.pointer[stem + 1]
    size = field.uses[stem + 1] - field.uses[stem]
    after = np.where(last, size, field.before[np.minimum(posting + 1, len(field.before) - 1)])
    return begin + field.uses[stem], after - begin
