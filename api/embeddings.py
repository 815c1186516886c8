"""Query vectors: given text, returns its unit vector, from memory when the same text was asked before.

Not for documents (indexer/segment.py encodes those).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from ranking.ports import Embedder
from ranking.types import Floats


class QueryVectors:
    """Loads the model on first use; thread-safe; keeps the latest `size` vectors."""

    def __init__(self, load: Callable[[], Embedder], size: int) -> None:
        self._load = load
        self._size = size
        self._embedder: Embedder | None = None
        self._loading = threading.Lock()
        self._guard = threading.Lock()
        self._vectors: OrderedDict[str, Floats] = OrderedDict()

    @property
    def embedder(self) -> Embedder:
        if self._embedder is None:
            with self._loading:
                if self._embedder is None:
                    self._embedder = self._load()
        return self._embedder

    def encode(self, text: str) -> tuple[Floats, bool]:
        """[d] vector and whether it was remembered."""
        with self._guard:
            known = self._vectors.get(text)
            if known is not None:
                self._vectors.move_to_end(text)
                return known, True
        vector = self.embedder.encode([text])[0]
        vector.setflags(write=False)
        if self._size:
            with self._guard:
                self._vectors[text] = vector
                while len(self._vectors) > self._size:
                    self._vectors.popitem(last=False)
        return vector, False

    def apart(self, size: int) -> QueryVectors:
        """The same model with a memory of its own: for texts that nobody will ask for again."""
        return QueryVectors(lambda: self.embedder, size)

    def forget(self) -> None:
        with self._guard:
            self._vectors.clear()
