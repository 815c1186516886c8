"""What one reader was shown of one document: given two accounts of it, returns their union.

`join` is commutative, associative and idempotent (minimum, maximum and unions), so the order in which showings
become known never changes what is known. Shingles are kept packed: 4 bytes each instead of a Python int in
a set, so that 2,000 documents take about 2 MB and not 20.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ranking.types import Shown
from sessions.errors import EventError

Packed = NDArray[np.uint32]
"""Shingles in a row."""

PACKED: Final = "I"
"""`array` type of a shingle: 4 bytes."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """First and latest showing. `versions`: content hash -> ordinals of the passages shown of that content, by
    hash: ordinal 3 of an edited page is not the ordinal 3 that was shown. `shingles`: packed, over all versions."""

    first_seq: int
    first_rank: int
    last_seq: int
    last_rank: int
    content_hash: str  # of the latest showing
    cluster: str  # of the latest showing
    versions: tuple[tuple[str, frozenset[int]], ...]
    shingles: bytes = b""

    @property
    def passages(self) -> frozenset[int]:
        """Ordinals shown of the content that was shown last."""
        for content_hash, ordinals in self.versions:
            if content_hash == self.content_hash:
                return ordinals
        return frozenset()


def pack(shingles: Iterable[int]) -> bytes:
    """Unsigned 32-bit integers, as they come: most documents are shown once, and then nothing is gained by order. A
    join orders them. Raises EventError for any other number."""
    try:
        return array(PACKED, shingles).tobytes()
    except (OverflowError, TypeError) as error:
        raise EventError(f"a shingle must be an integer in [0, 2^32): {error}") from error


def unpack(packed: bytes) -> tuple[int, ...]:
    """The shingles of `pack`."""
    numbers = array(PACKED)
    numbers.frombytes(packed)
    return tuple(numbers)


def all_shingles(exposures: Mapping[str, Exposure]) -> Packed:
    """Of all of them, in any order, with repeats."""
    return np.frombuffer(b"".join([item.shingles for item in exposures.values()]), np.uint32)


@lru_cache(maxsize=4_096)
def ordinals(passages: tuple[int, ...]) -> frozenset[int]:
    """As a set, the same object for the same passages: most pages were shown by their first two."""
    return frozenset(passages)


def exposure(shown: Shown, seq: int) -> Exposure:
    """One showing, in the event `seq`."""
    return Exposure(
        first_seq=seq,
        first_rank=shown.rank,
        last_seq=seq,
        last_rank=shown.rank,
        content_hash=shown.content_hash,
        cluster=shown.cluster,
        versions=((shown.content_hash, ordinals(tuple(shown.passages))),),
        shingles=pack(shown.shingles),
    )


def join(one: Exposure, other: Exposure) -> Exposure:
    """Everything that either knows."""
    first = min((one.first_seq, one.first_rank), (other.first_seq, other.first_rank))
    latest = max(one, other, key=_recency)
    return Exposure(
        first_seq=first[0],
        first_rank=first[1],
        last_seq=latest.last_seq,
        last_rank=latest.last_rank,
        content_hash=latest.content_hash,
        cluster=latest.cluster,
        versions=_join_versions(one.versions, other.versions),
        shingles=_join_packed(one.shingles, other.shingles),
    )


def _recency(item: Exposure) -> tuple[int, int, str, str]:
    """A total order, so that two rows for one document in one event cannot depend on their order."""
    return (item.last_seq, -item.last_rank, item.content_hash, item.cluster)


def _join_versions(
    one: tuple[tuple[str, frozenset[int]], ...], other: tuple[tuple[str, frozenset[int]], ...]
) -> tuple[tuple[str, frozenset[int]], ...]:
    if one == other:
        return one
    union = dict(one)
    for content_hash, ordinals in other:
        union[content_hash] = union.get(content_hash, frozenset()) | ordinals
    return tuple(sorted(union.items()))


def _join_packed(one: bytes, other: bytes) -> bytes:
    if one == other or not other:
        return one
    if not one:
        return other
    both = np.concatenate((np.frombuffer(one, np.uint32), np.frombuffer(other, np.uint32)))
    both.sort()
    first = np.ones(len(both), np.bool_)
    np.not_equal(both[1:], both[:-1], out=first[1:])
    return both[first].tobytes()
