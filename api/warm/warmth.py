"""What each session keeps warm and what was guessed for it: given calls, remembers pools, predictions and accounts.

In this process and bounded; losing all of it costs time and changes no result. Thread-safe. Not for what a session
knows (sessions/), nor for running guesses (prefetch.py).
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from api.warm.index import Served
from api.warm.keys import Key, text_key
from api.warm.metrics import FOLLOW_UPS, GUESSED_MS, GUESSES, SAVED_MS
from api.warm.pools import Guess, Pool
from api.warm.settings import (
    COST_LEARNED,
    COSTS_KEPT,
    GUESSES_KEPT,
    LATEST_CALLS,
    MATCHING_JACCARD,
    MATCHING_TOP,
    PREFETCH_SHARE,
    PREFETCHES_A_CALL,
    TOUCHED,
    TRANSITIONS,
    WARM_SESSIONS,
)
from sessions.follow_ups import overlap, tokens_of

Owner = tuple[str, str]
"""(tenant, session id)."""


Kind = tuple[str, bool]
"""Of guesses that cost about the same: (collection, whether words alone are asked)."""

ANY: Final[Kind] = ("", False)

Origin = Literal["guess", "first", "previous", "earlier"]
"""Why a pool is warm: it was guessed, or a call made it. The call that brings an objective makes its pool, too."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A pool that is warm for a session."""

    origin: Origin
    pool: Pool


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One that was offered; `new` documents are expected. One of a predictor that is switched off is only noted, so
    that it can come back."""

    predictor: str
    query: str
    why: str
    covers: str
    new: int
    prefetched: bool
    offered: bool = True

    def body(self) -> dict[str, Any]:
        """As the answer says it."""
        return {
            "query": self.query,
            "why": self.why,
            "covers": self.covers,
            "new_expected": self.new,
            "prefetched": self.prefetched,
        }


@dataclass(slots=True)
class Account:
    """Of a session's guesses. `cpu_ms` of the session's own calls; `guessed_ms` of all guesses, `used_ms` of the good
    ones; `saved_ms` of its calls' waiting."""

    cpu_ms: float = 0.0
    guessed_ms: float = 0.0
    used_ms: float = 0.0
    saved_ms: float = 0.0
    calls: int = 0
    issued: int = 0
    dropped: int = 0
    used: int = 0
    late: int = 0

    def may_guess(self, expected_ms: float) -> bool:
        """Whether a guess of this cost may begin: the share holds when it has ended. What nobody knows the cost of yet
        may, once."""
        guessed_ms = self.guessed_ms + expected_ms
        return guessed_ms <= PREFETCH_SHARE * (self.cpu_ms + guessed_ms)

    def report(self) -> dict[str, Any]:
        """JSON-ready. coverage: calls that a guess served; precision: guesses that were of use; timeliness: those of
        them that were ready in time."""
        return {
            "issued": self.issued,
            "dropped": self.dropped,
            "used": self.used,
            "late": self.late,
            "cpu_ms": round(self.guessed_ms, 3),
            "wasted_cpu_ms": round(self.guessed_ms - self.used_ms, 3),
            "saved_ms": round(self.saved_ms, 3),
            "cpu_share": _share(self.guessed_ms, self.cpu_ms + self.guessed_ms),
            "coverage": _share(self.used, self.calls),
            "precision": _share(self.used, self.issued),
            "timeliness": _share(self.used - self.late, self.used),
        }


@dataclass(slots=True)
class _Trial:
    """What a predictor offered after one call, until a later one asks for it or it is too late."""

    predictor: str
    offers: list[FollowUp]
    calls: int = 0


@dataclass(slots=True)
class _Warm:
    first: tuple[Key, ...] = ()
    latest: deque[tuple[Key, ...]] = field(default_factory=lambda: deque(maxlen=LATEST_CALLS))
    touched: dict[Key, None] = field(default_factory=dict)
    most_touched: int = TOUCHED
    tiers: Counter[str] = field(default_factory=Counter)
    trials: list[_Trial] = field(default_factory=list)
    guessed: OrderedDict[Key, Key] = field(default_factory=OrderedDict)  # text of a guess -> its pool
    query: str = ""
    account: Account = field(default_factory=Account)

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(dict.fromkeys(key for keys in (self.first, *self.latest) for key in keys))


