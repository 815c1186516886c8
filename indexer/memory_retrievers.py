"""The retrievers of the oracle MemoryIndex: given a planned retriever and the pages that satisfy the condition, returns
what it finds, best first, by looking at every one of those pages.

Sums are rounded to nine decimals before they are ordered, so that sums of the same numbers in another order tie.
Not for serving; see memory.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from indexer.memory_pages import Page, Walk
from ranking.types import Filter, Floats, Plan, PlannedRetriever, TermStatistics

_DECIMALS: Final = 9
_RANK_CONSTANT: Final = 60  # Cormack, Clarke and Buettcher 2009

Pages = Mapping[str, Page]


@dataclass(frozen=True)
class Found:
    """Ids, best first; what each is worth in [0, 1], where the retriever says so."""

    ids: list[str]
    scores: dict[str, float] | None = None


@dataclass(frozen=True)
class _Words:
    """Words that count as one. `fields` empty: every field."""

    words: tuple[TermStatistics, ...]
    weight: float  # idf x boost
    fields: tuple[str, ...] = ()


class Retrievers:
    """`average_length` in tokens, by field."""

    def __init__(self, pages: Pages, walk: Walk, average_length: Mapping[str, float]) -> None:
        self._pages, self._walk, self._average_length = pages, walk, average_length

    def find(self, plan: Plan, retriever: PlannedRetriever, allowed: Pages) -> Found:
        """At most k of the allowed documents. The first bm25 retriever and a dense one of the plan's vector give no
        scores: lexical and dense evidence say more."""
        own, k = retriever.parameters, retriever.k
        match retriever.type:
            case "bm25":
                words = [
                    _Words((one.statistics,), one.idf * one.term.boost, one.term.fields)
                    for one in plan.terms
                    if one.kept and one.scored
                ]
                first = next(one for one in plan.retrievers if one.type == "bm25")
                return self._lexical(words, own, k, allowed, scored=retriever is not first)
            case "dense":
                sent = own.get("vector")
                return self._dense(plan.vector if sent is None else sent, k, allowed, scored=sent is not None)
            case "phrase":
                return self._phrase(own, k, allowed)
            case "prefix" | "regex" | "fuzzy" | "words":
                return self._lexical(_words_of(own), own, k, allowed)
            case "like":
                return self._like(own, k, {id: page for id, page in allowed.items() if id != own["itself"]})
            case "links":
                return self._links(own["of"], own["direction"], k, allowed)
            case "site_listing":
                return self._listing(own["node"], own["order"], plan.stem, k, allowed)
            case "ids" | "session":
                return Found([id for id in dict.fromkeys(own["ids"]) if id in allowed][:k])
        raise ValueError(f"no retriever is of type {retriever.type!r}")

    # ------------------------------------------------------------ words

    def _lexical(
        self, groups: Sequence[_Words], own: Mapping[str, Any], k: int, allowed: Pages, *, scored: bool = True
    ) -> Found:
        """BM25, a score being a share of the most it could be: every group at its full weight in every field. Where
        weights are negative, a document whose sum is below 0 has been found too."""
        k1, b = own["k1"], own["b"]
        signed = any(weight < 0 for weight in own["fields"].values())
        sums = {}
        for id, page in allowed.items():
            total = 0.0
            for field, weight in own["fields"].items():
                average = self._average_length[field] or 1.0
                norm = k1 * (1 - b + b * len(page.tokens[field]) / average)
                for group in groups:
                    tf = self._frequency(page, field, group)
                    if tf:
                        total += weight * group.weight * tf * (k1 + 1) / (tf + norm)
            if total > 0 or (signed and total < 0):
                sums[id] = total
        most = sum(group.weight * (k1 + 1) for group in groups) * sum(map(abs, own["fields"].values()))
        return _best(sums, k, {id: _clipped(total / most) for id, total in sums.items()} if scored else None)

    def _frequency(self, page: Page, field: str, group: _Words) -> int:
        """Tokens of the field that fit any word of the group."""
        if group.fields and field not in group.fields:
            return 0
        return len({at for word in group.words for at in self._places(page, field, word)})

    def _places(self, page: Page, field: str, word: TermStatistics) -> list[int]:
        return self._walk.hits(page, field, word.token, word.forms, word.exact)

    def _phrase(self, own: Mapping[str, Any], k: int, allowed: Pages) -> Found:
        counts = {}
        for id, page in allowed.items():
            counts[id] = sum(w * self._walk.phrase(page, field, own["phrase"]) for field, w in own["fields"].items())
        there = {id: count for id, count in counts.items() if count > 0}
        return _best(there, k, {id: count / (1 + count) for id, count in there.items()})

    # ------------------------------------------------------------ vectors

    def _dense(self, vector: Floats | None, k: int, allowed: Pages, *, scored: bool) -> Found:
        """The documents of the k nearest passages."""
        if vector is None:
            return Found([])
        passages = sorted((-float(own @ vector), id) for id, page in allowed.items() for own in page.vectors)[:k]
        best: dict[str, float] = {}
        for negative, id in passages:
            best.setdefault(id, -negative)
        scores = {id: _clipped((1 + cosine) / 2) for id, cosine in best.items()}
        return Found(list(best), scores if scored else None)

    def _like(self, own: Mapping[str, Any], k: int, others: Pages) -> Found:
        """Documents by reciprocal rank in a list by words and one by vector, as a share of being first in both."""
        lists = []
        if own["groups"]:
            lists.append(self._lexical(_words_of(own), own, k, others).ids)
        if own["vector"] is not None:
            lists.append(self._dense(own["vector"], k, others, scored=False).ids)
        sums: dict[str, float] = {}
        for ids in lists:
            for rank, id in enumerate(ids, start=1):
                sums[id] = sums.get(id, 0.0) + (_RANK_CONSTANT + 1) / (_RANK_CONSTANT + rank)
        return _best(sums, k, {id: total / len(lists) for id, total in sums.items()})

    # ------------------------------------------------------------ documents

    def _links(self, of: str, direction: str, k: int, allowed: Pages) -> Found:
        if direction == "in":
            url = self._pages[of].document.url if of in self._pages else of
            node = Filter("link", url)
            return Found(by_authority(page for page in allowed.values() if self._walk.satisfies(page, node, True))[:k])
        source = self._walk.resolve(of)
        if source is None:
            return Found([])
        targets = {self._walk.resolve(link.url) for link in self._pages[source].document.links}
        return Found(by_authority(page for id, page in allowed.items() if id in targets and id != source)[:k])

    def _listing(self, node: Filter, order: str, stemmed: bool, k: int, allowed: Pages) -> Found:
        pages = [page for page in allowed.values() if self._walk.satisfies(page, node, stemmed)]
        if order == "authority":
            return Found(by_authority(pages)[:k])
        if order == "url":
            listed = sorted(pages, key=lambda page: (_address(page.document.url), page.document.id))
        else:
            listed = sorted(pages, key=lambda page: (_newest_first(self._walk.date(page)), page.document.id))
        return Found([page.document.id for page in listed][:k])


def by_authority(pages: Iterable[Page]) -> list[str]:
    """Ids, the most authoritative first, ties by id."""
    return [page.document.id for page in sorted(pages, key=lambda page: (-page.authority, page.document.id))]


def _words_of(own: Mapping[str, Any]) -> list[_Words]:
    return [_Words(group.words, group.idf * group.boost) for group in own["groups"]]


def _best(sums: Mapping[str, float], k: int, scores: dict[str, float] | None) -> Found:
    rounded = {id: round(total, _DECIMALS) for id, total in sums.items()}
    ids = sorted(rounded, key=lambda id: (-rounded[id], id))[:k]
    return Found(ids, None if scores is None else {id: scores[id] for id in ids})


def _clipped(value: float) -> float:
    return float(np.clip(value, 0.0, 1.0))


def _address(url: str) -> str:
    scheme, found, rest = url.partition("://")
    return rest if found else scheme


def _newest_first(date: float) -> float:
    return math.inf if math.isnan(date) else -date
