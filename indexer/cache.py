"""A bounded memo: given a key and how to compute its value, returns the value. Threads may share one."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

Value = TypeVar("Value")


class Cache:
    """A bounded memo that threads share: the oldest half goes when it is full."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: dict[Hashable, object] = {}

    def get(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        try:
            return self._entries[key]  # type: ignore[return-value]
        except KeyError:
            value = compute()
        if len(self._entries) >= self._capacity:
            self._entries = dict(list(self._entries.items())[self._capacity // 2 :])
        self._entries[key] = value
        return value
