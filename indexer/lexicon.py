"""The words of a collection, for looking words up: by what they begin with, by a pattern, by edits away.

Given a request, returns words as documents write them, the commonest first, with the number of live documents that hold
each (df). That number is exact and costs a look at postings, so words are taken in the order of a bound on it, what
their stem has in all fields and sets together, until no other can be among the commonest. The list of all words is made
when it is first needed. Not for terms of a query (terms.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import heappush, heappushpop
from typing import Final

import numpy as np
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from indexer.arrays import Array
from indexer.patterns import words
from indexer.postings import PostingSet
from indexer.terms import Terms
from ranking.errors import ParamsError
from ranking.types import Longs, VocabularyWord

Bounded = tuple[str, int]
"""A word, and what its df cannot exceed."""


class Lexicon:
    """Words of one generation."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def find(self, kind: str, text: str, limit: int, distance: int) -> tuple[VocabularyWord, ...]:
        """See SearchIndex.vocabulary. Raises ParamsError for another kind, and for a pattern that is none."""
        search = _KINDS.get(kind)
        if search is None:
            raise ParamsError(f"{kind!r} is no way to look up words", hint=f"one of {', '.join(_KINDS)}")
        found: list[VocabularyWord] = []
        for away, offered in search(self, text, distance):
            if len(found) < limit:
                found += self._commonest(offered, limit - len(found), away)
        return tuple(found)

    def _commonest(self, offered: Iterable[Bounded], limit: int, away: int) -> list[VocabularyWord]:
        """The first `limit` by (-df, token) of words that come by descending bound."""
        best: list[int] = []  # the `limit` greatest df so far, the least first
        found: list[VocabularyWord] = []
        for token, bound in offered:
            if len(best) == limit and bound < best[0]:
                break
            df = self._terms.statistics(token, exact=True, stemmed=False).df
            if df:
                found.append(VocabularyWord(token, df, away))
                if len(best) < limit:
                    heappush(best, df)
                else:
                    heappushpop(best, df)
        return sorted(found, key=lambda word: (-word.df, word.token))[:limit]

    # ------------------------------------------------------------ kinds

    def _prefix(self, text: str, _: int) -> Iterable[tuple[int, Iterable[Bounded]]]:
        bounds: dict[str, int] = {}
        for held, known in zip(self._terms.sets, self._bounds, strict=True):
            tokens = np.array(held.vocabulary.with_prefix(text), np.int64)
            _add(bounds, held.vocabulary.surfaces.take(tokens), known[tokens])
        yield 0, sorted(bounds.items(), key=lambda item: -item[1])

    def _regex(self, text: str, _: int) -> Iterable[tuple[int, Iterable[Bounded]]]:
        every = self._words
        spans = words(text, every.text)
        yield 0, (every.at(begin) for begin, end in spans if end > begin)

    def _fuzzy(self, text: str, distance: int) -> Iterable[tuple[int, Iterable[Bounded]]]:
        every = self._words
        low, high = np.searchsorted(every.lengths, (len(text) - distance, len(text) + distance + 1)).tolist()
        near = every.by_length[low:high]
        if near:
            edits = cdist((text,), near, scorer=OSA.distance, score_cutoff=distance, dtype=np.int32)[0]
            for away in range(distance + 1):
                chosen = np.sort(every.places[low:high][edits == away])
                yield away, ((every.words[place], int(every.bounds[place])) for place in chosen.tolist())

    @cached_property
    def _bounds(self) -> list[Longs]:
        """[sets][tokens] what the df of each token cannot exceed in one set."""
        return [_bounds_of(held) for held in self._terms.sets]

    @cached_property
    def _words(self) -> _Words:
        bounds: dict[str, int] = {}
        for held, known in zip(self._terms.sets, self._bounds, strict=True):
            _add(bounds, held.vocabulary.surfaces.all(), known)
        return _Words.of(bounds)


_KINDS: Final[Mapping[str, Callable[[Lexicon, str, int], Iterable[tuple[int, Iterable[Bounded]]]]]] = {
    "prefix": Lexicon._prefix,
    "regex": Lexicon._regex,
    "fuzzy": Lexicon._fuzzy,
}
"""(edits away, words by descending bound), nearest first."""


@dataclass(frozen=True, slots=True)
class _Words:
    """All words by descending bound, in a row as UTF-8, a line each; and by length."""

    words: tuple[str, ...]
    bounds: Longs
    text: bytes
    starts: Longs  # of each line
    by_length: tuple[str, ...]
    lengths: Longs  # of those, ascending
    places: Longs  # of those in `words`

    @staticmethod
    def of(bounds: Mapping[str, int]) -> _Words:
        tokens = sorted(bounds)
        known = np.fromiter(map(bounds.__getitem__, tokens), np.int64, len(tokens))
        order = np.argsort(-known, kind="stable")
        tokens = [tokens[place] for place in order.tolist()]
        text = "\n".join([*tokens, ""]).encode("utf-8", "surrogatepass")
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
        places = np.argsort(lengths, kind="stable")
        return _Words(
            words=tuple(tokens),
            bounds=known[order],
            text=text,
            starts=np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends,
            by_length=tuple(tokens[place] for place in places.tolist()),
            lengths=lengths[places],
            places=places,
        )

    def at(self, begin: int) -> Bounded:
        """The word whose line begins there."""
        place = int(np.searchsorted(self.starts, begin))
        return self.words[place], int(self.bounds[place])


def _bounds_of(held: PostingSet) -> Longs:
    """[tokens] postings of each token's stem in all fields together."""
    vocabulary = held.vocabulary
    of_stems = np.zeros(vocabulary.stems, np.int64)
    for field in held.fields.values():
        of_stems += np.diff(field.pointer)
    return np.repeat(of_stems, np.diff(vocabulary.stem_first))


def _add(bounds: dict[str, int], tokens: Iterable[str], known: Array) -> None:
    for token, bound in zip(tokens, known.tolist(), strict=True):
        bounds[token] = bounds.get(token, 0) + bound
