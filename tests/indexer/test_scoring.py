"""Occurrences as sortable numbers: whatever a query may hold, a position stays with its term and its document."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from indexer.memory import MemoryIndex
from indexer.scoring import parts_of, positions_of
from ranking.params import MAX_QUERY_CHARACTERS
from ranking.text import tokenize
from tests.contract.builders import SETTINGS, local
from tests.contract.samples import page, planned
from tests.contract.test_search_index import agree

DISTINCT = "".join(chr(0x4E00 + number) for number in range(MAX_QUERY_CHARACTERS))
"""As many different Chinese characters as a query may hold."""


def test_evidence_of_eight_thousand_different_terms_is_the_oracles(tmp_path: Path) -> None:
    """Nearly so many pairs of characters: positions and passages agree for the first of them as for the last."""
    assert len(set(tokenize(DISTINCT))) == MAX_QUERY_CHARACTERS - 1
    texts = {"first": DISTINCT[:40], "middle": DISTINCT[4_080:4_120], "last": DISTINCT[-40:], "none": "nothing"}
    documents = [page(name, f"https://x.org/{name}", "", text) for name, text in texts.items()]
    index = local(tmp_path, documents, None, anchors={})
    oracle = MemoryIndex(documents, None, SETTINGS, clusters={one.id: f"{i:016x}" for i, one in enumerate(documents)})
    plan = planned(index, DISTINCT, None, weights={"proximity": 1})
    assert len(plan.terms) == MAX_QUERY_CHARACTERS - 1
    evidence = index.recall(plan)
    agree(evidence, oracle.recall(plan))
    assert evidence.positions is not None
    assert evidence.positions.term.max() == MAX_QUERY_CHARACTERS - 2
    for mine, theirs in zip(
        index.passage_evidence(plan, list(texts)), oracle.passage_evidence(plan, list(texts)), strict=True
    ):
        np.testing.assert_allclose(mine.bm25, theirs.bm25, rtol=1e-5)


def test_the_largest_numbers_come_back_from_a_key() -> None:
    """A million candidates, half a billion positions, sixteen thousand terms, in a positive 64-bit number."""
    candidate, position, term = (1 << 20) - 2, (1 << 29) - 1, (1 << 14) - 1
    keys = np.array([candidate << 43 | position << 14 | term], np.int64)
    assert [part.tolist() for part in parts_of(keys)] == [[candidate], [position], [term]]
    positions = positions_of([keys], candidate + 1)
    assert positions.offsets[-2:].tolist() == [0, 1]
    assert (positions.term.tolist(), positions.position.tolist()) == ([term], [position])
