"""The built-in model: built once, whole or not at all, refused when damaged; and its exactness."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer import embed
from indexer.embed import DEFAULT_MODEL, OnnxEmbedder, damage, ensure_built, is_built, load_embedder
from indexer.errors import ModelError
from indexer.onnx_model import float_graph, read_shape


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fresh conversion."""
    folder = tmp_path_factory.mktemp("models")
    ensure_built(folder)
    return folder


def test_default_names_all_mean_the_built_in_model() -> None:
    """None, empty, "default" and the id itself."""
    assert {load_embedder(name).id for name in (None, "", "default", DEFAULT_MODEL)} == {DEFAULT_MODEL}


def test_conversion_is_whole_and_leaves_nothing_beside_it(models: Path) -> None:
    """Three files, their hashes right, and no scratch folder."""
    target = models / DEFAULT_MODEL
    assert is_built(target)
    assert damage(target) is None
    assert sorted(p.name for p in target.iterdir()) == ["manifest.json", "model.onnx", "tokenizer.json"]
    assert [p.name for p in target.parent.iterdir() if p.name.startswith(".building")] == []
    assert (target / "model.onnx").stat().st_size < 30_000_000


def test_conversion_gives_the_same_vectors_every_time(models: Path) -> None:
    """A model built here equals the one that the installation built."""
    texts = ["the same text", "another " * 50]
    assert np.array_equal(load_embedder(folder=models).encode(texts), load_embedder().encode(texts))


def test_no_padding_and_no_cut_at_128_tokens(models: Path) -> None:
    """The shipped tokenizer does both; a short text must stay short and a long one reach 256."""
    tokenizer = OnnxEmbedder(models / DEFAULT_MODEL)._tokenizer
    assert len(tokenizer.encode("two words").ids) == 4
    assert len(tokenizer.encode("word " * 500).ids) == 256


def test_cut_file_is_built_again(models: Path, tmp_path: Path) -> None:
    """A conversion that lost its end is not served but replaced."""
    target = tmp_path / DEFAULT_MODEL
    shutil.copytree(models / DEFAULT_MODEL, target)
    with (target / "model.onnx").open("rb+") as file:
        file.truncate(1_000_000)
    assert not is_built(target)
    assert damage(target) == "missing or incomplete"
    assert damage(ensure_built(tmp_path)) is None


def test_changed_bytes_are_found_by_hash(tmp_path: Path) -> None:
    """Same size, other bytes: doctor sees it."""
    target = tmp_path / DEFAULT_MODEL
    target.mkdir(parents=True)
    (target / "model.onnx").write_bytes(b"xx")
    (target / "tokenizer.json").write_bytes(b"yy")
    files = {name: {"bytes": 2, "sha256": "0" * 64} for name in ("model.onnx", "tokenizer.json")}
    (target / "manifest.json").write_text(json.dumps({"id": DEFAULT_MODEL, "files": files}))
    assert "model.onnx, tokenizer.json" in str(damage(target))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": 3}', '{"id": "x", "files": {"model.onnx": {}}}'])
def test_broken_manifest_counts_as_not_built(tmp_path: Path, content: str) -> None:
    """Whatever is in it."""
    (tmp_path / "manifest.json").write_text(content)
    assert not is_built(tmp_path)


def test_unloadable_model_says_how_to_build_it_again(tmp_path: Path) -> None:
    """Right sizes, but not a model."""
    (tmp_path / "manifest.json").write_text(json.dumps({"id": DEFAULT_MODEL, "dimension": 384}))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        OnnxEmbedder(tmp_path)
    assert "indexer.embed" in str(caught.value.hint)


def test_unwritable_models_folder_names_the_way_out(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "models").write_text("in the way")
    with pytest.raises(ModelError, match="cannot write") as caught:
        ensure_built(tmp_path / "models")
    assert "FORAGE_MODELS" in str(caught.value.hint)


def test_missing_weights_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not a traceback, but what to install."""
    monkeypatch.setattr(embed, "SOURCE_PACKAGE", "no_such_package_here")
    with pytest.raises(ModelError, match="no-such-package-here is not installed") as caught:
        ensure_built(tmp_path)
    assert "make install" in str(caught.value.hint)


def test_zero_threads_are_refused() -> None:
    """With the number that was given."""
    with pytest.raises(ModelError, match="threads is 0"):
        load_embedder(threads=0)


def test_other_model_without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clear line instead of an ImportError."""
    real = importlib.import_module

    def without_torch(name: str, package: str | None = None) -> object:
        if name.partition(".")[0] in ("sentence_transformers", "torch"):
            raise ImportError(f"no module named {name}")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without_torch)
    with pytest.raises(ModelError, match="need sentence-transformers") as caught:
        load_embedder("BAAI/bge-small-en-v1.5")
    assert "make install-models" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["/no/such/model", "./nor/here"])
def test_missing_model_folder_is_named(name: str) -> None:
    """A path is never looked for on a hub."""
    with pytest.raises(ModelError, match="there is no model at"):
        load_embedder(name)


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    """Before torch is even imported."""
    with pytest.raises(ModelError, match="holds no sentence-transformers model"):
        load_embedder(str(tmp_path))


def test_only_mean_pooled_bert_encoders_are_converted(tmp_path: Path) -> None:
    """Another architecture would convert into nonsense, so it is refused by name."""
    source = embed.source_folder()
    for name in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((source / name).read_bytes())
    config = json.loads((source / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "roberta"}))
    with pytest.raises(ModelError, match="roberta"):
        read_shape(tmp_path)
    with pytest.raises(ModelError, match="not a sentence-transformers model folder"):
        read_shape(tmp_path / "1_Pooling")


def test_quantised_vectors_stay_near_the_exact_graph(models: Path, tmp_path: Path) -> None:
    """int8 against our own float graph, without torch: cosine at least 0.98."""
    import onnx
    import onnxruntime

    onnx.save(float_graph(embed.source_folder()), tmp_path / "float.onnx")
    exact = onnxruntime.InferenceSession(str(tmp_path / "float.onnx"), providers=["CPUExecutionProvider"])
    embedder = OnnxEmbedder(models / DEFAULT_MODEL)
    texts = [str(getattr(module, "__doc__", "")) for module in (json, os, subprocess, pytest.raises)]
    for text, vector in zip(texts, embedder.encode(texts), strict=True):
        ids = np.array([embedder._tokenizer.encode(text).ids], np.int64)
        assert float(exact.run(None, {"input_ids": ids})[0][0] @ vector) >= 0.98


def test_two_processes_build_one_model(tmp_path: Path) -> None:
    """Both get a whole model; neither sees the other's half."""
    code = "import sys; from pathlib import Path; from indexer.embed import load_embedder\n"
    code += "print(load_embedder(folder=Path(sys.argv[1])).encode(['x']).shape)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) for _ in range(2)]
    for process in running:
        output, _ = process.communicate(timeout=100)
        assert output.strip() == "(1, 384)"


def test_first_vector_needs_no_torch_and_little_memory() -> None:
    """In a process of its own: nothing heavy is imported; resident memory stays below 160 MB."""
    code = """
import sys
from indexer.embed import load_embedder
load_embedder().encode(["word " * 300])
heavy = {"torch", "transformers", "sentence_transformers", "onnx", "scipy", "faiss"} & set(sys.modules)
pages = int(open("/proc/self/statm").read().split()[1])
print(sorted(heavy), pages * 4096 // 1_000_000)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is read from /proc, which this system has not")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path.cwd(), check=True)
    heavy, megabytes = done.stdout.rsplit(" ", 1)
    assert heavy == "[]"
    assert int(megabytes) < 160
