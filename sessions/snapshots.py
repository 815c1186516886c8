"""Folded sessions kept in this process: given a key, the newest snapshot known here, or None.

Only a saving of work: the store compares incarnation, revision and seq with the file before it trusts one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TypeVar

from sessions.store import Snapshot

Key = tuple[str, str]


SnapshotT = TypeVar("SnapshotT", bound=Snapshot)


class Snapshots:
    """Least recently used go first once the kept ones hold more than `capacity` ids together."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Snapshot] = OrderedDict()
        self._weight = 0

    def get(self, key: Key) -> Snapshot | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Key, snapshot: Snapshot) -> None:
        """Keeps the newer one: a slow reader must not undo what a commit put here."""
        with self._lock:
            old = self._kept.get(key)
            if old is not None:
                if _age(old) > _age(snapshot):
                    return
                self._weight -= _weight(old)
            self._kept[key] = snapshot
            self._kept.move_to_end(key)
            self._weight += _weight(snapshot)
            while self._weight > self._capacity and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._weight -= _weight(gone)

    def drop(self, key: Key) -> None:
        with self._lock:
            gone = self._kept.pop(key, None)
            if gone is not None:
                self._weight -= _weight(gone)


def until(snapshot: SnapshotT, expires: float) -> SnapshotT:
    """The same, expiring then."""
    if snapshot.session.expires == expires:
        return snapshot
    return replace(snapshot, session=replace(snapshot.session, expires=expires))


def _age(snapshot: Snapshot) -> tuple[int, int, int]:
    return (snapshot.incarnation, snapshot.revision, snapshot.seq)


def _weight(snapshot: Snapshot) -> int:
    return snapshot.ledger.size + 10  # an empty session weighs something too
