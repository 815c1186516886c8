"""Sample queries of a collection: given the titles of its well-linked pages and a way to search, returns queries that
show what can be asked, each of which returns its page.

The same for one generation, whenever it is asked: titles come in the index's order, and every query was tried. Not for
follow-ups of a session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Final

from ranking.errors import ForageError

MOST: Final = 10
"""Enough to see what a collection is about."""
LONGEST: Final = 120
"""Characters: nobody asks with more of a heading."""
FEWEST_WORDS: Final = 2
"""A heading of one word ("Overview") asks for nothing."""

Search = Callable[[str], Sequence[dict[str, Any]]]
"""A query -> its results, as an answer has them."""


class Samples:
    """Remembers those of the latest generation of each collection: finding them takes two searches a page."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: dict[Hashable, tuple[str, tuple[str, ...]]] = {}

    def of(self, collection: Hashable, generation: str, titles: Sequence[str], search: Search) -> list[str]:
        """At most MOST, those of the best-linked pages first; none while no search can be answered."""
        with self._guard:
            known = self._known.get(collection)
        if known is None or known[0] != generation:
            try:
                known = (generation, sample_queries(titles, search))
            except ForageError:
                return []
            with self._guard:
                self._known[collection] = known
        return list(known[1])


def sample_queries(titles: Sequence[str], search: Search) -> tuple[str, ...]:
    """Of each page its title and the heading of one of its passages, if a search for them returns it."""
    found: dict[str, None] = {}
    for title in dict.fromkeys(" ".join(title.split()) for title in titles):
        for query in _of_page(title, search):
            found.setdefault(query)
            if len(found) == MOST:
                return tuple(found)
    return tuple(found)


def _of_page(title: str, search: Search) -> Iterator[str]:
    if not title or len(title) > LONGEST:
        return
    page = next((hit for hit in search(title) if " ".join(hit["title"].split()) == title), None)
    if page is None:
        return
    yield title
    headings = (" ".join(passage["heading"].rpartition(" > ")[2].split()) for passage in page["passages"])
    for heading in dict.fromkeys(headings):
        fits = len(heading) <= LONGEST and len(heading.split()) >= FEWEST_WORDS and heading != title
        if fits and any(hit["id"] == page["id"] for hit in search(heading)):
            yield heading
            return
