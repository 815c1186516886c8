"""Query vectors: given text, returns its unit vector, from memory when the same was asked before.

Texts that the model reads alike (letter case, for the built-in one) have one vector; one that is asked for several
times at once is computed once, by itself (docs/adr/0002, 0014). No text is kept, only what it hashes to. Not for
documents (indexer/segment.py encodes those).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from api.warm.flights import Flights
from api.warm.keys import Key, digest, text_key
from ranking.ports import Embedder
from ranking.types import Floats


@runtime_checkable
class TellsReading(Protocol):
    """An embedder that says what it reads of a text: equal readings have equal vectors."""

    def reading(self, text: str) -> bytes: ...


class QueryVectors:
    """Loads the model on first use; thread-safe; keeps the latest `size` vectors."""

    def __init__(self, load: Callable[[], Embedder], size: int) -> None:
        self._load = load
        self._size = size
        self._embedder: Embedder | None = None
        self._loading = threading.Lock()
        self._guard = threading.Lock()
        self._vectors: OrderedDict[Key, Floats] = OrderedDict()
        self._flights: Flights[Floats] = Flights()

    @property
    def embedder(self) -> Embedder:
        if self._embedder is None:
            with self._loading:
                if self._embedder is None:
                    self._embedder = self._load()
        return self._embedder

    def encode(self, text: str) -> tuple[Floats, bool]:
        """[d] vector and whether it was remembered, or was being computed for somebody else."""
        written = text_key(text)
        known = self._known(written)
        if known is not None:
            return known, True
        read = self._read(text, written)
        known = self._known(read)
        if known is not None:
            self._keep(written, known)
            return known, True
        vector, computed = self._flights.run(read, lambda: self._computed(text, read))
        self._keep(written, vector)
        return vector, not computed

    def remembered(self, text: str) -> Floats | None:
        """Its vector, if nothing needs to be computed for it."""
        written = text_key(text)
        known = self._known(written)
        return known if known is not None else self._known(self._read(text, written))

    def apart(self, size: int) -> QueryVectors:
        """The same model with a memory of its own: for texts that nobody will ask for again."""
        return QueryVectors(lambda: self.embedder, size)

    def forget(self) -> None:
        with self._guard:
            self._vectors.clear()

    def _read(self, text: str, written: Key) -> Key:
        """The key of what the model reads of it: of the text itself, where the model does not tell."""
        embedder = self.embedder
        return digest("read", embedder.reading(text)) if isinstance(embedder, TellsReading) else written

    def _computed(self, text: str, read: Key) -> Floats:
        known = self._known(read)
        if known is not None:  # it landed between the look and the flight
            return known
        vector: Floats = self.embedder.encode([text])[0]
        vector.setflags(write=False)
        self._keep(read, vector)
        return vector

    def _known(self, key: Key) -> Floats | None:
        with self._guard:
            known = self._vectors.get(key)
            if known is not None:
                self._vectors.move_to_end(key)
            return known

    def _keep(self, key: Key, vector: Floats) -> None:
        if not self._size:
            return
        with self._guard:
            self._vectors[key] = vector
            self._vectors.move_to_end(key)
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)
