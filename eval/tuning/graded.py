"""Measures of many topics at once: given scores and grades as arrays, returns one value a topic.

The definitions of ir_measures (trec_eval's; nDCG with linear gains), of lists that are cut off at k. Not for runs on
disk: eval/measures.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from eval.errors import TuneError
from ranking.nearest import nearest
from ranking.types import Doubles

DEEPEST: Final = 100
"""What a search returns at most."""

_NAME: Final = re.compile(r"([A-Za-z]+)@([1-9][0-9]{0,4})")


def _ndcg(found: Doubles, gains: Doubles) -> Doubles:
    discounts = 1.0 / np.log2(np.arange(2, found.shape[1] + 2))
    ideal = gains @ discounts
    return _share(found @ discounts, ideal)


def _precision(found: Doubles, gains: Doubles) -> Doubles:
    return _share((found > 0).sum(axis=1), np.full(len(found), found.shape[1]))


def _recall(found: Doubles, relevant: Doubles) -> Doubles:
    return _share((found > 0).sum(axis=1), relevant)


def _reciprocal_rank(found: Doubles, gains: Doubles) -> Doubles:
    hits = found > 0
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0)


def _average_precision(found: Doubles, relevant: Doubles) -> Doubles:
    hits = found > 0
    precision = hits.cumsum(axis=1) / np.arange(1, found.shape[1] + 1)
    return _share((precision * hits).sum(axis=1), relevant)


def _share(part: Any, whole: Any) -> Doubles:
    """0 of nothing."""
    shares: Doubles = np.divide(part, whole, out=np.zeros(len(part)), where=np.asarray(whole) > 0)
    return shares


_OF_GAINS: Final[dict[str, Callable[[Doubles, Doubles], Doubles]]] = {
    "nDCG": _ndcg,
    "P": _precision,
    "RR": _reciprocal_rank,
}
_OF_COUNTS: Final[dict[str, Callable[[Doubles, Doubles], Doubles]]] = {"R": _recall, "AP": _average_precision}


@dataclass(frozen=True, slots=True)
class Graded:
    """A measure, cut off at k."""

    name: str
    k: int

    def __str__(self) -> str:
        return f"{self.name}@{self.k}"

    def of(self, found: Doubles, gains: Sequence[Sequence[int]]) -> Doubles:
        """[t] of the grades in the order of the ranks [t, k], zero beyond the end; `gains`: of each topic all positive
        grades, descending. A topic without any has 0."""
        if self.name in _OF_COUNTS:
            return _OF_COUNTS[self.name](found, np.array([len(each) for each in gains], np.float64))
        ideal = np.zeros(found.shape)
        for row, each in enumerate(gains):
            ideal[row, : len(each)] = each[: self.k]
        return _OF_GAINS[self.name](found, ideal)


def read_measure(text: str) -> Graded:
    """`nDCG@10`. TuneError for one that is not known here."""
    found = _NAME.fullmatch(text.strip())
    names = [*_OF_GAINS, *_OF_COUNTS]
    if not found or found[1] not in names or int(found[2]) > DEEPEST:
        name = found[1] if found else text.partition("@")[0]
        raise TuneError(
            f"{text!r} cannot be tuned for",
            path="--measure",
            hint=f"{', '.join(names)}, each with @1 to @{DEEPEST}, as in nDCG@10",
            did_you_mean=nearest(name, names),
        )
    return Graded(found[1], int(found[2]))


def top(scores: Doubles, grades: Doubles, k: int) -> Doubles:
    """[t, k] the grades of the k best of each row of `scores` [t, n], by (-score, column); -inf is nobody."""
    topics, size = scores.shape
    if size > k:
        least = np.partition(scores, size - k, axis=1)[:, size - k]
        rows, columns = np.nonzero(scores >= least[:, None])
    else:
        rows, columns = (each.ravel() for each in np.indices(scores.shape))
    order = np.lexsort((columns, -scores[rows, columns], rows))
    rows, columns = rows[order], columns[order]
    first = np.searchsorted(rows, np.arange(topics))
    places = np.arange(len(rows)) - first[rows]
    best = np.zeros((topics, k))
    kept = places < k
    best[rows[kept], places[kept]] = grades[rows[kept], columns[kept]]
    return best
