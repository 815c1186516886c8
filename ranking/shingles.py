"""Text as a small set of numbers: given a passage, returns hashes of its word shingles, to tell what was read before.

The same text gives the same set in every process and version of Python. Sampled: a quarter of the shingles, chosen
by their hash, so that the sets of two texts keep the shingles they share (Broder 1997). Not for finding
near-duplicate pages: the index clusters those.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Final
from zlib import crc32

import numpy as np

from ranking.constants import SHINGLE_SAMPLE, SHINGLE_WORDS
from ranking.text import tokenize
from ranking.types import Hashes

_BITS_DROPPED: Final = np.uint64(11)  # 53 bits remain: every JSON reader keeps them exactly
_MULTIPLIER: Final = 0x9E3779B97F4A7C15  # odd, bits well mixed: 2^64 over the golden ratio
_POWERS: Final = np.array([pow(_MULTIPLIER, power, 1 << 64) for power in range(1, SHINGLE_WORDS + 1)], dtype=np.uint64)
_WORDS_REMEMBERED: Final = 65_536
"""Words whose numbers are kept, 100 bytes each: those of a page's neighbours are mostly the same."""


def shingles(text: str) -> frozenset[int]:
    """Hashes below 2^53; empty for a text without words. A text shorter than a shingle is one shingle."""
    return shingles_of((text,))[0]


def shingles_of(texts: Sequence[str]) -> list[frozenset[int]]:
    """`shingles` of each text, computed together: a page of results is twenty small texts."""
    words = [tokenize(text) for text in texts]
    counts = np.array([len(tokens) for tokens in words], dtype=np.int64)
    numbers = np.fromiter(map(_number, chain.from_iterable(words)), np.uint64, int(counts.sum()))
    many = max(len(numbers) - SHINGLE_WORDS + 1, 0)  # runs of words, those across two texts among them
    hashes = _hashes(numbers, SHINGLE_WORDS)
    sampled = hashes % np.uint64(SHINGLE_SAMPLE) == 0
    found: list[frozenset[int]] = []
    end = 0
    for count in counts.tolist():
        start, end = end, end + count
        if count < SHINGLE_WORDS:
            found.append(frozenset(_hashes(numbers[start:end], count).tolist()))
            continue
        last = min(end - SHINGLE_WORDS + 1, many)
        own = hashes[start:last]
        found.append(frozenset(own[sampled[start:last]].tolist()) or frozenset((int(own.min()),)))
    return found


def _hashes(numbers: Hashes, width: int) -> Hashes:
    """One hash for each run of `width` words; none for fewer words or width 0."""
    many = len(numbers) - width + 1
    if width < 1 or many < 1:
        return np.empty(0, np.uint64)
    sums = numbers[:many] * _POWERS[0]
    for place in range(1, width):
        sums += numbers[place : place + many] * _POWERS[place]
    return _mix(sums) >> _BITS_DROPPED


@lru_cache(maxsize=_WORDS_REMEMBERED)
def _number(token: str) -> int:
    """A word as a number, never 0."""
    return crc32(token.encode()) + 1


def _mix(values: Hashes) -> Hashes:
    """Every bit of the input moves every bit of the output (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def coverage(shown: frozenset[int], before: frozenset[int]) -> float:
    """Share of the first set's shingles that are in the second; 0 for an empty first set."""
    return len(shown & before) / len(shown) if shown else 0.0
