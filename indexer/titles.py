"""Names of the pages of one segment: given its stored documents, returns their names by local row.

A segment never changes, so its names are made once, when somebody first asks (8 microseconds a page), and the next
generations that link the same files find them made. Which rows are live, and which names say enough, is a
generation's business (mentions.py).
"""

from __future__ import annotations

from typing import Final

from indexer.cache import Cache
from indexer.texts import TextReader
from ranking.names import Names, name_of, names_by_row

SEGMENTS_REMEMBERED: Final = 32
"""Segments whose names outlive their generation, about 250 bytes a page: those of a few collections."""

_MADE: Final = Cache(SEGMENTS_REMEMBERED)


def names_of_segment(texts: TextReader, documents: int) -> Names:
    """Names of local rows 0 to `documents` - 1."""
    return _MADE.get(texts.file, lambda: names_by_row(name_of(texts.document(row).title) for row in range(documents)))
