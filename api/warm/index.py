"""An open index for one call, over the pools of its process: the SearchIndex port, and where each recall came from.

The same results as the index itself, to the byte, but for `reuse: near`, which says so. A plan that was recalled before
is answered from its pool; one that is being recalled is waited for, as long as the call's own deadline lets; what is
new is kept. Not for what decides a recall (api/warm/keys.py), nor for which pools a session keeps warm (warmth.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from api.errors import DeadlineError
from api.warm.flights import Abandoned, Flights, Late
from api.warm.keys import Key, Scope, frame_of, key_of, text_key
from api.warm.near import as_asked, borrowed, nearest
from api.warm.pages import Pages
from api.warm.pools import Guess, Pool, Pools, pool_of
from api.warm.settings import PAGES_SHARE
from ranking.ports import SearchIndex
from ranking.types import (
    CollectionStatistics,
    Doubles,
    Evidence,
    Floats,
    Node,
    Passage,
    PassageEvidence,
    Plan,
    Stage,
    StoredDocument,
    TermStatistics,
    VocabularyWord,
)

Tier = Literal["exact", "normalised", "near", "joined", "miss"]
"""How a recall was answered. `joined`: by work that was under way for somebody else."""

Reuse = Literal["off", "exact", "near"]

SERVED: Final[Mapping[Tier, str]] = {
    "exact": "cache", "normalised": "cache", "joined": "cache", "near": "pool", "miss": "index",
}  # fmt: skip
"""Tier -> `session.served_from`, but where a guess had been right."""


def served_from(index: SearchIndex, plan: Plan) -> str:
    """The `session.served_from` of an answer to this plan."""
    served = index.served(plan) if isinstance(index, PooledIndex) else None
    return "index" if served is None else served.source


class Dropped(Abandoned):
    """A guess gave way to a real request."""


class Cellar:
    """What calls of one process share: pools, pages, and what is in flight. `limit` in bytes; 0 keeps nothing."""

    def __init__(self, limit: int, dropped: Callable[[Pool], None] = lambda pool: None) -> None:
        self.pools = Pools(int(limit * (1 - PAGES_SHARE)), dropped)
        self.pages = Pages(int(limit * PAGES_SHARE))
        self.flights: Flights[tuple[Evidence, Pool]] = Flights()


@dataclass(frozen=True, slots=True)
class Served:
    """Of one recall. `guess`: whose guess had made the pool, when this is its first use; `late`: still at it."""

    key: Key
    tier: Tier
    saved_ms: float = 0.0
    guess: Guess | None = None
    late: bool = False

    @property
    def source(self) -> str:
        """`session.served_from`."""
        return "prefetch" if self.guess is not None else SERVED[self.tier]


@dataclass(frozen=True, slots=True)
class Terms:
    """On which a call uses the cellar. `keep`: leave pools there; `fresh`: look nothing up, for an explanation tells
    what a search costs; `due`: when waiting for others ends (time.perf_counter), and whether that is an error then;
    `going_on`: raises Dropped when it should not; `guess`: the session that this call is one for; `begun`: when."""

    reuse: Reuse = "exact"
    keep: bool = True
    fresh: bool = False
    due: float | None = None
    fail_when_due: bool = False
    going_on: Callable[[], None] = lambda: None
    guess: tuple[str, str] | None = None
    begun: float = field(default_factory=time.perf_counter)


@dataclass(slots=True)
class _Known:
    """Of a plan in this call: the plan, held so that its identity stays its own; its keys, its pool, its answers."""

    plan: Plan
    frame: Key
    key: Key
    pool: Pool | None = None
    served: list[Served] = field(default_factory=list)


class PooledIndex:
    """See the module. For one call, in one thread at a time; `thread` is the first."""

    def __init__(self, index: SearchIndex, cellar: Cellar, scope: Scope, terms: Terms) -> None:
        self._index, self._cellar, self._scope, self._terms = index, cellar, scope, terms
        self._known: dict[int, _Known] = {}
        self.thread = threading.get_ident()

    # ------------------------------------------------------------ what pools answer

    def recall(self, plan: Plan) -> Evidence:
        self._terms.going_on()
        known = self._know(plan)
        found = None
        if self._reads:
            begun = time.perf_counter()
            pool = self._cellar.pools.get(known.key)
            if pool is not None:
                known.served.append(self._hit(pool, plan))
                known.pool = pool
                stage = Stage("pool", (time.perf_counter() - begun) * 1_000, 0, len(pool.ids))
                return pool.answer(lambda: self._index.recall(plan), stage)
            found = self._near(plan, known)
        return found if found is not None else self._computed(plan, known)

    def passage_evidence(self, plan: Plan, ids: Sequence[str]) -> tuple[PassageEvidence, ...]:
        self._terms.going_on()
        known = self._know(plan)
        if known.pool is None or not self._terms.keep:
            return self._index.passage_evidence(plan, ids)
        return self._cellar.pools.passages(known.pool, ids, lambda: self._index.passage_evidence(plan, ids))

    def fetch(self, ids: Sequence[str], *, text: bool = False) -> tuple[StoredDocument, ...]:
        if text or not self._terms.keep:
            return self._index.fetch(ids, text=text)
        self._terms.going_on()
        return self._cellar.pages.get(self._scope, ids, self._index.fetch)

    def fetch_passages(self, wanted: Sequence[tuple[str, int]]) -> tuple[Passage, ...]:
        if not self._terms.keep:
            return self._index.fetch_passages(wanted)
        self._terms.going_on()
        return self._cellar.pages.get(self._scope, wanted, self._index.fetch_passages)

    # ------------------------------------------------------------ where it came from

    def served(self, plan: Plan) -> Served | None:
        """How this plan's latest recall was answered."""
        known = self._known.get(id(plan))
        return known.served[-1] if known is not None and known.served else None

    def all_served(self) -> list[Served]:
        """Every recall of the call, in order of plans."""
        return [each for known in self._known.values() for each in known.served]

    def warm(self, plan: Plan) -> Pool | None:
        """The pool that would answer this plan."""
        return self._cellar.pools.get(self._know(plan).key) if self._reads else None

    @property
    def bare(self) -> SearchIndex:
        """The index itself, for plans that nobody asks for again."""
        return self._index

    # ------------------------------------------------------------ within

    @property
    def _reads(self) -> bool:
        return self._terms.keep and not self._terms.fresh

    def _know(self, plan: Plan) -> _Known:
        known = self._known.get(id(plan))
        if known is None:
            frame = frame_of(self._scope, plan)
            known = self._known[id(plan)] = _Known(plan, frame, key_of(self._scope, plan, frame))
        return known

    def _hit(self, pool: Pool, plan: Plan) -> Served:
        tier: Tier = "exact" if pool.answered(text_key(plan.query.text)) else "normalised"
        return Served(pool.key, tier, pool.made_ms, self._guess_of(pool))

    def _guess_of(self, pool: Pool) -> Guess | None:
        """Whose guess it was, once: a pool that was of use is like any other."""
        guess = pool.guess
        if guess is None or self._terms.guess is not None:
            return None
        pool.guess = None
        return guess

    def _near(self, plan: Plan, known: _Known) -> Evidence | None:
        if self._terms.reuse != "near":
            return None
        pool = nearest(plan, self._cellar.pools.near(known.frame))
        if pool is None:
            return None
        evidence = self._index.recall(borrowed(plan, pool))
        known.served.append(Served(pool.key, "near", 0.0, self._guess_of(pool)))
        return as_asked(evidence, plan)

    def _computed(self, plan: Plan, known: _Known) -> Evidence:
        """From the index, once for all who ask for it now."""
        due = self._terms.due
        wait = None if due is None else max(0.0, due - time.perf_counter())

        landed = False

        def work() -> tuple[Evidence, Pool]:
            nonlocal landed
            pool = self._cellar.pools.get(known.key) if self._reads else None
            if pool is not None:  # it landed between the look and the flight
                landed = True
                return pool.answer(lambda: self._index.recall(plan), Stage("pool", 0.0, 0, len(pool.ids))), pool
            evidence = self._index.recall(plan)
            made_ms = (time.perf_counter() - self._terms.begun) * 1_000
            pool, evidence = pool_of(known.key, known.frame, self._scope, plan, evidence, made_ms)
            if self._terms.guess is not None:
                pool.guess = Guess(self._terms.guess, 0.0)
            if self._terms.keep:
                self._cellar.pools.put(pool)
            return evidence, pool

        try:
            (evidence, pool), led = self._cellar.flights.run(known.key, work, wait)
        except Late:
            if self._terms.fail_when_due:
                raise DeadlineError(
                    "the same search was under way for somebody else, and the budget was spent waiting for it",
                    path="$.budget.ms",
                    hint="send it again: its candidates are warm by then",
                    results=(),
                ) from None
            (evidence, pool), led = work(), True
        known.pool = pool
        if landed:
            known.served.append(self._hit(pool, plan))
            return evidence
        pool.answered(text_key(plan.query.text))
        if led:
            known.served.append(Served(pool.key, "miss"))
        else:
            if self._terms.keep and self._cellar.pools.peek(pool.key) is None:
                self._cellar.pools.put(pool)
            guess = self._guess_of(pool)
            known.served.append(Served(pool.key, "joined", 0.0, guess, late=guess is not None))
        return evidence

    # ------------------------------------------------------------ what the index answers itself

    @property
    def statistics(self) -> CollectionStatistics:
        return self._index.statistics

    def term_statistics(self, tokens: Sequence[tuple[str, bool]], *, stem: bool) -> tuple[TermStatistics, ...]:
        return self._index.term_statistics(tokens, stem=stem)

    def count(self, node: Node | None) -> int:
        return self._index.count(node)

    def vocabulary(self, kind: str, text: str, *, limit: int, distance: int = 1) -> tuple[VocabularyWord, ...]:
        return self._index.vocabulary(kind, text, limit=limit, distance=distance)

    def quantiles(self, name: str) -> Doubles | None:
        return self._index.quantiles(name)

    def facets(self, node: Node | None, names: Sequence[str], limit: int) -> Mapping[str, tuple[tuple[str, int], ...]]:
        return self._index.facets(node, names, limit)

    def names_in(self, passages: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], ...]:
        return self._index.names_in(passages)

    def passage_vectors(self, wanted: Sequence[tuple[str, int]]) -> Floats:
        return self._index.passage_vectors(wanted)

    def resolve(self, reference: str) -> str | None:
        return self._index.resolve(reference)

    def near_ids(self, reference: str, limit: int = 3) -> tuple[str, ...]:
        return self._index.near_ids(reference, limit)

    def describe(self) -> dict[str, Any]:
        return self._index.describe()

    def close(self) -> None:
        """The index is its reader's to close."""
