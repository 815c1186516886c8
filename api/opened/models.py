"""Uploaded LightGBM models: given a tenant and a name, stores, lists, reads and forgets them, JSON-ready, and lends
what runs them. Not for what a model is (indexer/rerankers/).
"""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from api.errors import InvalidRequestError
from api.requests import located_at
from indexer.rerankers.registry import ModelStore, Rerankers
from indexer.rerankers.trees import load_trees
from ranking.nearest import nearest
from ranking.shown import shown
from ranking.signals.catalogue import META_PREFIX, RANK_PREFIX, SIGNALS


class Models:
    """Every tenant's, in a folder of its own below `folder`. Thread-safe."""

    def __init__(self, folder: Path, cross_encoder: str | None) -> None:
        self._folder = folder
        self._cross_encoder = cross_encoder
        self._guard = threading.Lock()
        self._known: dict[str, tuple[ModelStore, Rerankers]] = {}

    def rerankers(self, tenant: str) -> Rerankers:
        """What runs the models that a request of this tenant may name."""
        return self._of(tenant)[1]

    def put(self, name: str, text: str, tenant: str) -> dict[str, Any]:
        """Store a model's text as the next version; its features must be signals."""
        with located_at("$"):
            model = load_trees(text)
        for feature in model.used_features:
            if feature not in SIGNALS and not feature.startswith((RANK_PREFIX, META_PREFIX)):
                raise InvalidRequestError(
                    f"the model reads {shown(feature)}, which is no signal",
                    path="$",
                    hint="train it on the columns of GET /v1/signals",
                    did_you_mean=nearest(feature, SIGNALS),
                )
        with located_at("name"):
            return asdict(self._of(tenant)[0].put(name, text))

    def list(self, tenant: str) -> dict[str, Any]:
        """Every version of every model."""
        return {"models": [asdict(info) for info in self._of(tenant)[0].list()]}

    def read(self, reference: str, tenant: str) -> dict[str, Any]:
        """What is known of a model, and its text."""
        with located_at("name"):
            text, info = self._of(tenant)[0].get(reference)
        return {**asdict(info), "text": text}

    def delete(self, reference: str, tenant: str) -> None:
        """One version, or all of a name."""
        with located_at("name"):
            self._of(tenant)[0].delete(reference)

    def _of(self, tenant: str) -> tuple[ModelStore, Rerankers]:
        with self._guard:
            found = self._known.get(tenant)
            if found is None:
                store = ModelStore(self._folder / tenant)
                found = self._known[tenant] = (store, Rerankers(store, cross_encoder=self._cross_encoder))
            return found
