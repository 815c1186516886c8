"""Lexical arithmetic over postings: given terms, returns BM25 of every matching row, or evidence on chosen rows.

BM25 as Robertson and Zaragoza 2009, per field and summed with field weights:
sum over terms, fields of boost x weight x idf x tf (k1 + 1) / (tf + k1 (1 - b + b dl / avgdl)).
Exact for any k1, b and weights, over any filter: numpy adds up whole postings (term at a time), so its cost is the
sum of document frequencies. Not for idf (the plan decides it) and not for final scores (ranking/).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from indexer.arrays import Array, ranges
from indexer.postings import Field, Place, PostingSet
from ranking.types import FIELDS, Doubles, Floats, Longs, Mask, Positions

SCORE_DECIMALS: Final = 9
"""Scores are compared so rounded: the order of additions must not decide between equal documents."""

SCATTER_RATIO: Final = 12
"""A posting list up to so many times the candidates is read whole; a longer one is searched for each candidate."""


MANY_PLACES: Final = 40
"""From so many posting lists on, reading all of them by one index costs less than a slice of each."""

FEW_DOCUMENTS: Final = 64
"""Up to so many, every posting list is searched: one way of reading costs less than two."""


_TERM_BITS: Final = 14
"""16,384 terms of one query. In a script without spaces each character begins a pair, and NFKC spells some out as
words: 8,149 different terms were made of 8,000 characters, too near to 13 bits."""

_POSITION_BITS: Final = 29
"""536 million tokens of one document: its text has at most 24 million characters (IngestLimits)."""

_POSITION_SHIFT: Final = _TERM_BITS
_CANDIDATE_SHIFT: Final = _TERM_BITS + _POSITION_BITS  # 20 bits of a signed 64 are left: under 1,048,576 candidates


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
    where: list[Array] = []
    gains: list[Array] = []
    for number, held in enumerate(sets):
        for name, weight in weights.items():
            field = held.fields.get(name)
            if field is None or not weight:
                continue
            asked = [(term.places[number], term.weight * weight * (k1 + 1)) for term in terms if name in term.fields]
            documents, tf, factor = _postings_of(field, [one for one in asked if one[0]])
            if len(documents):
                found = documents + held.offset if held.offset else documents
                where.append(found)
                gains.append(factor * tf / (tf + norms.of(name, k1, b)[found]))
    if not where:
        return np.zeros(rows), 0
    every = np.concatenate(where)
    scores = np.bincount(every, weights=np.concatenate(gains), minlength=rows)
    return scores.astype(np.float64, copy=False), len(every)


def _postings_of(field: Field, asked: Sequence[tuple[tuple[Place, ...], float]]) -> tuple[Array, Doubles, Doubles]:
    """(documents, frequencies, factor of each) of every term one after the other; a term is its places together."""
    whole = [(places[0][0], factor) for places, factor in asked if len(places) == 1 and places[0][1] < 0]
    stems = np.array([stem for stem, _ in whole], np.int64)
    low, high = field.pointer[stems].astype(np.int64), field.pointer[stems + 1].astype(np.int64)
    posting = ranges(low, high - low)
    documents, frequencies = [field.documents[posting]], [field.frequencies[posting]]
    factors, counts = [factor for _, factor in whole], (high - low).tolist()
    for places, factor in asked:
        if len(places) > 1 or places[0][1] >= 0:
            found, many = field.postings(places)
            documents.append(found)
            frequencies.append(many)
            factors.append(factor)
            counts.append(len(found))
    return (
        np.concatenate(documents),
        np.concatenate(frequencies).astype(np.float64),
        np.array(factors, np.float64).repeat(counts),
    )


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
    limit = SCATTER_RATIO * len(documents) if len(documents) > FEW_DOCUMENTS else 0
    whole: list[tuple[int, int, int, int, int]] = []  # term, stem, variant, low, high
    searched: list[tuple[int, int, int, int, int]] = []
    for term, held in enumerate(places):
        for stem, variant in held:
            low, high = field.slice(stem)
            if low < high:
                (whole if high - low <= limit else searched).append((term, stem, variant, low, high))
    parts = [
        *_hits_of_whole(field, whole, lookup),
        *_hits_of_searched(field, searched, documents, candidates),
    ]
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    names = Hits.__dataclass_fields__
    return Hits(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _hits_of_whole(field: Field, lists: Sequence[tuple[int, ...]], lookup: Array) -> list[Hits]:
    """Short lists: all their documents are looked up."""
    if not lists:
        return []
    source = np.array(lists, np.int64)
    counts = source[:, 4] - source[:, 3]
    found = lookup[np.concatenate([field.documents[low:high] for *_, low, high in lists])]
    at = np.flatnonzero(found >= 0)
    if not len(at):
        return []
    ends = np.cumsum(counts)
    owner = np.searchsorted(ends, at, "right")
    posting = at - (ends - counts)[owner] + source[owner, 3]
    return [Hits(source[owner, 0], found[at], posting, source[owner, 1], source[owner, 2])]


def _hits_of_searched(
    field: Field, lists: Sequence[tuple[int, ...]], documents: Array, candidates: Array
) -> list[Hits]:
    """Long lists: every document is searched for in each."""
    if not lists or not len(documents):
        return []
    source = np.array(lists, np.int64)
    wanted = documents.astype(np.int32, copy=False)  # another type would copy the list
    places = np.stack([field.documents[low:high].searchsorted(wanted) for *_, low, high in lists])
    posting = np.minimum(places + source[:, 3:4], source[:, 4:5] - 1)
    owner, which = (field.documents[posting] == wanted).nonzero()
    if not len(owner):
        return []
    return [Hits(source[owner, 0], candidates[which], posting[owner, which], source[owner, 1], source[owner, 2])]


def add_frequencies(
    tf: Floats,
    fields: Sequence[tuple[int, Field, Sequence[Sequence[Place]]]],
    documents: Array,
    candidates: Array,
    lookup: Array,
) -> None:
    """Add to `tf` [F, T, n] what find_hits and frequencies say of (place on the F axis, field, places of each term):
    one look at the candidates for all fields, without the hits between."""
    _, terms, size = tf.shape
    limit = SCATTER_RATIO * max(len(documents), 1)
    read = _Read([], [], [])
    cells: list[Array] = []
    values: list[Array] = []
    for number, field, places in fields:
        asked = [
            ((number * terms + term) * size, stem, variant)
            for term, held in enumerate(places)
            for stem, variant in held
        ]
        long = (
            _read_many(field, asked, limit, read) if len(asked) > MANY_PLACES else _read_few(field, asked, limit, read)
        )
        for base, stem in long:
            which, posting = field.find(stem, documents)
            cells.append(candidates[which] + base)
            values.append(field.frequencies[posting])
    if read.bases:
        hit = lookup[np.concatenate(read.documents)]
        at = (hit >= 0).nonzero()[0]
        cells.append(np.concatenate(read.bases)[at] + hit[at])
        values.append(np.concatenate(read.frequencies)[at])
    if cells:
        counted = np.bincount(np.concatenate(cells), weights=np.concatenate(values), minlength=tf.size)
        tf += counted.reshape(tf.shape)


class _Read(NamedTuple):
    """Postings that are read whole: parallel lists of arrays. `bases`: where the cells of its term begin."""

    documents: list[Array]
    frequencies: list[Array]
    bases: list[Array]


def _read_few(field: Field, asked: Sequence[tuple[int, int, int]], limit: int, read: _Read) -> list[tuple[int, int]]:
    """Put whole lists into `read`, one by one; returns (base, stem) of those that are too long for it."""
    long = []
    for base, stem, variant in asked:
        low, high = field.slice(stem)
        if low == high:
            continue
        if variant < 0 and high - low > limit:
            long.append((base, stem))
            continue
        found, many = field.postings(((stem, variant),)) if variant >= 0 else field.part(low, high)
        read.documents.append(found)
        read.frequencies.append(many)
        read.bases.append(np.full(len(found), base))
    return long


def _read_many(field: Field, asked: Sequence[tuple[int, int, int]], limit: int, read: _Read) -> list[tuple[int, int]]:
    """As _read_few, all lists at once."""
    base, stem, variant = np.array(asked, np.int64).T
    low, high = field.pointer[stem].astype(np.int64), field.pointer[stem + 1].astype(np.int64)
    whole = (variant < 0) & (high - low <= limit)
    counts = np.where(whole, high - low, 0)
    posting = ranges(low, counts)
    read.documents.append(field.documents[posting])
    read.frequencies.append(field.frequencies[posting])
    read.bases.append(base.repeat(counts))
    return _read_few(field, [asked[place] for place in (~whole).nonzero()[0].tolist()], limit, read)


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
    """Every occurrence as one sortable number: candidate, position and term, in as many bits as are named above."""
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
    position = (keys >> _POSITION_SHIFT) & (1 << _POSITION_BITS) - 1
    return keys >> _CANDIDATE_SHIFT, position, keys & (1 << _TERM_BITS) - 1


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
