"""Names as numbers: given a site, cluster or content hash, returns the int64 that stands for it in an array.

Equal text, equal number, in every process. Evidence columns `site`, `cluster` and `content` hold these numbers,
and a session, which remembers the texts, is compared with them through this function. Not for security.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

_HEX: Final = frozenset("0123456789abcdef")
_HEX_DIGITS: Final = 16  # 64 bits
_CACHED_NAMES: Final = 65_536  # a session holds at most 2,000 clusters


@lru_cache(maxsize=_CACHED_NAMES)
def number_of(text: str) -> int:
    """A signed 64-bit number. A lower-case hex digest of 16 digits or more gives its first 64 bits, so a stored
    uint64 and its `:016x` text agree; any other text gives the first 64 bits of its BLAKE2b digest."""
    head = text[:_HEX_DIGITS]
    if len(text) >= _HEX_DIGITS and _HEX.issuperset(text):
        unsigned = int(head, 16)
        return unsigned - (1 << 64) if unsigned >> 63 else unsigned
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True)
