"""Text as a small set of numbers: given a passage, returns hashes of its word shingles, to tell what was read before.

The same text gives the same set in every process and version of Python. Sampled: one shingle in SHINGLE_SAMPLE, chosen
by their hash, so that the sets of two texts keep the shingles they share (Broder 1997). A word's number is the
polynomial sum of its bytes, so the words of a whole page are numbered by a few array operations (Karp and Rabin
1987). Not for finding near-duplicate pages: the index clusters those.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from ranking.constants import SHINGLE_SAMPLE, SHINGLE_WORDS
from ranking.text import MAX_TOKEN_CHARACTERS, spaced
from ranking.types import Hashes, Longs

_BITS_DROPPED: Final = np.uint64(32)  # 32 remain: of 100,000 remembered numbers, one in 40,000 new ones meets one
_MULTIPLIER: Final = 0x9E3779B97F4A7C15  # odd, bits well mixed: 2^64 over the golden ratio
_MODULUS: Final = 1 << 64
_POWERS: Final = np.array([pow(_MULTIPLIER, power, _MODULUS) for power in range(1, SHINGLE_WORDS + 1)], dtype=np.uint64)
_LETTER: Final = 0x5851F42D4C957F2D  # odd: powers of it have inverses modulo 2^64
_AT_ONCE: Final = 1 << 15
"""Bytes that are numbered together; a page of results has half as many."""


def shingles(text: str) -> frozenset[int]:
    """Hashes below 2^32; empty for a text without words. A text shorter than a shingle is one shingle."""
    return shingles_of((text,))[0]


def shingles_of(texts: Sequence[str]) -> list[frozenset[int]]:
    """`shingles` of each text, computed together: a page of results is twenty small texts."""
    if not texts:
        return []
    data = [spaced(text).encode() for text in texts]
    starts, numbers = _words(b" ".join(data))
    borders = np.cumsum([len(part) + 1 for part in data])
    return _sets(numbers, np.diff(starts.searchsorted(borders), prepend=0).tolist())


def _sets(numbers: Hashes, counts: Sequence[int]) -> list[frozenset[int]]:
    """The shingles of each text; `numbers` of all their words in a row, `counts` of each."""
    hashes = _hashes(numbers, SHINGLE_WORDS)  # those across two texts among them
    sampled = hashes % np.uint64(SHINGLE_SAMPLE) == 0
    found: list[frozenset[int]] = []
    end = 0
    for count in counts:
        start, end = end, end + count
        if count < SHINGLE_WORDS:
            found.append(frozenset(_hashes(numbers[start:end], count).tolist()))
            continue
        last = end - SHINGLE_WORDS + 1
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


def _mix(values: Hashes) -> Hashes:
    """Every bit of the input moves every bit of the output (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


# ---------------------------------------------------------------- words


def _words(data: bytes) -> tuple[Longs, Hashes]:
    """(where each token begins, its number): sum of byte_i x LETTER^i modulo 2^64 over its first bytes. A token is a
    run of bytes of letters, digits, or of anything beyond ASCII."""
    letters = np.frombuffer(data, np.uint8)
    powers, inverses, inside = _tables()
    edges = np.flatnonzero(np.diff(inside[letters], prepend=np.int8(0), append=np.int8(0)))
    starts = edges[::2]
    ends = np.minimum(edges[1::2], starts + MAX_TOKEN_CHARACTERS)
    numbers = np.empty(len(starts), np.uint64)
    first = 0
    while first < len(starts):  # in pieces as long as the tables; a token is whole in its piece
        low = int(starts[first])
        last = int(ends.searchsorted(low + _AT_ONCE, "right"))
        piece = letters[low : int(ends[last - 1])]
        sums = np.zeros(len(piece) + 1, np.uint64)
        np.cumsum(piece * powers[: len(piece)], out=sums[1:])
        begin = starts[first:last] - low
        numbers[first:last] = (sums[ends[first:last] - low] - sums[begin]) * inverses[begin]
        first = last
    return starts, numbers


@cache
def _tables() -> tuple[Hashes, Hashes, np.typing.NDArray[np.int8]]:
    """Powers of LETTER and of its inverse, and which of 256 bytes belong to a token (1) or not (0)."""
    inside = np.ones(256, np.int8)
    inside[:128] = 0
    inside[[ord(letter) for letter in "abcdefghijklmnopqrstuvwxyz0123456789"]] = 1
    return _powers_of(_LETTER), _powers_of(pow(_LETTER, -1, _MODULUS)), inside


def _powers_of(base: int) -> Hashes:
    factors = np.full(_AT_ONCE, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


def coverage(shown: frozenset[int], before: frozenset[int]) -> float:
    """Share of the first set's shingles that are in the second; 0 for an empty first set."""
    return len(shown & before) / len(shown) if shown else 0.0
