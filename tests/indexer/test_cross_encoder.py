"""Cross-encoders: scores against transformers alone; what is missing or damaged, and how that is said."""

from __future__ import annotations

import importlib
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.embed import source_folder
from indexer.errors import InvalidModelError, ModelMissingError
from indexer.rerankers.cross_encoder import CrossEncoder, find_cross_encoder
from tests.indexer.tiny_cross_encoder import write_cross_encoder
from tests.needs import NEEDS_TORCH

TEXTS = ["git commit", "the last word of a text about git and the commit before it", "", "plum cake", "x" * 50]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that somebody tried to reach."""
    tried: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        tried.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tried


def logits(folder: Path, query: str, texts: list[str]) -> Any:
    """The oracle: transformers alone, all pairs in one padded batch."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer([query] * len(texts), texts, padding=True, truncation="longest_first", return_tensors="pt")
    with torch.inference_mode():
        return AutoModelForSequenceClassification.from_pretrained(folder).eval()(**batch).logits.double().numpy()


@NEEDS_TORCH
def test_cross_encoder_gives_the_sigmoid_of_the_logit(tiny: Path) -> None:
    """As transformers alone computes it in one padded batch, within 1e-5: neither batch nor length moves a score."""
    model = CrossEncoder(str(tiny))
    wanted = 1.0 / (1.0 + np.exp(-logits(tiny, "how to undo a commit", TEXTS)[:, 0]))
    np.testing.assert_allclose(model.score("how to undo a commit", TEXTS), wanted, atol=1e-5)
    assert wanted.std() > 0.01
    assert model.reads == "sigmoid of the logit"


@NEEDS_TORCH
def test_of_several_labels_the_last_ones_share_counts(tmp_path: Path) -> None:
    """Softmax over the labels, and the model says so."""
    folder = write_cross_encoder(tmp_path / "three", labels=3)
    model = CrossEncoder(str(folder))
    odds = np.exp(logits(folder, "git", TEXTS))
    np.testing.assert_allclose(model.score("git", TEXTS), odds[:, 2] / odds.sum(axis=1), atol=1e-5)
    assert model.reads == "softmax of the last of 3 labels"


@NEEDS_TORCH
def test_max_length_cuts_the_pair(tiny: Path) -> None:
    """Of two texts that differ in word 20, a model that reads 16 tokens sees none of it."""
    same = "word " * 20
    texts = [same + "plum", same + "commit"]
    whole, short = CrossEncoder(str(tiny)), CrossEncoder(str(tiny), max_length=16)
    assert len(set(whole.score("git", texts).tolist())) == 2
    assert len(set(short.score("git", texts).tolist())) == 1
    assert whole.id != short.id
    with pytest.raises(InvalidModelError, match="max_length is 3"):
        CrossEncoder(str(tiny), max_length=3)


@NEEDS_TORCH
@pytest.mark.parametrize(
    "name",
    [
        "/no/such/model",
        "./nor/here",
        "~/nor/there",
        "",
        " ",
        "org/never-downloaded",
        "never-downloaded",
        "a b",
        "x" * 9_000,
        "nul\x00",
        "\ud800",
        "~nobody-of-that-name/x",
        "a/b/c",
        "org/../x",
    ],
)
def test_missing_cross_encoder_says_how_to_add_it(name: str, no_network: list[Any]) -> None:
    """422, the command and both ways to name one; and nobody asks a hub."""
    with pytest.raises(ModelMissingError) as caught:
        CrossEncoder(name)
    assert (caught.value.code, caught.value.status) == ("model_missing", 422)
    for part in ("make install-models", "folder", "cache"):
        assert part in str(caught.value.hint)
    assert no_network == []


def test_folder_without_a_model_is_missing_one(tmp_path: Path) -> None:
    """Said before torch is imported."""
    with pytest.raises(ModelMissingError, match=r"no config\.json"):
        find_cross_encoder(str(tmp_path))


@NEEDS_TORCH
def test_missing_extra_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clear line instead of an ImportError, for a path and for a name."""
    real = importlib.import_module

    def without_torch(name: str, package: str | None = None) -> object:
        if name.partition(".")[0] in ("sentence_transformers", "torch", "huggingface_hub"):
            raise ImportError(f"no module named {name}")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without_torch)
    for name in (str(tiny), "cross-encoder/ms-marco-MiniLM-L6-v2"):
        with pytest.raises(ModelMissingError, match="need the extra `models`") as caught:
            CrossEncoder(name)
        assert "make install-models" in str(caught.value.hint)
        assert caught.value.code == "model_missing"


@NEEDS_TORCH
def test_name_in_the_hubs_cache_is_loaded_without_network(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[Any]
) -> None:
    """As huggingface_hub lays out its cache; a name without an owner is one of `cross-encoder`."""
    hub = importlib.import_module("huggingface_hub")
    revision = "0123456789abcdef0123456789abcdef01234567"
    kept = tmp_path / "models--cross-encoder--tiny"
    shutil.copytree(tiny, kept / "snapshots" / revision)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(revision)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    wanted = CrossEncoder(str(tiny)).score("git", TEXTS)
    for name in ("cross-encoder/tiny", "tiny"):
        assert np.array_equal(CrossEncoder(name).score("git", TEXTS), wanted)
    assert no_network == []


@NEEDS_TORCH
def test_encoder_without_a_relevance_head_is_refused(tmp_path: Path) -> None:
    """transformers would give it a random head; so for an encoder alone, and for an embedding model."""
    for folder in (write_cross_encoder(tmp_path / "encoder", head=False), source_folder()):
        with pytest.raises(InvalidModelError, match="is no cross-encoder: it was saved as BertModel") as caught:
            CrossEncoder(str(folder))
        assert (caught.value.code, caught.value.status) == ("invalid_model", 422)


@NEEDS_TORCH
def test_damaged_cross_encoder_is_refused(tiny: Path, tmp_path: Path) -> None:
    """Weights cut off, weights that are no numbers, a configuration that is none."""
    torch = importlib.import_module("torch")
    safetensors = importlib.import_module("safetensors.torch")
    for name in ("cut", "nan", "config"):
        shutil.copytree(tiny, tmp_path / name)
    with (tmp_path / "cut" / "model.safetensors").open("rb+") as file:
        file.truncate(10_000)
    weights = safetensors.load_file(tmp_path / "nan" / "model.safetensors")
    weights["classifier.bias"] = torch.full_like(weights["classifier.bias"], float("nan"))
    safetensors.save_file(weights, tmp_path / "nan" / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config" / "config.json").write_text("{}")
    for name, message in (("cut", "cannot be loaded"), ("nan", "no number"), ("config", "cannot be loaded")):
        with pytest.raises(InvalidModelError, match=message):
            CrossEncoder(str(tmp_path / name))
