"""A map that is cheap to change a little: given a map, an edit of it, returns the next map; the old one stays.

Two dictionaries, the smaller of which holds the latest entries, so an edit copies that one only: with 2,000
documents in a session, copying all of them was a third of a commit's CPU. Iteration is in order of the latest
`put`. Equality is that of any mapping (order does not count). Not for maps that are edited by several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

SLACK: Final = 16
"""Entries that the latest layer may hold however small the rest is; beyond, an eighth of it."""


class Layers(Mapping[K, V]):
    """Never written to after it was made."""

    __slots__ = ("_derived", "_latest", "_rest", "_size")

    def __init__(
        self,
        rest: dict[K, V] | None = None,
        latest: dict[K, V] | None = None,
        size: int = -1,
        derived: dict[object, Any] | None = None,
    ) -> None:
        self._rest: dict[K, V] = {} if rest is None else rest
        self._latest: dict[K, V] = {} if latest is None else latest
        self._size = len(self._rest) + len(self._latest) if size < 0 else size
        self._derived: dict[object, Any] = {} if derived is None else derived  # belongs to `rest`

    def __getitem__(self, key: K) -> V:
        if key in self._latest:
            return self._latest[key]
        return self._rest[key]

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...
    def get(self, key: K, /, default: object = None) -> object:
        if key in self._latest:
            return self._latest[key]
        return self._rest.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._latest or key in self._rest

    def __iter__(self) -> Iterator[K]:
        latest = self._latest
        if not latest:
            return iter(self._rest)
        return (key for part in ((k for k in self._rest if k not in latest), latest) for key in part)

    def __reversed__(self) -> Iterator[K]:
        latest = self._latest
        return (
            key for part in (reversed(latest), (k for k in reversed(self._rest) if k not in latest)) for key in part
        )

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"Layers({dict(self)!r})"

    def edit(self) -> Edit[K, V]:
        """A draft of the next map."""
        return Edit(self._rest, dict(self._latest), self._size, self._derived)

    def parts(self, make: Callable[[Mapping[K, V]], D], kept: Callable[[D], D] | None = None) -> tuple[D, D]:
        """`make` of the bulk, computed once for all maps that share it, and of the latest layer; an entry that has a
        later value is in both. `kept` makes of the first what is worth some work, since it is asked again."""
        found = self._derived.get(make)
        if found is None:
            found = make(self._rest)
            found = self._derived[make] = kept(found) if kept else found
        return found, make(self._latest)

    def among(self, keys: Sequence[K]) -> list[int]:
        """Places of the keys that are here, ascending."""
        latest, rest = self._latest, self._rest
        return [place for place, key in enumerate(keys) if key in rest or key in latest]


class Edit(Mapping[K, V]):
    """The draft of one map: `put` and `remove`, then `done` once."""

    __slots__ = ("_derived", "_latest", "_own", "_rest", "_size")

    def __init__(self, rest: dict[K, V], latest: dict[K, V], size: int, derived: dict[object, Any]) -> None:
        self._rest = rest
        self._latest = latest
        self._size = size
        self._derived = derived
        self._own = False  # whether `rest` is ours to write to

    def put(self, key: K, value: V) -> None:
        """Sets the entry and makes it the latest."""
        if key in self._latest:
            del self._latest[key]
        elif key not in self._rest:
            self._size += 1
        self._latest[key] = value

    def remove(self, key: K) -> V:
        """Takes the entry out. Raises KeyError."""
        value = self[key]
        self._latest.pop(key, None)
        if key in self._rest:
            if not self._own:
                self._rest, self._own, self._derived = dict(self._rest), True, {}
            del self._rest[key]
        self._size -= 1
        return value

    def done(self) -> Layers[K, V]:
        rest, latest, derived = self._rest, self._latest, self._derived
        if len(latest) > SLACK + len(rest) // 8:
            rest = {key: value for key, value in rest.items() if key not in latest} | latest
            latest, derived = {}, {}
        return Layers(rest, latest, self._size, derived)

    def __getitem__(self, key: K) -> V:
        if key in self._latest:
            return self._latest[key]
        return self._rest[key]

    def __contains__(self, key: object) -> bool:
        return key in self._latest or key in self._rest

    def __iter__(self) -> Iterator[K]:
        return iter(Layers(self._rest, self._latest, self._size))

    def __len__(self) -> int:
        return self._size
