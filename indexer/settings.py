"""Every constant of the index, once, with unit and reason. Not for request knobs: see ranking/params.py."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

FORMAT: Final = 1
"""Version of the segment and overlay folders; another number is refused, never guessed at."""

FLAT_BELOW: Final = 10_000
"""Passages: below, a scan of every vector is as fast as the compressed index, and exact."""

REFINE_FACTOR: Final = 2
"""How many times k the compressed search over-fetches before exact rescoring: .990 of the exact 200, .990 of the 10."""

REFINE_MINIMUM: Final = 400
"""At least so many are rescored, however small k is: 0.02 ms."""

GATHER_SHARE: Final = 0.25
"""A filter that allows a smaller share of the passages is searched exactly, by reading those vectors alone."""

TANTIVY_FROM: Final = 150_000
"""Documents: from here on tantivy recalls unfiltered queries; below, numpy over the postings is as fast, and exact."""

TRAINING_SAMPLE: Final = 20_000
"""Vectors that train the compressor; 16 centroids for each pair of dimensions need a few hundred."""

STEMMED_SHARE: Final = 0.02
"""A language with this share of the documents is one the collection's queries are stemmed in."""

STEMMED_LANGUAGES: Final = 4
"""At most so many: a foreign stemmer's stem of a word is noise to all other languages."""

RELATED_DOCUMENTS: Final = 100
"""What `related:` matches: so many nearest documents by vector."""


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """What a segment is built with. Sizes are in estimated model tokens (see split.estimate)."""

    passage_tokens: int = 200  # with title and headings most passages stay within the model's 256
    overlap_tokens: int = 30  # about a sentence: an answer cut at a border is whole on one side
    section_tokens: int = 80  # a heading closes a passage that has so many; smaller sections share one
    embed_title: bool = True  # the embedded text begins with the title ...
    embed_heading: bool = True  # ... and the headings above the passage
    embed_batch: int = 32  # texts a model call; more only costs padding on one thread
    embed_window: int = 4_096  # passages sorted by length together, and held in memory
    default_language: str = "en"  # stems documents whose language is not known

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
