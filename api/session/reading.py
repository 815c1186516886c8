"""What a reader has read, held against the index of a search: given a session's state, returns the vectors of what it
was shown last, and which texts it has read before.

Empty for a state without a log and with `seen: off`, which is the stateless order. Not for which documents count as
seen (ranking/seen.py) nor for the choice among passages (ranking/passages.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import Final

import numpy as np

from ranking.constants import NOVELTY_PASSAGES
from ranking.params import Params
from ranking.passages import read_before
from ranking.ports import SearchIndex
from ranking.shingles import shingles_of
from ranking.types import Floats, SeenDocument, SessionState
from sessions.exposures import Packed
from sessions.fold import Seen

_LOW_BITS: Final = 0xFFFF


class Reading:
    """One reader's history, for one search. False when nothing was shown."""

    def __init__(self, session: SessionState, params: Params) -> None:
        shown = session.seen
        self._hashed: dict[str, frozenset[int]] = {}
        self._log = shown if isinstance(shown, Seen) and shown and params.session.seen != "off" else None

    def __bool__(self) -> bool:
        return self._log is not None

    def vectors(self, index: SearchIndex) -> Floats | None:
        """[s, d] of the passages shown last, at most NOVELTY_PASSAGES; of documents that are gone, or whose content
        changed since, none. None when there are none at all."""
        if self._log is None or not index.statistics.dimension:
            return None
        passages: list[tuple[str, int]] = []
        for record in islice(self.recent(), NOVELTY_PASSAGES):
            passages += still_there(record, index)
            if len(passages) >= NOVELTY_PASSAGES:
                break
        return index.passage_vectors(passages[:NOVELTY_PASSAGES]) if passages else None

    def recent(self) -> Iterator[SeenDocument]:
        """What was shown, the latest showing first."""
        return iter(()) if self._log is None else self._log.recent()

    def covers(self, texts: Sequence[str]) -> list[bool]:
        """Of each text, whether it was shown before (passages.read_before), in whichever documents."""
        if self._log is None:
            return [False] * len(texts)
        hashed = self.shingles(texts)
        asked = frozenset().union(*hashed)
        return read_before(hashed, common(np.array(list(asked), np.uint32), self._shown))

    def shingles(self, texts: Sequence[str]) -> list[frozenset[int]]:
        """Of each text, hashed once in a search: most of what is looked at is shown, and so recorded."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._hashed]
        self._hashed.update(zip(fresh, shingles_of(fresh), strict=True))
        return [self._hashed[text] for text in texts]

    @cached_property
    def _shown(self) -> list[Packed]:
        """Of all that was shown."""
        return [] if self._log is None else self._log.hashes()


def common(asked: Packed, shown: Sequence[Packed]) -> frozenset[int]:
    """Which of a few numbers are among very many (Seen.hashes). Those in no order are told apart by 16 of their bits,
    for the most part: a tenth of what sorting them costs."""
    known = np.zeros(len(asked), np.bool_)
    for part in filter(len, shown[::2]):
        known |= part[np.minimum(part.searchsorted(asked), len(part) - 1)] == asked
    there = np.zeros(_LOW_BITS + 1, np.bool_)
    there[asked & _LOW_BITS] = True
    maybe = chain.from_iterable(part[there[part & _LOW_BITS]].tolist() for part in shown[1::2])
    return frozenset(asked[known].tolist()).union(frozenset(asked.tolist()).intersection(maybe))


def still_there(record: SeenDocument, index: SearchIndex) -> list[tuple[str, int]]:
    """(document, ordinal) of the passages shown, if the index still holds the content that they were cut from."""
    try:
        (stored,) = index.fetch([record.document])
    except KeyError:
        return []
    if stored.document.content_hash != record.content_hash:
        return []
    return [(record.document, ordinal) for ordinal in sorted(record.passages) if ordinal < stored.passages]
