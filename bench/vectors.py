"""An Embedder that remembers: given another and a file, computes each text's vector once, in all runs together.

A collection of 50,000 passages costs twenty CPU minutes to embed; a benchmark that is run again should not. Records
are appended as they are made, so a run that was stopped goes on. Not for the product, where segments remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from ranking.ports import Embedder
from ranking.types import Floats


class RememberedVectors:
    """Implements ranking.ports.Embedder; `threads` texts are encoded at once. Not thread-safe."""

    def __init__(self, embedder: Embedder, folder: Path, threads: int = 1) -> None:
        self._embedder = embedder
        self._threads = threads
        self._type = np.dtype([("key", "V16"), ("vector", np.float32, (embedder.dimension,))])
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / (embedder.id.replace("/", "_") + ".bin")
        self._path.touch()
        whole = self._path.stat().st_size // self._type.itemsize
        with self._path.open("r+b") as file:  # the last record of a killed run may be cut
            file.truncate(whole * self._type.itemsize)
        known = np.fromfile(self._path, self._type)
        self._vectors: dict[bytes, Any] = {
            bytes(key): row for key, row in zip(known["key"], known["vector"], strict=True)
        }
        self.computed = 0

    @property
    def id(self) -> str:
        return self._embedder.id

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def encode(self, texts: Sequence[str]) -> Floats:
        """[len(texts), dimension] float32, unit length."""
        keys = [xxhash.xxh3_128_digest(text.encode("utf-8", "surrogatepass")) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        if missing:
            with ThreadPoolExecutor(self._threads) as pool:
                made = list(pool.map(lambda text: self._embedder.encode([text])[0], missing.values()))
            self._vectors.update(zip(missing, made, strict=True))
            records = np.empty(len(missing), self._type)
            records["key"] = [np.void(key) for key in missing]
            records["vector"] = made
            with self._path.open("ab") as file:
                file.write(records.tobytes())
            self.computed += len(missing)
        return np.stack([self._vectors[key] for key in keys]) if texts else np.zeros((0, self.dimension), np.float32)
