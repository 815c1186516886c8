"""The catalogue of signals: given a name, returns what it means, costs and weighs, and how it is computed.

To add a signal: one function in this folder, one row here. The request schema, the documentation, explanations and
`/v1/signals` follow from the row. Not for weights of a request: see ranking/weights.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from ranking.constants import DENSE_TO_BM25
from ranking.errors import SignalError
from ranking.signals import dense, lexical, page, positional, retrieval, session
from ranking.signals.input import SignalInput, Values
from ranking.types import FIELDS, Doubles, Mask

Cost = Literal["free", "cheap", "moderate"]
"""CPU per 450 candidates and 10 terms: free below 0.02 ms, cheap below 0.2 ms, moderate up to some ms."""


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """One row. `weight` is the default one; `needs` says what the index must deliver (Plan.needs, and `session`)."""

    name: str
    summary: str
    formula: str
    source: str
    cost: Cost
    weight: float
    needs: frozenset[str]
    compute: Callable[[SignalInput], Values]
    range: tuple[float, float] = (0.0, 1.0)

    @property
    def of_session(self) -> bool:
        """Whether it depends on what a session did."""
        return "session" in self.needs


def _row(
    name: str,
    compute: Callable[[SignalInput], Values],
    needs: str,
    cost: Cost,
    summary: str,
    formula: str,
    source: str,
    weight: float = 0.0,
) -> SignalSpec:
    return SignalSpec(name, summary, formula, source, cost, weight, frozenset(needs.split()), compute)


_BM25: Final = "sum idf tf' (k1+1)/(tf'+k1) / sum idf (k1+1)"
_ROBERTSON: Final = "Robertson and Zaragoza 2009"

_ROWS: Final = (
    _row("bm25", lexical.bm25, "lexical", "cheap", "the query's words, over all weighted fields (BM25F)",
         _BM25 + ", tf' = sum_f w_f tf_f/(1-b+b dl_f/avgdl_f)", "Zaragoza et al. 2004; " + _ROBERTSON, 1.0),
    *(
        _row(f"bm25.{name}", lexical.bm25_of(name), "lexical", "cheap", f"the query's words in the {name} alone",
             _BM25 + ", tf' = tf/(1-b+b dl/avgdl)", _ROBERTSON)
        for name in FIELDS
    ),
    _row("coverage", lexical.coverage, "lexical", "cheap", "share of the query's words it holds",
         "matched terms / terms", "Vespa queryCompleteness"),
    _row("coverage_idf", lexical.coverage_idf, "lexical", "cheap", "the same, rare words counting more",
         "sum idf of matched terms / sum idf", "Vespa fieldMatch.significance"),
    _row("proximity", positional.proximity, "lexical positions", "moderate", "different query words close together",
         "x/(x+m), x = sum over neighbouring hits min(idf_i, idf_j)/distance^2, m = sum idf - max idf",
         "Rasolofo and Savoy 2003; Tao and Zhai 2007"),
    _row("min_window", positional.min_window, "lexical positions", "moderate", "all matched words in one short window",
         "matched^2 / (terms x tokens of the smallest window with every matched term)", "Tao and Zhai 2007"),
    _row("first_position", positional.first_position, "lexical positions", "cheap", "a query word early in the body",
         "1/(1 + first position/50)", "Vespa fieldMatch.earliness"),
    _row("phrase", lexical.phrase, "lexical", "free", "quoted phrases that occur", "phrases found / phrases",
         "Metzler and Croft 2005"),
    _row("exact_title", lexical.exact_title, "lexical", "free", "the title is the query",
         "1 if the title's words are the query's words, else 0", "Kraaij, Westerveld, Hiemstra 2002"),
    _row("dense", dense.dense, "dense", "free", "meaning of the best passage; unless set, its weight follows the query (balance.py)", "(1 + max cosine)/2",
         "Reimers and Gurevych 2019; Dai and Callan 2019", DENSE_TO_BM25),
    _row("dense_mean", dense.dense_mean, "dense", "free", "meaning of the best three passages",
         "(1 + mean of the top 3 cosines)/2", "Callan 1994"),
    _row("recency", page.recency, "attributes", "free", "published or modified lately",
         "2^(-age/365 days)", "Li and Croft 2003"),
    _row("authority", page.authority, "attributes", "free", "well linked, by PageRank", "column of the index",
         "Brin and Page 1998; Craswell et al. 2005"),
    _row("inlinks", page.inlinks, "attributes", "free", "how many pages link here", "x/(x + 10)",
         "Craswell et al. 2005"),
    _row("url_depth", page.url_depth, "attributes", "free", "close to the root of its site", "1/(1 + path segments)",
         "Kraaij, Westerveld, Hiemstra 2002"),
    _row("length", page.length, "attributes", "free", "enough text to be worth reading", "words/(words + 300)",
         "Singhal, Buckley, Mitra 1996"),
    _row("quality", page.quality, "attributes", "free", "reads like prose, not like navigation", "column of the index",
         "Bendersky, Croft, Diao 2011"),
    _row("retrievers", retrieval.retrievers, "", "free", "how many retrievers found it", "found by / retrievers",
         "Fox and Shaw 1994"),
    _row("fused", retrieval.fused, "lexical dense", "cheap",
         "the retrievers' lists as one; stands in for bm25 and dense unless fuse.method is linear",
         "rrf: sum w (k+1)/(k+rank) / sum |w|; linear: sum w score / sum |w|",
         "Cormack, Clarke, Buettcher 2009; Bruch, Gai, Ingber 2023"),
    _row("seen", session.seen, "session attributes", "cheap", "this reader was shown it, or a near-duplicate",
         "2^(-calls since/decay_calls) if seen and unchanged, else 0", "Guan, Zhang, Yang 2013"),
    _row("novelty", session.novelty, "session vectors", "moderate", "unlike what this reader was shown",
         "1 - max(0, largest cosine to what was shown)", "Carbonell and Goldstein 1998"),
)  # fmt: skip

SIGNALS: Final[Mapping[str, SignalSpec]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every signal by name, in the order in which scores add them up."""

