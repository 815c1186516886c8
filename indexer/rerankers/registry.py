"""Rescoring models by name: given a stage's type and a model's name, returns the model, loaded once.

Not for what a model computes (the files beside this one), nor for how deep and how strongly it rescores.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar, overload

from indexer.errors import ModelMissingError, ModelNotFoundError
from indexer.rerankers.store import ModelInfo, ModelStore
from indexer.rerankers.trees import TreeModel, load_trees
from ranking.errors import ParamsError
from ranking.nearest import nearest
from ranking.ports import Reranker
from ranking.shown import shown

__all__ = ["KINDS", "Kind", "ModelInfo", "ModelStore", "Rerankers"]

Kind = Literal["cross_encoder", "late_interaction", "trees"]
KINDS: Final[tuple[Kind, ...]] = ("cross_encoder", "late_interaction", "trees")

BUILT_IN: Final = ("", "default")
"""Names of the model that a stage has without being told."""

KEPT_TEXT_MODELS: Final = 4
"""That stay in memory: a small cross-encoder takes 100 MB, a large one 2 GB."""

KEPT_FORESTS: Final = 16
"""That stay in memory: 1 MB for a usual one, 30 for the largest that is accepted."""

Loaded = TypeVar("Loaded")


class Rerankers:
    """Loads models on first use and keeps the latest. Thread-safe: requests that need the same model wait for one
    load. `cross_encoder`: what "default" means there, for none ships; `models`: folder of the converted embedding
    model, as in indexer.embed."""

    def __init__(self, store: ModelStore, *, cross_encoder: str | None = None, models: Path | None = None) -> None:
        self._store = store
        self._cross_encoder = cross_encoder
        self._models = models
        self._texts = _LoadedOnce[Reranker](KEPT_TEXT_MODELS)
        self._forests = _LoadedOnce[TreeModel](KEPT_FORESTS)

    @overload
    def get(self, kind: Literal["trees"], model: str | None = None) -> TreeModel: ...
    @overload
    def get(self, kind: Literal["cross_encoder", "late_interaction"], model: str | None = None) -> Reranker: ...
    @overload
    def get(self, kind: str, model: str | None = None) -> Reranker | TreeModel: ...
    def get(self, kind: str, model: str | None = None) -> Reranker | TreeModel:
        """The model that a stage `{"type": kind, "model": model}` asks for. ModelMissingError (422) says how to add
        one that is not there; ParamsError for another kind; InvalidModelError for what is no such model."""
        name = (model or "").strip()
        if kind == "trees":
            return self._trees(name)
        if kind == "cross_encoder":
            return self._pairs(self._cross_encoder or "" if name in BUILT_IN else name)
        if kind == "late_interaction":
            return self._tokens(name)
        meant = nearest(kind, KINDS)
        raise ParamsError(
            f"{shown(kind)} is no type of rescoring", hint=f"one of {', '.join(KINDS)}", did_you_mean=meant
        )

    def _trees(self, name: str) -> TreeModel:
        if name in BUILT_IN:
            raise ModelMissingError("rescoring by trees needs a model's name", hint=_how_to_put("NAME"))
        try:
            info = self._store.resolve(name)
            key = f"{info.reference} {info.sha256}"
            return self._forests.get(key, lambda: load_trees(self._store.get(info.reference)[0]))
        except ModelNotFoundError as error:
            hint = f"{error.hint}; {_how_to_put(name.partition('@')[0])}"
            raise ModelMissingError(error.message, hint=hint, did_you_mean=error.did_you_mean) from error

    def _pairs(self, name: str) -> Reranker:
        from indexer.rerankers.cross_encoder import HOW_TO_ADD, CrossEncoder

        if not name:
            raise ModelMissingError("no cross-encoder ships with Forage, and none is the default", hint=HOW_TO_ADD)
        return self._texts.get(f"cross_encoder {name}", lambda: CrossEncoder(name))

    def _tokens(self, name: str) -> Reranker:
        from indexer.embed import DEFAULT_MODEL
        from indexer.rerankers.late_interaction import load_late_interaction

        if name not in (*BUILT_IN, DEFAULT_MODEL):
            raise ModelMissingError(
                f"late interaction runs over the built-in model alone, and {shown(name)} is another",
                hint='leave "model" out, or use the type cross_encoder',
                did_you_mean=DEFAULT_MODEL,
            )
        return self._texts.get("late_interaction", lambda: load_late_interaction(self._models))


def _how_to_put(name: str) -> str:
    return f"PUT /v1/models/{name} with the text that LightGBM's booster.save_model() writes"


class _LoadedOnce(Generic[Loaded]):
    """The latest `size` things by key; who asks for one that is being loaded waits for it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._guard = threading.Lock()
        self._known: OrderedDict[str, Future[Loaded]] = OrderedDict()

    def get(self, key: str, load: Callable[[], Loaded]) -> Loaded:
        """What `load` returned, whoever called it. A failure is told to all who wait, and forgotten."""
        with self._guard:
            future = self._known.get(key)
            waits = future is not None
            if future is None:
                future = self._known[key] = Future()
                while len(self._known) > self._size:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
        if not waits:
            try:
                future.set_result(load())
            except BaseException as error:
                with self._guard:
                    if self._known.get(key) is future:
                        del self._known[key]
                future.set_exception(error)
        return future.result()
