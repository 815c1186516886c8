"""Who stands on the page: given candidates best first, returns the same candidates with variety in front.

Every function reorders and never loses anyone, so a collection of one site still fills its page. Not for scores:
they are settled before, and every change of place is named (`moved`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ranking.constants import MMR_POOL
from ranking.errors import ParamsError
from ranking.nearest import nearest
from ranking.params import DiversifyParams
from ranking.types import META_PREFIX, Doubles, Evidence, Floats, Longs

ATTRIBUTES: Final[Mapping[str, str]] = {"site": "site", "cluster": "cluster"}
"""What max_per may name -> the column of Evidence.attributes; every other name is a label (Evidence.labels)."""

LABELS: Final = ("domain", "language", "filetype", "author")


def caps_of(params: DiversifyParams) -> dict[str, int]:
    """Field -> how many results of one value. Raises ParamsError for a field that no document has."""
    caps = {} if params.max_per_site is None else {"site": params.max_per_site}
    if params.collapse:
        caps["cluster"] = 1
    for name, limit in params.max_per.items():
        if name not in (*ATTRIBUTES, *LABELS) and not name.startswith(META_PREFIX):
            names = [*ATTRIBUTES, *LABELS]
            raise ParamsError(
                f"max_per cannot cap {name!r}",
                path=f"$.diversify.max_per.{name}",
                hint=f"one of {', '.join(names)}, or {META_PREFIX}<field> of the documents' metadata",
                did_you_mean=nearest(name, names),
            )
        caps[name] = min(limit, caps.get(name, limit))
    return caps


def cap(
    order: Sequence[int], columns: Mapping[str, NDArray[Any]], caps: Mapping[str, int], page: int
) -> tuple[list[int], dict[int, str]]:
    """(the first `page` rows of `order` of which no more than the cap share a value; if those are too few, the ones
    passed over fill up, in order; and for each that was passed over the field that it was too many of). A value of -1
    is no value and shares nothing."""
    active = [
        (name, columns[name][list(order)].tolist(), limit, dict[int, int]())
        for name, limit in caps.items()
        if name in columns
    ]
    if not active:
        return list(order[:page]), {}
    taken: list[int] = []
    passed: dict[int, str] = {}
    for place, row in enumerate(order):
        for name, values, limit, count in active:
            if count.get(values[place], 0) >= limit and values[place] != -1:
                passed[row] = name
                break
        else:
            for _, values, _, count in active:
                count[values[place]] = count.get(values[place], 0) + 1
            taken.append(row)
            if len(taken) >= page:
                break
    return [*taken, *list(passed)[: page - len(taken)]], passed


def maximal_marginal_relevance(
    order: Sequence[int], scores: Doubles, vectors: Floats, balance: float, page: int
) -> list[int]:
    """The whole of `order`, its first MMR_POOL x page rows put in the order of repeated
    argmax balance x relevance - (1 - balance) x largest cosine to those already taken (Carbonell and Goldstein 1998).
    Relevance is the score between the last and the first of the pool, cosines below 0 count as 0. Ties keep order."""
    pool = list(order[: MMR_POOL * page])
    if len(pool) < 2:
        return list(order)
    relevance = scores[pool] - scores[pool].min()
    relevance = relevance / relevance.max() if relevance.max() > 0 else relevance
    nearby = np.nan_to_num(vectors[pool]).astype(np.float64)
    closest = np.zeros(len(pool))
    left = np.ones(len(pool), dtype=np.bool_)
    taken: list[int] = []
    for _ in pool:
        gain = np.where(left, balance * relevance - (1.0 - balance) * closest, -np.inf)
        best = int(np.argmax(gain))
        left[best] = False
        taken.append(pool[best])
        np.maximum(closest, nearby @ nearby[best], out=closest)
    return taken + list(order[len(pool) :])


def arrange(
    order: Longs, scores: Doubles, evidence: Evidence, params: DiversifyParams, page: int
) -> tuple[list[int], dict[int, list[str]]]:
    """MMR if asked for, then the caps: the rows of the page, and for each row its moves in words."""
    caps = caps_of(params)
    natural = order.tolist()
    moves: dict[int, list[str]] = {}
    ordered = natural
    if params.method == "mmr" and evidence.vectors is not None:
        ordered = maximal_marginal_relevance(natural, scores, evidence.vectors, params.lambda_, page)
        note_moves(moves, "mmr", natural, ordered[:page])
    columns = {name: evidence.attributes[name] for name in caps if name in ATTRIBUTES and name in evidence.attributes}
    rows, passed = cap(ordered, {**columns, **evidence.labels}, caps, page)
    note_moves(moves, "cap", ordered, rows, passed)
    return rows, moves


def note_moves(
    moves: dict[int, list[str]],
    step: str,
    before: Sequence[int],
    after: Sequence[int],
    passed: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Add `step: old rank -> new rank` for each row whose place changed, with the fields of which rows before it were
    one too many, or it was itself: `cap site: 8 -> 5`, `cap site: 2 -> 9`."""
    if list(before[: len(after)]) == list(after):
        return
    places = {row: place for place, row in enumerate(before, start=1)}
    for place, row in enumerate(after, start=1):
        if places[row] != place:
            own = (
                [passed[row]]
                if row in passed
                else [passed[other] for other in before[: places[row] - 1] if other in passed]
            )
            why = " ".join([step, *dict.fromkeys(own)])
            moves.setdefault(row, []).append(f"{why}: {places[row]} -> {place}")