RANK_PREFIX: Final = "rank."


def rank_signal(retriever: str) -> SignalSpec:
    """The signal of one retriever's own list; there is one for each retriever of a request."""
    return _row(
        f"{RANK_PREFIX}{retriever}",
        retrieval.rank_of(retriever),
        "",
        "free",
        f"its place in the list of {retriever}",
        "(k + 1)/(k + rank), k = 60",
        "Cormack, Clarke, Buettcher 2009",
    )


@lru_cache(maxsize=256)
def signals_for(retrievers: tuple[str, ...]) -> Mapping[str, SignalSpec]:
    """The catalogue with `rank.<retriever>` for each of these."""
    ranks = (rank_signal(name) for name in retrievers)
    return MappingProxyType({**SIGNALS, **{spec.name: spec for spec in ranks}})


@dataclass(frozen=True, slots=True)
class Signals:
    """Columns of S computed signals over n candidates, in the order of the catalogue."""

    names: tuple[str, ...]
    values: Doubles  # [S, n], each in [0, 1]
    missing: tuple[Mask | None, ...]  # per signal; None: every candidate had data

    def column(self, name: str) -> Doubles | None:
        """[n] one signal; None when it was not computed."""
        return self.values[self.names.index(name)] if name in self.names else None


def compute(given: SignalInput, specs: Iterable[SignalSpec]) -> Signals:
    """Compute these signals; SignalError names the signal and the document that came out wrong."""
    chosen = tuple(specs)
    values = np.empty((len(chosen), given.size))
    missing: list[Mask | None] = []
    for index, spec in enumerate(chosen):
        column, without = spec.compute(given)
        values[index] = column
        missing.append(without)
    sound = (values >= 0.0) & (values <= 1.0)  # NaN is neither
    if not sound.all():
        index, row = (int(place) for place in np.argwhere(~sound)[0])
        raise SignalError(
            f"signal {chosen[index].name} of document {given.evidence.ids[row]} is {values[index, row]}, not in [0, 1]",
            path=f"$.weights.{chosen[index].name}",
            hint=f'set this signal\'s weight to 0 and report it: {{"{chosen[index].name}": 0}}',
        )
    return Signals(tuple(spec.name for spec in chosen), values, tuple(missing))
