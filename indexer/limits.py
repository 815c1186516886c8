"""Every default of data at rest, once, with unit and reason: import, generations, build, links, near-duplicates.

Not for what changes a segment's content (settings.py) and not for request knobs (ranking/params.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


def limit(default: Any, unit: str, reason: str) -> Any:
    """A field whose unit and reason go with it, for generated tables."""
    return field(default=default, metadata={"unit": unit, "reason": reason})


DOCUMENTS_FORMAT: Final = 1
"""Schema version of documents.sqlite; another number is refused, never guessed at."""

GENERATION_FORMAT: Final = 1
"""Version of the generation folder; another number is refused, never guessed at."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """documents.sqlite."""

    busy_seconds: float = limit(30.0, "s", "as long as a writer waits for a collection's lock")
    staging_bytes: int = limit(16 << 20, "bytes", "an add below is staged in memory, above it in an unlinked file")
    batch_rows: int = limit(400, "rows", "rows a read or write statement; SQLite's oldest variable limit is 999")
    compression: int = limit(3, "zstd level", "3.2x on web text at 300 MB/s; level 9 gains 8 % for five times the time")
    anchor_characters: int = limit(200, "characters", "longer link texts are teasers, not names of a page")


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """An import of JSON lines."""

    max_bytes: int = limit(2 << 30, "bytes, decompressed", "contract: 2 GB; counted decompressed, so that bombs end")
    max_line_bytes: int = limit(160 << 20, "bytes", "a text at its cap with every character escaped as \\uXXXX")
    max_text_characters: int = limit(24_000_000, "characters", "20 MB of text is accepted, with some room")
    max_title_characters: int = limit(10_000, "characters", "longer is a body in the wrong field")
    max_url_characters: int = limit(8_192, "characters", "what common servers and browsers still take")
    max_id_characters: int = limit(512, "characters", "an id is a key that every result repeats")
    max_metadata_bytes: int = limit(65_536, "bytes of JSON", "metadata rides along with every stored document")
    max_metadata_depth: int = limit(32, "levels", "nobody nests deeper by hand; JSON libraries end at some hundred")
    max_unknown_fields: int = limit(256, "fields of a line", "each is compared with ours; exports carry some twenty")
    errors_shown: int = limit(20, "lines", "enough to see the pattern; the total is said beside it")
    notices_shown: int = limit(10, "examples", "as errors_shown, for what was repaired")
    language_characters: int = limit(1_000, "characters", "more text does not change the verdict (0.4 ms a page)")
    language_minimum: int = limit(24, "letters", "below, the guess is noise: 'Aerofoil lift' comes out as Irish")
    language_confidence: float = limit(0.5, "probability", "below, no language is better than a wrong one")


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """Generations and their segments."""

    lock_seconds: float = limit(30.0, "s", "contract: a writer waits so long, then 409")
    kept_generations: int = limit(3, "generations", "sessions replay on the last three; shared segments cost nothing")
    batch_documents: int = limit(50_000, "documents", "one segment of a first build; bounds memory and merge time")
    max_segments: int = limit(8, "segments", "each one adds about 0.1 ms to every query")
    max_deleted_share: float = limit(0.25, "share of rows", "above, a segment is rewritten without its deleted rows")
    min_deleted_rows: int = limit(64, "rows", "below, rewriting frees nothing that anybody would notice")
    merge_ratio: float = limit(2.0, "times", "a segment joins a merge when at most so much larger than all before it")
    hash_chunk: int = limit(1 << 20, "bytes", "one read of a file that is being hashed; fits the CPU's cache")
    progress_seconds: float = limit(0.25, "s", "a progress report at most so often")
    poll_seconds: float = limit(0.5, "s", "contract: a new HEAD is served within 1 s")
    opened_generations: int = limit(3, "generations", "older generations that one reader keeps open for replay")


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Link graph, PageRank and inbound anchor texts (links.py says why these forms)."""

    damping: float = limit(0.85, "probability", "Brin and Page 1998")
    tolerance: float = limit(1e-8, "L1 distance", "far below what a log-scaled rank can show")
    max_iterations: int = limit(100, "rounds", "0.85^100 = 1e-7: converged whatever the graph")
    foreign_exponent: float = limit(
        1.0, "", "a site votes once for a page of another site, however many pages link to it"
    )
    own_exponent: float = limit(0.5, "", "inside a site links still count, as the root of their number")
    anchor_targets: int = limit(
        10, "pages", "a text that names more pages of one site than this ('next', 'permalink') names none"
    )
    anchor_target_share: float = limit(0.005, "share of the target site's pages", "as anchor_targets, for large sites")
    anchor_texts: int = limit(24, "texts per page", "distinct ones, those of most sites and pages first")
    anchor_total: int = limit(600, "characters per page", "a popular page must not drown its field length")


@dataclass(frozen=True, slots=True)
class ClusterLimits:
    """Near-duplicates (clusters.py)."""

    shingle_words: int = limit(5, "words", "what the near-duplicate literature counts in; shorter ones meet by chance")
    permutations: int = limit(128, "hashes", "standard error of the estimate 0.035 at a similarity of 0.8")
    bands: int = limit(25, "bands of 5 hashes", "a pair of similarity 0.8 is found with 0.99995; 0.5 is one in two")
    jaccard: float = limit(0.8, "similarity", "two pages of the same text with another frame")
    estimate_margin: float = limit(
        0.12, "similarity", "three standard errors of the estimate: who misses by more is not verified"
    )
    min_shingles: int = limit(8, "shingles", "shorter texts ('not found', 'moved') are alike only when equal")
    pair_block: int = limit(16_384, "pairs", "estimated at a time; bounds memory to 16 MB")
    verified: int = limit(512, "pairs", "texts of so many are read at a time")
    largest_group: int = limit(
        1_000, "documents", "above, a band's group is compared in windows: its pairs would be millions"
    )
    window: int = limit(64, "documents", "neighbours in signature order that are compared in such a group")
