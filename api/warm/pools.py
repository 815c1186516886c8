"""Candidate pools of a process: given the key of a recall, keeps what the index answered, within a bound of bytes.

A pool holds evidence and nothing of any session: sessions personalise after it, so none can poison another. Arrays are
kept as small as they can be given back unchanged. The least recently used pool goes first, those of live sessions last.
Thread-safe. Not for deciding which pool answers a plan (api/warm/index.py) nor which are a session's (warmth.py).
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Final

import numpy as np

from api.warm.keys import Key, Scope
from api.warm.settings import (
    COLUMNS_READ,
    NEAR_LOOKED_AT,
    PAGES_OF_PASSAGES,
    PINNED_SHARE,
    SHARED_BYTES,
    TEXTS_OF_A_POOL,
)
from ranking.types import Evidence, Floats, PassageEvidence, Plan, Stage

Columns = dict[str, np.ndarray[Any, Any]]

SESSION_COLUMNS: Final = ("cluster", "content", "site")
"""What later calls of a session read of candidates, and the first may not: what was shown, changed, or is capped."""

_SMALL: Final = np.iinfo(np.uint8).max


class Attributes(Mapping[str, np.ndarray[Any, Any]]):
    """Evidence.attributes of a pool: columns that were read once are kept, others are asked for again, at once."""

    def __init__(self, known: Columns, source: Callable[[], Mapping[str, np.ndarray[Any, Any]]]) -> None:
        self._known, self._source = known, cache(source)

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._source()[name]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._source())

    def __len__(self) -> int:
        return len(self._source())


@dataclass(slots=True, eq=False)
class Pool:
    """One recall. `text`, `vector`: of the query that it was made for; nothing else of its plan, for filters may be
    long. `texts`: keys of queries that it answered; `guess`: who guessed it, until it is of use."""

    key: Key
    frame: Key
    scope: Scope
    text: str
    vector: Floats | None
    evidence: Evidence  # without attributes, and with `tf` as it is kept
    columns: Columns
    made_ms: float  # wall time until the evidence was there: about what a repeat saves
    texts: set[Key] = field(default_factory=set)
    passages: OrderedDict[tuple[str, ...], tuple[PassageEvidence, ...]] = field(default_factory=OrderedDict)
    guess: Guess | None = None

    @property
    def bytes(self) -> int:
        arrays = [getattr(self.evidence, each.name) for each in fields(self.evidence)]
        arrays += [*self.evidence.ranks.values(), *self.evidence.scores.values(), *self.columns.values()]
        kept = sum(each.nbytes for each in arrays if isinstance(each, np.ndarray))
        positions = self.evidence.positions
        if positions is not None:
            kept += positions.offsets.nbytes + positions.term.nbytes + positions.position.nbytes
        kept += max(0, COLUMNS_READ - len(self.columns)) * 8 * self.evidence.size
        read = sum(one.cosine.nbytes * 3 for page in self.passages.values() for one in page)
        asked = sys.getsizeof(self.text) + (0 if self.vector is None else self.vector.nbytes)
        ids = sys.getsizeof(self.evidence.ids)  # the ids themselves are the index's
        return kept + read + asked + ids + 2 * SHARED_BYTES

    def answered(self, text: Key) -> bool:
        """Whether it answered this very text before; from now on it did."""
        before = text in self.texts
        if len(self.texts) < TEXTS_OF_A_POOL:
            self.texts.add(text)
        return before

    @property
    def ids(self) -> tuple[str, ...]:
        return self.evidence.ids

    def best(self, most: int | None = None) -> list[str]:
        """Candidates, those first that some retriever ranks best."""
        last = np.iinfo(np.int32).max
        places = [np.where(each > 0, each, last) for each in self.evidence.ranks.values()]
        least = np.minimum.reduce(places) if places else np.zeros(self.evidence.size)
        return [self.ids[row] for row in np.argsort(least, kind="stable")[:most].tolist()]

    def answer(self, again: Callable[[], Evidence], stage: Stage) -> Evidence:
        """The evidence as the index gave it; `again` recalls, for a column that nobody has read yet."""
        return replace(
            self.evidence,
            tf=self.evidence.tf.astype(np.float32),
            attributes=Attributes(self.columns, lambda: again().attributes),
            stages=(stage,),
        )


@dataclass(slots=True, eq=False)
class Guess:
    """A pool that was made before anybody asked: for which session, at which cost in CPU time."""

    owner: tuple[str, str]
    cpu_ms: float


def pool_of(
    key: Key, frame: Key, scope: Scope, plan: Plan, evidence: Evidence, made_ms: float
) -> tuple[Pool, Evidence]:
    """A pool of this evidence, and the evidence whose reader fills the pool's columns."""
    columns: Columns = {name: evidence.attributes[name] for name in SESSION_COLUMNS if name in evidence.attributes}
    live = replace(evidence, attributes=Attributes(columns, lambda: evidence.attributes))
    kept = replace(evidence, tf=_small(evidence.tf), attributes={}, stages=())
    return Pool(key, frame, scope, plan.query.text, plan.vector, kept, columns, made_ms), live


