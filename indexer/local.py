"""LocalIndex: SearchIndex over immutable segments and one overlay, in this process.

Open for reading by any number of threads; nothing is written. Opening maps files and reads a few columns, so a
generation of tens of thousands of pages opens in milliseconds. Not for building one (build.py).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.facets import facets
from indexer.filters import Conditions
from indexer.lexicon import Lexicon
from indexer.mentions import Mentions
from indexer.passage_evidence import passage_evidence
from indexer.reader import Holdings, Segment
from indexer.recall import Recall
from indexer.settings import TANTIVY_FROM
from indexer.values import Values
from ranking.types import (
    CollectionStatistics,
    Doubles,
    Evidence,
    Floats,
    Node,
    Passage,
    PassageEvidence,
    Plan,
    StoredDocument,
    TermStatistics,
    VocabularyWord,
)

DESCRIBED: Final = 100  # names per list of describe()
SAMPLES: Final = 10  # titles in describe()
NEIGHBOURS: Final = 24  # ids and URLs on each side in sorted order that near_ids compares
COMPARED: Final = 256  # characters of a name that near_ids compares: few have more, and their beginnings tell
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class LocalIndex:
    """One generation. Raises GenerationCorruptError, GenerationFormatError or EmbedderMismatchError at opening."""

    def __init__(
        self, generation: str, segments: Sequence[Path], overlay: Path, embedder: str | None, dimension: int,
        tantivy_from: int = TANTIVY_FROM,
    ) -> None:  # fmt: skip
        self._held = Holdings(generation, segments, overlay, embedder, dimension)
        self._conditions = Conditions(self._held)
        self._values = Values(self._held)
        self._lexicon = Lexicon(self._held.terms)
        self._mentions = Mentions(self._held)
        self._recall = Recall(self._held, self._conditions, self._values, tantivy_from)

    @property
    def statistics(self) -> CollectionStatistics:
        return self._held.statistics

    def term_statistics(self, tokens: Sequence[tuple[str, bool]], *, stem: bool) -> tuple[TermStatistics, ...]:
        return tuple(self._held.terms.statistics(token, exact, stem) for token, exact in tokens)

    def count(self, node: Node | None) -> int:
        return self._conditions.count(node)

    def vocabulary(self, kind: str, text: str, *, limit: int, distance: int = 1) -> tuple[VocabularyWord, ...]:
        return self._lexicon.find(kind, text, limit, distance)

    def quantiles(self, name: str) -> Doubles | None:
        return self._values.quantiles(name)

    def facets(self, node: Node | None, names: Sequence[str], limit: int) -> Mapping[str, tuple[tuple[str, int], ...]]:
        return facets(self._values, self._conditions.mask(node), names, limit)

    def recall(self, plan: Plan) -> Evidence:
        return self._recall.run(plan)

    def passage_evidence(self, plan: Plan, ids: Sequence[str]) -> tuple[PassageEvidence, ...]:
        return passage_evidence(self._held, plan, self._recall.wanted(plan.terms), ids, [self._row(id) for id in ids])

    # ------------------------------------------------------------ what is stored

    def fetch(self, ids: Sequence[str], *, text: bool = False) -> tuple[StoredDocument, ...]:
        """See the port. Without `text` the links are left out too: they are most of what is stored of a page."""
        return tuple(self._stored(self._row(identifier), text) for identifier in ids)

    def _stored(self, row: int, text: bool) -> StoredDocument:
        segment, local = self._held.owner(row)
        return StoredDocument(
            document=segment.texts.document(local, text),
            passages=int(segment.first[local + 1] - segment.first[local]),
            words=int(segment.columns["words"][local]),
            inlinks=int(self._held.inlinks[row]),
            authority=float(self._held.authority[row]),
            cluster=f"{int(self._held.cluster[row]):016x}",
            quality=float(segment.columns["quality"][local]),
        )

    def fetch_passages(self, wanted: Sequence[tuple[str, int]]) -> tuple[Passage, ...]:
        found = []
        for identifier, ordinal in wanted:
            segment, local, _ = self._passage(identifier, ordinal)
            found.append(segment.passage(identifier, local, ordinal))
        return tuple(found)

    def names_in(self, passages: Sequence[tuple[str, int]]) -> tuple[tuple[str, ...], ...]:
        found = []
        for identifier, ordinal in passages:
            segment, local, _ = self._passage(identifier, ordinal)
            found.append(self._mentions.of(segment, local, ordinal))
        return tuple(found)

    def passage_vectors(self, wanted: Sequence[tuple[str, int]]) -> Floats:
        vectors = np.zeros((len(wanted), self.statistics.dimension), np.float32)
        for i, (identifier, ordinal) in enumerate(wanted):
            segment, _, number = self._passage(identifier, ordinal)
            if segment.vectors is not None:
                vectors[i] = segment.vectors.vectors[number]
        return vectors

    def _row(self, identifier: str) -> int:
        row = self._held.row(identifier)
        if row is None:
            raise KeyError(identifier)
        return row

    def _passage(self, identifier: str, ordinal: int) -> tuple[Segment, int, int]:
        """(segment, local row, passage number); KeyError names a passage that is not there."""
        segment, local = self._held.owner(self._row(identifier))
        number = int(segment.first[local]) + ordinal
        if ordinal < 0 or number >= int(segment.first[local + 1]):
            raise KeyError(f"{identifier}#{ordinal}")
        return segment, local, number

    # ------------------------------------------------------------ names

    def resolve(self, reference: str) -> str | None:
        row = self._conditions.resolve(reference)
        return None if row is None else self._held.id(row)

    def near_ids(self, reference: str, limit: int = 3) -> tuple[str, ...]:
        """Nearest by edit similarity among the neighbours in sorted order: what begins alike is found, whatever the
        size of the collection. Of long names the beginnings are compared: the cost is the product of the lengths."""
        compare = SequenceMatcher(b=reference[:COMPARED], autojunk=False)
        best: list[tuple[float, str]] = []
        for name in sorted({*self._near_urls(reference), *self._near_own_ids(reference)}):
            compare.set_seq1(name[:COMPARED])
            if len(best) < limit or compare.quick_ratio() > -best[-1][0]:
                best = sorted([*best, (-compare.ratio(), name)])[:limit]
        return tuple(name for _, name in best)

    def _near_urls(self, reference: str) -> list[str]:
        address = reference.partition("://")[2] or reference
        near = []
        for segment in self._held.segments:
            columns = segment.columns
            at = bisect_left(columns.address_order, address, key=lambda row, held=columns: held.addresses[row])  # type: ignore[misc]
            rows = columns.address_order[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS].tolist()
            live = (row for row in rows if self._held.live[row + segment.offset])
            near += [(columns.addresses[row], columns.urls[row]) for row in live]
        near.sort()
        at = bisect_left(near, (address,))
        return [url for _, url in near[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS]]

    def _near_own_ids(self, reference: str) -> list[str]:
        near = []
        for segment in self._held.segments:
            rank = self._held.rank[segment.offset : segment.offset + segment.documents]
            order, ids = np.argsort(rank), segment.columns.ids
            at = bisect_left(order, reference, key=lambda row, held=ids: held[row])  # type: ignore[misc]
            rows = order[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS].tolist()
            near += [ids[row] for row in rows if self._held.live[row + segment.offset]]
        near.sort()
        at = bisect_left(near, reference)
        return near[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS]

    def describe(self) -> dict[str, Any]:
        held = self._held
        dates = held.dates()[held.live] if held.rows else np.empty(0)
        known = dates[np.isfinite(dates)]
        samples = [row for row in held.best[: 4 * SAMPLES].tolist() if held.live[row]][:SAMPLES]
        titles = [held.owner(row)[0].texts.document(held.owner(row)[1]).title for row in samples]
        return {
            "documents": held.documents,
            "passages": held.statistics.passages,
            **{
                plural: dict([(text, count) for text, count in held.counts(name).items() if text][:DESCRIBED])
                for plural, name in (("sites", "site"), ("languages", "language"), ("filetypes", "filetype"))
            },
            "dates": {
                "oldest": _written(float(known.min())) if len(known) else None,
                "newest": _written(float(known.max())) if len(known) else None,
            },
            "titles": [title for title in titles if title],
        }

    def close(self) -> None:
        """Nothing to do: files are unmapped when the last reference is gone, so that no request in flight breaks."""


def _written(seconds: float) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).date().isoformat()
