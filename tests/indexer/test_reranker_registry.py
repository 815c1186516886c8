"""Rescoring models by name: loaded once, kept while they are asked for, missing ones named."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from indexer.embed import DEFAULT_MODEL
from indexer.errors import ModelError, ModelMissingError
from indexer.rerankers.registry import Rerankers
from indexer.rerankers.store import ModelStore
from ranking.errors import ParamsError
from tests.indexer.forests import ranker
from tests.needs import NEEDS_TORCH


@NEEDS_TORCH
def test_each_type_gives_its_model_once(models: ModelStore, tiny: Path) -> None:
    """Loaded on first use, the same object afterwards, whatever the name for it."""
    rerankers = Rerankers(models, cross_encoder=str(tiny))
    info = models.put("ranker", ranker())
    assert rerankers.get("trees", "ranker").fingerprint == info.sha256
    assert rerankers.get("trees", "ranker") is rerankers.get("trees", "ranker@1")
    assert rerankers.get("late_interaction") is rerankers.get("late_interaction", DEFAULT_MODEL)
    assert rerankers.get("cross_encoder") is rerankers.get("cross_encoder", str(tiny))
    assert rerankers.get("cross_encoder").score("git", ["git commit", ""]).shape == (2,)


def test_new_version_and_deletion_are_seen_at_once(models: ModelStore) -> None:
    """Nothing that was deleted or replaced is served from memory."""
    rerankers = Rerankers(models)
    models.put("ranker", ranker(0.1))
    first = rerankers.get("trees", "ranker")
    second = models.put("ranker", ranker(0.2))
    assert rerankers.get("trees", "ranker").fingerprint == second.sha256 != first.fingerprint
    assert rerankers.get("trees", "ranker@1") is first
    models.delete("ranker")
    with pytest.raises(ModelMissingError):
        rerankers.get("trees", "ranker@1")


def test_missing_models_of_every_type_say_how_to_add_one(models: ModelStore) -> None:
    """422 and not 404: a request names them."""
    models.put("ranker", ranker())
    rerankers = Rerankers(models)
    cases = [("trees", "rankr", "PUT /v1/models/rankr"), ("trees", None, "PUT /v1/models/NAME")]
    cases += [("cross_encoder", None, "make install-models"), ("late_interaction", "x/y", "leave")]
    cases += [("cross_encoder", "default", "make install-models"), ("cross_encoder", "/no/such", "make install-models")]
    for kind, name, part in cases:
        with pytest.raises(ModelMissingError) as caught:
            rerankers.get(kind, name)
        assert (caught.value.code, caught.value.status) == ("model_missing", 422)
        assert part in str(caught.value.hint)
    with pytest.raises(ModelMissingError) as caught:
        rerankers.get("trees", "rankr")
    assert caught.value.did_you_mean == "ranker"
    with pytest.raises(ParamsError, match="no type of rescoring") as wrong:
        rerankers.get("crossencoder", "x")
    assert wrong.value.did_you_mean == "cross_encoder"


def test_requests_at_once_load_a_model_once(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight threads, one load; a load that fails is told to all of them and tried again by the next."""
    loads: list[str] = []
    waiting = threading.Barrier(8)
    answer: list[Exception | None] = [ModelError("broken"), None]

    def load(_: Path | None) -> object:
        loads.append("load")
        threading.Event().wait(0.2)  # so that the others come while it loads
        error = answer[len(loads) - 1]
        if error:
            raise error
        return "the model"

    monkeypatch.setattr("indexer.rerankers.late_interaction.load_late_interaction", load)
    rerankers = Rerankers(models)

    def ask(_: int) -> object:
        waiting.wait()
        try:
            return rerankers.get("late_interaction")
        except ModelError as error:
            return error.message

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"broken"}
        assert set(pool.map(ask, range(8))) == {"the model"}
    assert loads == ["load", "load"]


def test_only_the_latest_models_stay_in_memory(models: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One over the limit, and the one that was not asked for longest is loaded anew."""
    monkeypatch.setattr("indexer.rerankers.registry.KEPT_FORESTS", 2)
    rerankers = Rerankers(models)
    for name in "abc":
        models.put(name, ranker())
    a, b = rerankers.get("trees", "a"), rerankers.get("trees", "b")
    assert rerankers.get("trees", "a") is a
    rerankers.get("trees", "c")
    assert rerankers.get("trees", "a") is a
    assert rerankers.get("trees", "b") is not b
