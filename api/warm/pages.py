"""What an index stores of pages that were shown lately: given ids, returns documents and passages without reading them
again, within a bound of bytes.

They are the index's own frozen objects, the same for every session. Thread-safe. Not for whole texts, which are read
once.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TypeVar

from api.warm.keys import Scope
from api.warm.settings import SHARED_BYTES
from ranking.types import Passage, StoredDocument

AskedT = TypeVar("AskedT")
FoundT = TypeVar("FoundT", StoredDocument, Passage)


class Pages:
    """At most `limit` bytes; the least recently shown go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._guard = threading.Lock()
        self._kept: OrderedDict[tuple[Scope, object], tuple[StoredDocument | Passage, int]] = OrderedDict()
        self._bytes = 0

    def get(
        self, scope: Scope, wanted: Sequence[AskedT], ask: Callable[[Sequence[AskedT]], tuple[FoundT, ...]]
    ) -> tuple[FoundT, ...]:
        """In the order of `wanted`; `ask` is for those that are not here, and raises KeyError."""
        with self._guard:
            found = {each: self._kept[scope, each][0] for each in wanted if (scope, each) in self._kept}
            for each in found:
                self._kept.move_to_end((scope, each))
        missing = [each for each in dict.fromkeys(wanted) if each not in found]
        if missing:
            fresh = dict(zip(missing, ask(missing), strict=True))
            with self._guard:
                for each, page in fresh.items():
                    self._keep((scope, each), page)
            found.update(fresh)
        return tuple(found[each] for each in wanted)  # type: ignore[misc]

    def _keep(self, key: tuple[Scope, object], page: StoredDocument | Passage) -> None:
        size = SHARED_BYTES + (sys.getsizeof(page.text) if isinstance(page, Passage) else _weight(page))
        self._bytes += size - self._kept.get(key, (None, 0))[1]
        self._kept[key] = (page, size)
        self._kept.move_to_end(key)
        while self._bytes > self._limit:
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= gone


def _weight(stored: StoredDocument) -> int:
    document = stored.document
    return sum(map(sys.getsizeof, (document.url, document.title, document.text))) + len(repr(document.metadata))