class Warmth:
    """See the module. `pool_of` looks a pool up without using it."""

    def __init__(self, pool_of: Callable[[Key], Pool | None]) -> None:
        self._pool_of = pool_of
        self._guard = threading.Lock()
        self._sessions: OrderedDict[Owner, _Warm] = OrderedDict()
        self._followed: OrderedDict[tuple[str, Key], tuple[str, str]] = OrderedDict()
        self._costs: OrderedDict[Kind, float] = OrderedDict()

    # ------------------------------------------------------------ calls

    def keys(self, owner: Owner) -> tuple[Key, ...]:
        """Of the pools of the session's first and latest calls, the latest last."""
        with self._guard:
            warm = self._sessions.get(owner)
            return warm.keys if warm else ()

    def noted(
        self,
        owner: Owner,
        query: str,
        served: Sequence[Served],
        top: Sequence[str],
        offered: tuple[FollowUp, ...],
        cpu_ms: float,
    ) -> tuple[tuple[Key, ...], list[tuple[str, bool]]]:
        """A call ended. Returns the pools to keep for the session, and of predictors whether they were right."""
        with self._guard:
            warm = self._sessions.setdefault(owner, _Warm())
            self._sessions.move_to_end(owner)
            while len(self._sessions) > WARM_SESSIONS:
                self._sessions.popitem(last=False)
            used = tuple(dict.fromkeys(each.key for each in served))
            warm.first = warm.first or used
            warm.latest.append(used)
            self._touch(warm, used)
            warm.tiers.update(each.tier for each in served)
            warm.account.cpu_ms += cpu_ms
            warm.account.calls += 1
            judged = self._judged(warm, query, top)
            if warm.query and warm.query != query:
                self._followed[owner[0], text_key(warm.query)] = (query, owner[1])
                while len(self._followed) > TRANSITIONS:
                    self._followed.popitem(last=False)
            warm.trials += [
                _Trial(predictor, [each for each in offered if each.predictor == predictor])
                for predictor in dict.fromkeys(each.predictor for each in offered)
            ]
            warm.query = query
            return warm.keys, judged

    def _touch(self, warm: _Warm, keys: Sequence[Key]) -> None:
        warm.touched.update(dict.fromkeys(keys))
        if len(warm.touched) > warm.most_touched:
            warm.touched = {key: None for key in warm.touched if self._pool_of(key) is not None}
            warm.most_touched = max(TOUCHED, 2 * len(warm.touched))

    def _judged(self, warm: _Warm, query: str, top: Sequence[str]) -> list[tuple[str, bool]]:
        """Of each predictor whose offers this call asked for, or are too old now, whether it was right."""
        tokens, judged, waiting = tokens_of(query), list[tuple[str, bool]](), list[_Trial]()
        for trial in warm.trials:
            trial.calls += 1
            if any(self._asked_for(warm, offer, tokens, top) for offer in trial.offers):
                judged.append((trial.predictor, True))
            elif trial.calls == LATEST_CALLS:
                judged.append((trial.predictor, False))
            else:
                waiting.append(trial)
        warm.trials = waiting
        for predictor, right in judged:
            FOLLOW_UPS.labels(predictor, "hit" if right else "miss").inc()
        return judged

    def _asked_for(self, warm: _Warm, offer: FollowUp, tokens: frozenset[str], top: Sequence[str]) -> bool:
        if overlap(tokens, tokens_of(offer.query)) >= MATCHING_JACCARD:
            return True
        key = warm.guessed.get(text_key(offer.query))
        pool = None if key is None or len(top) < MATCHING_TOP else self._pool_of(key)
        return pool is not None and set(top[:MATCHING_TOP]) <= set(pool.ids)

    def successors(self, tenant: str, query: str) -> tuple[str, ...]:
        """What this tenant asked after this very query, another time."""
        with self._guard:
            found = self._followed.get((tenant, text_key(query)))
            return (found[0],) if found else ()

    # ------------------------------------------------------------ guesses

    def knows(self, owner: Owner) -> bool:
        with self._guard:
            return owner in self._sessions

    def may_guess(self, owner: Owner, kind: Kind = ANY) -> bool:
        with self._guard:
            warm = self._sessions.get(owner)
            return warm is not None and warm.account.may_guess(self._costs.get(kind, 0.0))

    def guessed(
        self, owner: Owner, query: str, key: Key | None, cpu_ms: float, dropped: bool, kind: Kind = ANY
    ) -> None:
        """A guess ended. Costs count whatever became of it; what one costs that is not dropped is learned."""
        GUESSES.labels("issued").inc()
        GUESSED_MS.labels("all").inc(cpu_ms)
        if dropped:
            GUESSES.labels("dropped").inc()
        pool = None if key is None else self._pool_of(key)
        if pool is None:
            GUESSED_MS.labels("wasted").inc(cpu_ms)
        elif pool.guess is not None:
            pool.guess.cpu_ms = cpu_ms
        with self._guard:
            if not dropped:
                before = self._costs.pop(kind, cpu_ms)
                self._costs[kind] = before + (cpu_ms - before) * COST_LEARNED
                while len(self._costs) > COSTS_KEPT:
                    self._costs.popitem(last=False)
            warm = self._sessions.get(owner)
            if warm is None:
                return
            warm.account.issued += 1
            warm.account.dropped += dropped
            warm.account.guessed_ms += cpu_ms
            if key is not None:
                self._touch(warm, (key,))
                warm.guessed[text_key(query)] = key
                while len(warm.guessed) > GUESSES_KEPT:
                    warm.guessed.popitem(last=False)

    def guess(self, owner: Owner, query: str) -> Pool | None:
        """The pool that was guessed for this query, if it is still there."""
        with self._guard:
            warm = self._sessions.get(owner)
            key = warm.guessed.get(text_key(query)) if warm else None
        return None if key is None else self._pool_of(key)

    def used(self, guess: Guess, saved_ms: float, late: bool) -> None:
        """A guess was of use, to whichever session."""
        GUESSES.labels("used").inc()
        GUESSED_MS.labels("used").inc(guess.cpu_ms)
        SAVED_MS.observe(saved_ms)
        if late:
            GUESSES.labels("late").inc()
        with self._guard:
            warm = self._sessions.get(guess.owner)
            if warm is not None:
                warm.account.used += 1
                warm.account.late += late
                warm.account.used_ms += guess.cpu_ms
                warm.account.saved_ms += saved_ms

    # ------------------------------------------------------------ reading back

    def forget(self, owner: Owner) -> tuple[Key, ...]:
        """Everything of a session; returns every pool that it touched and that may still be there."""
        with self._guard:
            warm = self._sessions.pop(owner, None)
            for key, (_, session) in list(self._followed.items()):
                if (key[0], session) == owner:
                    del self._followed[key]
            return tuple(warm.touched) if warm else ()

    def kept(self, owner: Owner) -> list[Kept]:
        """What is warm for a session's next call: the latest guesses, as many as a call may make, then the pools of
        its previous call, of its first one and of others. A guess that a call used is that call's."""
        with self._guard:
            warm = self._sessions.get(owner) or _Warm()
            previous, *earlier = [*reversed(warm.latest)] or [()]
            made: dict[Key, Origin] = dict.fromkeys((key for keys in earlier for key in keys), "earlier")
            made |= dict.fromkeys(warm.first, "first")
            made |= dict.fromkeys(previous, "previous")
            guessed = [key for key in reversed(warm.guessed.values()) if key not in made][:PREFETCHES_A_CALL]
            order: dict[Key, Origin] = dict.fromkeys(guessed, "guess")
            order |= {key: made[key] for key in (*previous, *warm.first, *made)}
        found = [(origin, self._pool_of(key)) for key, origin in order.items()]
        return [Kept(origin, pool) for origin, pool in found if pool is not None]

    def report(self, owner: Owner) -> dict[str, Any]:
        """`pools` and `prefetch` of a session, JSON-ready."""
        with self._guard:
            warm = self._sessions.get(owner) or _Warm()
            keys, tiers, account = warm.keys, dict(sorted(warm.tiers.items())), warm.account.report()
        pools = [(key, self._pool_of(key)) for key in keys]
        return {
            "pools": {
                "warm": [
                    {
                        "id": key.hex(),
                        "generation": pool.scope.generation,
                        "candidates": len(pool.ids),
                        "bytes": pool.bytes,
                        "first": key in warm.first,
                    }
                    for key, pool in pools
                    if pool is not None
                ],
                "recalls": tiers,
            },
            "prefetch": account,
        }


def unused(pool: Pool) -> None:
    """A pool is gone; if it was a guess, nobody used it."""
    if pool.guess is not None:
        GUESSES.labels("unused").inc()
        GUESSED_MS.labels("wasted").inc(pool.guess.cpu_ms)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
