"""Second opinions: given the rerank stages of a request, reads what they need of the best candidates, asks the models.

A cross-encoder and late interaction read the best passages of a document (OPINION_PASSAGES) and keep the highest
opinion; trees read the signals. Not for what an opinion does to a score (ranking/scores.py) nor for the models
(indexer/rerankers/).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indexer.rerankers.registry import Rerankers
from ranking.constants import OPINION_PASSAGES
from ranking.passages import choose_passages
from ranking.ports import Reranker, SearchIndex
from ranking.rerank_params import RerankStage, TreesStage
from ranking.signals.catalogue import Signals
from ranking.types import Evidence, Floats, Longs, Plan

DEFAULT_MODEL: Final = "default"


class OpinionReader:
    """The opinions on the candidates of one search; passed to ranking as a function of (stage, rows, signals). A model
    reads a document once, however often the candidates are ranked: what it says does not depend on the others."""

    def __init__(self, rerankers: Rerankers, plan: Plan, evidence: Evidence, index: SearchIndex) -> None:
        self._rerankers, self._plan, self._evidence, self._index = rerankers, plan, evidence, index
        self._texts: dict[str, list[str]] = {}
        self._said: dict[tuple[str, str | None], dict[str, float]] = {}

    def __call__(self, stage: RerankStage, rows: Longs, signals: Signals) -> Floats:
        if isinstance(stage, TreesStage):
            trees = self._rerankers.get("trees", stage.model)
            features = {name: values[rows] for name, values in zip(signals.names, signals.values, strict=True)}
            return trees.score(features, len(rows)).astype(np.float32)
        ids = [self._evidence.ids[row] for row in rows.tolist()]
        name = None if stage.model == DEFAULT_MODEL else stage.model
        said = self._said.setdefault((stage.type, name), {})
        unread = [document for document in ids if document not in said]
        if unread:
            said.update(zip(unread, self._ask(self._rerankers.get(stage.type, name), self._read(unread)), strict=True))
        return np.array([said[document] for document in ids], np.float32)

    def _ask(self, model: Reranker, texts: list[list[str]]) -> list[float]:
        """The highest opinion on each document's texts."""
        said = model.score(self._plan.query.meaning or self._plan.query.text, [text for own in texts for text in own])
        ends = np.cumsum([len(own) for own in texts])
        starts = np.concatenate(([0], ends[:-1])).astype(np.int64)
        best: list[float] = np.maximum.reduceat(said, starts).tolist()
        return best

    def _read(self, ids: list[str]) -> list[list[str]]:
        """The best passages of each document, title and headings before the text; at least one text each."""
        missing = [name for name in ids if name not in self._texts]
        if missing:
            chosen = {
                evidence.document: [
                    choice.ordinal for choice in choose_passages(evidence, OPINION_PASSAGES, None, "off")
                ]
                for evidence in self._index.passage_evidence(self._plan, missing)
            }
            wanted = [(name, ordinal) for name in missing for ordinal in chosen[name]]
            passages = iter(self._index.fetch_passages(wanted))
            titles = {each.document.id: each.document.title for each in self._index.fetch(missing)}
            for name in missing:
                read = [next(passages) for _ in chosen[name]]
                heads = [" > ".join(filter(None, (titles[name], passage.heading))) for passage in read]
                self._texts[name] = [
                    f"{head}\n{passage.text}" if head else passage.text
                    for head, passage in zip(heads, read, strict=True)
                ] or [titles[name]]
        return [self._texts[name] for name in ids]
