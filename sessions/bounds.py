"""How a session stays small: given what is in memory and the limits, says what to fold and what to forget.

Events older than the newest `live_events` are folded into the summary (a ledger): what they say is kept, they
themselves are not. Only when more ids are known than `seen_ids` are the ones shown longest ago forgotten, and
when more readers than `readers`, the one idle longest. Forgetting needs the events that mention the id folded
first, or the next full fold would bring it back: `Folding.horizon` sees to it. After folding,
`advance(summary, live events)` equals the ledger that was kept all along. An id counts once for each reader and era in
which it was shown, so a fork of the past may exceed the bound until the next commit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sessions.events import Event
from sessions.ledger import NO_CUTS, Cuts, Ledger, Trail, TrailKey, advance, coalesced, count, without
from sessions.settings import SessionSettings

Shelf = Literal["seen", "mark"]


class Item(NamedTuple):
    """One entry of a trail."""

    key: TrailKey
    shelf: Shelf
    document: str


@dataclass(frozen=True, slots=True)
class Folding:
    """Fold the events up to `horizon`; forget `items`, and all trails of `readers`."""

    horizon: int
    items: tuple[Item, ...] = ()
    readers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Folded:
    """The outcome, with what changed in the summary, for stores that keep it by entry."""

    summary: Ledger
    ledger: Ledger
    written: tuple[Item, ...]
    removed: tuple[Item, ...]
    dropped: tuple[TrailKey, ...]


def overflow(ledger: Ledger, horizon: int, limits: SessionSettings) -> Folding | None:
    """What has to be done to come back within the limits; None: nothing."""
    target = horizon
    if ledger.seq - horizon > limits.live_events:
        target = ledger.seq - limits.live_events + min(limits.fold_step, limits.live_events)
    readers = _idle_readers(ledger, limits)
    for key, trail in ledger.trails.items():
        if key.reader in readers and trail.touched:
            target = max(target, trail.touched.seq)
    items: list[Item] = []
    kept = [(key, trail) for key, trail in ledger.trails.items() if key.reader not in readers]
    excess = sum(count(trail) for _, trail in kept) - limits.seen_ids
    if excess > 0:
        step = min(limits.forget_step, max(1, limits.seen_ids // 10))
        for seq, item in _take(_oldest_first(kept), excess + step - 1):
            items.append(item)
            target = max(target, seq)
    if target == horizon and not items and not readers:
        return None
    return Folding(target, tuple(items), readers)


def compact(summary: Ledger, events: Iterable[Event], ledger: Ledger, folding: Folding, cuts: Cuts = NO_CUTS) -> Folded:
    """Do it. `events`: the live ones up to the folding's horizon (later ones are passed over)."""
    grown = advance(summary, (event for event in events if event.seq <= folding.horizon), cuts)
    small = coalesced(_forget(grown, folding), cuts)
    written: list[Item] = []
    for key, trail in small.trails.items():
        old = summary.trails.get(key, Trail())
        if trail is old:
            continue
        written += [Item(key, "seen", d) for d, entry in trail.documents.items() if old.documents.get(d) is not entry]
        written += [Item(key, "mark", d) for d, entry in trail.marks.items() if old.marks.get(d) is not entry]
    removed = tuple(item for item in folding.items if _has(summary, item))
    dropped = tuple(key for key in summary.trails if key not in small.trails)
    return Folded(small, coalesced(_forget(ledger, folding), cuts), tuple(written), removed, dropped)


def _forget(ledger: Ledger, folding: Folding) -> Ledger:
    lost: dict[TrailKey, dict[Shelf, list[str]]] = {}
    for item in folding.items:
        lost.setdefault(item.key, {"seen": [], "mark": []})[item.shelf].append(item.document)
    trails = {key: trail for key, trail in ledger.trails.items() if key.reader not in folding.readers}
    for key, shelves in lost.items():
        trails[key] = without(trails[key], shelves["seen"], shelves["mark"])
    return Ledger(ledger.seq, trails, ledger.spent, sum(map(count, trails.values())))


def _has(ledger: Ledger, item: Item) -> bool:
    trail = ledger.trails.get(item.key)
    return trail is not None and item.document in (trail.documents if item.shelf == "seen" else trail.marks)


def _idle_readers(ledger: Ledger, limits: SessionSettings) -> frozenset[str]:
    latest: dict[str, int] = {}
    for key, trail in ledger.trails.items():
        seq = trail.touched.seq if trail.touched else 0
        latest[key.reader] = max(latest.get(key.reader, 0), seq)
    surplus = len(latest) - limits.readers
    return (
        frozenset(sorted(latest, key=lambda reader: (latest[reader], reader))[:surplus]) if surplus > 0 else frozenset()
    )


def _oldest_first(trails: Iterable[tuple[TrailKey, Trail]]) -> Iterator[tuple[int, Item]]:
    """Every entry with the seq of its latest event, oldest first; trails keep their entries in that order."""
    shelves: list[Iterator[tuple[int, Item]]] = []
    for key, trail in trails:
        shelves.append(_seen_of(key, trail))
        shelves.append(_marks_of(key, trail))
    return heapq.merge(*shelves, key=lambda entry: entry[0])


def _seen_of(key: TrailKey, trail: Trail) -> Iterator[tuple[int, Item]]:
    return ((entry.last_seq, Item(key, "seen", document)) for document, entry in trail.documents.items())


def _marks_of(key: TrailKey, trail: Trail) -> Iterator[tuple[int, Item]]:
    return ((entry.latest, Item(key, "mark", document)) for document, entry in trail.marks.items())


def _take(entries: Iterator[tuple[int, Item]], number: int) -> Iterator[tuple[int, Item]]:
    for entry, _ in zip(entries, range(number), strict=False):
        yield entry