def _small(tf: Floats) -> np.ndarray[Any, Any]:
    """As bytes where every frequency is a whole number that fits, which nearly all are."""
    if not tf.size or tf.max() > _SMALL or tf.min() < 0:
        return tf
    small = tf.astype(np.uint8)
    return small if np.array_equal(small, tf) else tf


class Pools:
    """At most `limit` bytes; 0 keeps nothing."""

    def __init__(self, limit: int, dropped: Callable[[Pool], None] = lambda pool: None) -> None:
        self.limit = limit
        self._dropped = dropped
        self._guard = threading.Lock()
        self._pools: OrderedDict[Key, Pool] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._bytes = self._pinned = 0
        self._pins: Counter[Key] = Counter()
        self._owners: OrderedDict[Hashable, tuple[float, tuple[Key, ...]]] = OrderedDict()

    def get(self, key: Key) -> Pool | None:
        with self._guard:
            found = self._pools.get(key)
            if found is not None:
                self._pools.move_to_end(key)
            return found

    def peek(self, key: Key) -> Pool | None:
        """As `get`; it counts as no use."""
        with self._guard:
            return self._pools.get(key)

    def put(self, pool: Pool) -> None:
        if not self.limit:
            return
        with self._guard:
            self._pools[pool.key] = pool
            self._pools.move_to_end(pool.key)
            self._weigh(pool)
            gone = self._make_room()
        for each in gone:
            self._dropped(each)

    def _grown(self, pool: Pool) -> None:
        with self._guard:
            if self._pools.get(pool.key) is not pool:
                return
            self._weigh(pool)
            gone = self._make_room()
        for each in gone:
            self._dropped(each)

    def passages(
        self, pool: Pool, ids: Sequence[str], ask: Callable[[], tuple[PassageEvidence, ...]]
    ) -> tuple[PassageEvidence, ...]:
        """Of these documents as a whole: sums of floats may differ in the last bit with what they are computed with.
        The pool grows by what was asked for."""
        asked = tuple(ids)
        with self._guard:
            found = pool.passages.get(asked)
        if found is None:
            found = ask()
            with self._guard:
                pool.passages[asked] = found
                while len(pool.passages) > PAGES_OF_PASSAGES:
                    pool.passages.popitem(last=False)
            self._grown(pool)
        return found

    def near(self, frame: Key) -> list[Pool]:
        """The latest pools that differ from one another in words alone."""
        with self._guard:
            latest = [pool for pool, _ in zip(reversed(self._pools.values()), range(NEAR_LOOKED_AT), strict=False)]
        return [pool for pool in latest if pool.frame == frame]

    def pin(self, owner: Hashable, keys: Sequence[Key], ttl: float) -> None:
        """These are what `owner` keeps warm from now on, for `ttl` seconds; nothing else of it."""
        now = time.monotonic()
        with self._guard:
            self._unpin(owner)
            self._owners[owner] = (now + ttl, tuple(keys))
            for key in keys:
                self._pinned += 0 if key in self._pins else self._sizes.get(key, 0)
                self._pins[key] += 1
            while self._owners and next(iter(self._owners.values()))[0] < now:
                self._unpin(next(iter(self._owners)))
            while len(self._owners) > 1 and self._pinned > self.limit * PINNED_SHARE:
                self._unpin(next(iter(self._owners)))

    def forget(self, owner: Hashable, keys: Sequence[Key]) -> None:
        """Unpin what `owner` keeps, and drop these pools: their texts are the owner's to erase."""
        with self._guard:
            self._unpin(owner)
            gone = [self._pools.pop(key) for key in dict.fromkeys(keys) if key in self._pools]
            for pool in gone:
                self._lost(pool.key)
        for pool in gone:
            self._dropped(pool)

    def size(self) -> tuple[int, int]:
        """(pools, bytes)."""
        with self._guard:
            return len(self._pools), self._bytes

    # ------------------------------------------------------------ within the guard

    def _weigh(self, pool: Pool) -> None:
        more = (size := pool.bytes) - self._sizes.get(pool.key, 0)
        self._sizes[pool.key] = size
        self._bytes += more
        self._pinned += more if pool.key in self._pins else 0

    def _lost(self, key: Key) -> None:
        size = self._sizes.pop(key)
        self._bytes -= size
        self._pinned -= size if key in self._pins else 0

    def _unpin(self, owner: Hashable) -> None:
        _, keys = self._owners.pop(owner, (0.0, ()))
        for key in keys:
            self._pins[key] -= 1
            if not self._pins[key]:
                del self._pins[key]
                self._pinned -= self._sizes.get(key, 0)

    def _make_room(self) -> list[Pool]:
        gone: list[Pool] = []
        while self._bytes > self.limit and self._pools:
            key = next((key for key in self._pools if key not in self._pins), next(iter(self._pools)))
            gone.append(self._pools.pop(key))
            self._lost(key)
        return gone
