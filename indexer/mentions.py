"""Pages that passages of one generation name: given a passage, returns the ids of the live documents whose name stands
in it, but its own document's. A name that more than NAMED_MOST others share, as every page of a forum shares its
site's, singles out none of them.

Names are kept by segment (titles.py); which of them are live, and how much their words say, is looked up here, and the
answer remembered: the passages of a session are asked for again with every search. Not for links (links.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from indexer.cache import Cache
from indexer.reader import Holdings, Segment
from ranking.constants import NAMED_MOST
from ranking.names import Name, says_enough, standing
from ranking.text import tokenize

PASSAGES_REMEMBERED: Final = 20_000
"""Passages whose mentions are kept, some 200 bytes each: what the open sessions of a server were shown."""


class Mentions:
    """Of one generation. Threads may share one."""

    def __init__(self, held: Holdings) -> None:
        self._held = held
        self._known = Cache(PASSAGES_REMEMBERED)

    def of(self, segment: Segment, local: int, ordinal: int) -> tuple[str, ...]:
        """Ids, ascending, that this passage of a live row names; the passage must be there."""
        key = (local + segment.offset, ordinal)
        return self._known.get(key, lambda: self._find(segment.passage("", local, ordinal).text, key[0]))

    def _find(self, text: str, own: int) -> tuple[str, ...]:
        tokens, segments = tokenize(text), self._held.segments
        found: list[int] = []
        for name in set[Name]().union(*(standing(segment.names, tokens) for segment in segments)):
            if self._says_enough(name):
                held = [(segment.names.rows.get(name, ()), segment.offset) for segment in segments]
                found += self._others([local + offset for rows, offset in held for local in rows], own)
        return tuple(sorted(map(self._held.id, found)))

    def _others(self, rows: Sequence[int], own: int) -> list[int]:
        """Those that live, without `own`; none where too many share the name."""
        live = self._held.live
        some = list(islice((row for row in rows if row != own and live[row]), NAMED_MOST + 1))
        return some if len(some) <= NAMED_MOST else []

    def _says_enough(self, name: Name) -> bool:
        terms = self._held.terms
        return says_enough(name, self._held.documents, lambda token: terms.statistics(token, True, False).df)
