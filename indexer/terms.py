"""Query terms against an index: given a token, returns the forms that count as it, their documents, and df.

A stemmed term matches every token that shares its stem in one of the collection's main languages, and always its own
surface; an exact term matches its surface alone. df counts live documents. Everything here is cached per generation:
words repeat between queries. Not for scores (scoring.py) or phrases (phrases.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from indexer.analyze import stem
from indexer.arrays import Array
from indexer.cache import Cache
from indexer.postings import Place, PostingSet
from indexer.vocabulary import Vocabulary
from ranking.types import FIELDS, Mask, TermStatistics

_CACHED: Final = 50_000  # entries; a term's statistics take a few hundred bytes


@lru_cache(maxsize=_CACHED)
def forms_of(token: str, algorithms: tuple[str, ...]) -> tuple[str, ...]:
    """Stems of a token in the languages of a collection, most common language first."""
    return tuple(dict.fromkeys(stem(token, algorithm) for algorithm in algorithms)) or (token,)


class Terms:
    """Terms of one generation: `sets` of postings over `live` rows; `algorithms` stem its queries."""

    def __init__(self, sets: Sequence[PostingSet], live: Mask, algorithms: tuple[str, ...]) -> None:
        self.sets = tuple(sets)
        self.algorithms = algorithms
        self._live = live
        self._all_live = bool(live.all())
        self._places = Cache(_CACHED)
        self._statistics = Cache(_CACHED)

    def statistics(self, token: str, exact: bool, stemmed: bool) -> TermStatistics:
        surface = exact or not stemmed
        return self._statistics.get((token, surface), lambda: self._compute(token, surface))

    def _compute(self, token: str, surface: bool) -> TermStatistics:
        forms = (token,) if surface else forms_of(token, self.algorithms)
        field_df = dict.fromkeys(FIELDS, 0)
        parts = self.rows(token, forms, surface)
        if not self._all_live:
            parts = [(name, rows[self._live[rows]]) for name, rows in parts]
        for name, rows in parts:
            field_df[name] += len(rows)
        df = len(parts[0][1]) if len(parts) == 1 else 0
        if len(parts) > 1:
            seen = np.zeros(len(self._live), np.bool_)
            for _, rows in parts:
                seen[rows] = True
            df = int(np.count_nonzero(seen))
        return TermStatistics(token, forms, df, field_df, surface)

    def rows(self, token: str, forms: tuple[str, ...], surface: bool) -> list[tuple[str, Array]]:
        """(field, global rows that hold the term, ascending) wherever there are any, set by set."""
        found = []
        for held, places in zip(self.sets, self.places(token, forms, surface), strict=True):
            if places:
                for name, field in held.fields.items():
                    documents, _ = field.postings(places)
                    if len(documents):
                        found.append((name, documents + held.offset if held.offset else documents))
        return found

    def places(self, token: str, forms: tuple[str, ...], surface: bool) -> tuple[tuple[Place, ...], ...]:
        """Where each set's vocabulary holds the term."""
        key = (token, forms, surface)
        return self._places.get(key, lambda: tuple(self._find(held.vocabulary, *key) for held in self.sets))

    def _find(self, vocabulary: Vocabulary, token: str, forms: tuple[str, ...], surface: bool) -> tuple[Place, ...]:
        written = vocabulary.surface(token)
        if surface:
            return tuple(written)
        stems = sorted({found for form in forms if (found := vocabulary.stem(form)) >= 0})
        own = [(number, variant) for number, variant in written if number not in stems]
        return (*((found, -1) for found in stems), *own)


def main_algorithms(documents_by_algorithm: Mapping[str, int], share: float, most: int) -> tuple[str, ...]:
    """Stemming algorithms of the collection's main languages, commonest first; none for an unstemmed collection."""
    total = sum(documents_by_algorithm.values())
    ordered = sorted(documents_by_algorithm.items(), key=lambda item: (-item[1], item[0]))
    return tuple(name for name, count in ordered if name and count >= share * total)[:most]
