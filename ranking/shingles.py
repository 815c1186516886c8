"""Text as a small set of numbers: given a passage, returns hashes of its word shingles, to tell what was read before.

The same text gives the same set in every process and version of Python. Sampled: a quarter of the shingles, chosen
by their hash, so that the sets of two texts keep the shingles they share (Broder 1997). Not for finding
near-duplicate pages: the index clusters those.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from zlib import crc32

import numpy as np

from ranking.constants import SHINGLE_SAMPLE, SHINGLE_WORDS
from ranking.text import tokenize

_BITS_DROPPED: Final = np.uint64(11)  # 53 bits remain: every JSON reader keeps them exactly
_MULTIPLIER: Final = 0x9E3779B97F4A7C15  # odd, bits well mixed: 2^64 over the golden ratio
_POWERS: Final = np.array([pow(_MULTIPLIER, power, 1 << 64) for power in range(1, SHINGLE_WORDS + 1)], dtype=np.uint64)
_WORDS_REMEMBERED: Final = 65_536
"""Words whose numbers are kept, 100 bytes each: those of a page's neighbours are mostly the same."""


def shingles(text: str) -> frozenset[int]:
    """Hashes below 2^53; empty for a text without words. A text shorter than a shingle is one shingle."""
    tokens = tokenize(text)
    if not tokens:
        return frozenset()
    words = np.fromiter(map(_number, tokens), np.uint64, len(tokens))
    width = min(SHINGLE_WORDS, len(words))
    many = len(words) - width + 1
    sums = words[:many] * _POWERS[0]
    for place in range(1, width):
        sums += words[place : place + many] * _POWERS[place]
    hashes = _mix(sums) >> _BITS_DROPPED
    kept = hashes[hashes % np.uint64(SHINGLE_SAMPLE) == 0]
    return frozenset(kept.tolist()) or frozenset((int(hashes.min()),))


@lru_cache(maxsize=_WORDS_REMEMBERED)
def _number(token: str) -> int:
    """A word as a number, never 0."""
    return crc32(token.encode()) + 1


def _mix(values: np.typing.NDArray[np.uint64]) -> np.typing.NDArray[np.uint64]:
    """Every bit of the input moves every bit of the output (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def coverage(shown: frozenset[int], before: frozenset[int]) -> float:
    """Share of the first set's shingles that are in the second; 0 for an empty first set."""
    return len(shown & before) / len(shown) if shown else 0.0
