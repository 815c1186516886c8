"""Sketches of texts: given a title and a text, returns a MinHash signature (Broder 1997) of its word shingles.

Two signatures agree in a share of places that estimates the Jaccard similarity of the two shingle sets, with a
standard error of at most 0.5 / sqrt(permutations). The same text gives the same signature in every process.
Not for passages of a session: that is ranking's business, with shingles of its own.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from indexer.limits import ClusterLimits
from ranking.text import tokenize
from ranking.types import Hashes

Signatures = NDArray[np.uint32]
"""[n, permutations]."""

_SEED: Final = 0x5EED
_BLOCK: Final = 2_048  # shingles at a time: 2048 x 128 x 8 bytes fit the CPU's cache
_VOCABULARY: Final = 500_000  # remembered words
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: keeps word order in a shingle's hash


_UNSPACED: Final = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


class _Words(dict[str, int]):
    def __missing__(self, word: str) -> int:
        if len(self) >= _VOCABULARY:
            self.clear()
        self[word] = key = xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass"))
        return key


_WORDS = _Words()


def shingle_hashes(title: str, text: str, limits: ClusterLimits) -> Hashes:
    """Sorted distinct hashes of the runs of 5 words of `text`. A text too short for that to mean anything gives one
    hash, of title and text as a whole; an empty document gives none."""
    words = _words(text)
    count = len(words) - limits.shingle_words + 1
    if count < limits.min_shingles:
        whole = " ".join([*_words(title), "|", *words])
        encoded = whole.encode("utf-8", "surrogatepass")
        return np.array([xxhash.xxh3_64_intdigest(encoded)] if whole != "|" else [], dtype=np.uint64)
    hashed = np.fromiter(map(_WORDS.__getitem__, words), dtype=np.uint64, count=len(words))
    shingles = np.zeros(count, dtype=np.uint64)
    for place in range(limits.shingle_words):
        shingles = shingles * _STEP + hashed[place : place + count]
    return np.unique(shingles)


def _words(text: str) -> list[str]:
    """What white space separates, lower case: a copy keeps its commas, so a tokenizer's care would be wasted (it takes
    ten times as long). Only scripts without spaces need it."""
    return tokenize(text) if not text.isascii() and _UNSPACED.search(text) else text.lower().split()


def signature(shingles: Hashes, limits: ClusterLimits) -> NDArray[np.uint32]:
    """[permutations]; all ones for no shingles."""
    multiplier, addend = _permutations(limits.permutations)
    least = np.full(limits.permutations, np.iinfo(np.uint32).max, dtype=np.uint32)
    for start in range(0, len(shingles), _BLOCK):
        block = shingles[start : start + _BLOCK, None] * multiplier + addend
        np.minimum(least, (block >> np.uint64(32)).min(axis=0).astype(np.uint32), out=least)
    return least


def jaccard(first: Hashes, second: Hashes) -> float:
    """Exact, of sorted distinct hashes; 0 when both are empty."""
    both = len(np.intersect1d(first, second, assume_unique=True))
    either = len(first) + len(second) - both
    return both / either if either else 0.0


def _permutations(count: int) -> tuple[Hashes, Hashes]:
    """Odd multipliers and addends: x -> high half of a x + b mod 2^64 (Dietzfelbinger 1996)."""
    found = _CACHE.get(count)
    if found is None:
        random = np.random.Generator(np.random.PCG64(_SEED))
        drawn = random.integers(0, 1 << 64, size=(2, count), dtype=np.uint64)
        found = _CACHE[count] = (drawn[0] | np.uint64(1), drawn[1])
    return found


_CACHE: dict[int, tuple[Hashes, Hashes]] = {}
