"""Rescoring models: what each computes, against an oracle; what is refused, and how that is said; store and registry."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.embed import DEFAULT_MODEL, MODEL_FILE, damage, ensure_built, load_embedder, source_folder
from indexer.errors import InvalidModelError, ModelError, ModelMissingError, ModelNotFoundError
from indexer.onnx_model import write_token_graph
from indexer.rerankers.cross_encoder import CrossEncoder, find_cross_encoder
from indexer.rerankers.late_interaction import QUERY_WINDOWS, LateInteraction, load_late_interaction
from indexer.rerankers.registry import Rerankers
from indexer.rerankers.store import ModelStore
from ranking.errors import ParamsError
from tests.indexer.build_support import script
from tests.indexer.tiny_cross_encoder import write_cross_encoder

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


# ---------------------------------------------------------------- cross-encoder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sentence_transformers")
    return write_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


def logits(folder: Path, query: str, texts: list[str]) -> Any:
    """The oracle: transformers alone, all pairs in one padded batch."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    batch = tokenizer([query] * len(texts), texts, padding=True, truncation="longest_first", return_tensors="pt")
    with torch.inference_mode():
        return AutoModelForSequenceClassification.from_pretrained(folder).eval()(**batch).logits.double().numpy()


def test_cross_encoder_gives_the_sigmoid_of_the_logit(tiny: Path) -> None:
    """As transformers alone computes it in one padded batch, within 1e-5: neither batch nor length moves a score."""
    model = CrossEncoder(str(tiny))
    wanted = 1.0 / (1.0 + np.exp(-logits(tiny, "how to undo a commit", TEXTS)[:, 0]))
    np.testing.assert_allclose(model.score("how to undo a commit", TEXTS), wanted, atol=1e-5)
    assert wanted.std() > 0.01
    assert model.reads == "sigmoid of the logit"


def test_of_several_labels_the_last_ones_share_counts(tmp_path: Path) -> None:
    """Softmax over the labels, and the model says so."""
    pytest.importorskip("sentence_transformers")
    folder = write_cross_encoder(tmp_path / "three", labels=3)
    model = CrossEncoder(str(folder))
    odds = np.exp(logits(folder, "git", TEXTS))
    np.testing.assert_allclose(model.score("git", TEXTS), odds[:, 2] / odds.sum(axis=1), atol=1e-5)
    assert model.reads == "softmax of the last of 3 labels"


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
    pytest.importorskip("sentence_transformers")
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


def test_encoder_without_a_relevance_head_is_refused(tmp_path: Path) -> None:
    """transformers would give it a random head; so for an encoder alone, and for an embedding model."""
    pytest.importorskip("sentence_transformers")
    for folder in (write_cross_encoder(tmp_path / "encoder", head=False), source_folder()):
        with pytest.raises(InvalidModelError, match="is no cross-encoder: it was saved as BertModel") as caught:
            CrossEncoder(str(folder))
        assert (caught.value.code, caught.value.status) == ("invalid_model", 422)


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


# ---------------------------------------------------------------- late interaction


@pytest.fixture(scope="module")
def late() -> LateInteraction:
    return load_late_interaction()


QUERY = "how do I undo the last commit"
ANSWERS = [
    "git reset --soft HEAD~1 reverts the most recent commit and keeps the changes",
    "bake the plum cake for forty minutes",
    "undo",
]


def test_score_is_the_mean_of_the_best_cosines(late: LateInteraction) -> None:
    """Word by word in plain Python."""
    for text, score in zip(ANSWERS, late.score(QUERY, ANSWERS), strict=True):
        query, answer = late.token_vectors(QUERY, 1).tolist(), late.token_vectors(text, 1).tolist()
        best = [max(sum(a * b for a, b in zip(q, t, strict=True)) for t in answer) for q in query]
        assert score == pytest.approx((1.0 + sum(best) / len(best)) / 2.0, abs=1e-6)


def test_token_vectors_are_those_that_the_embedder_pools(late: LateInteraction, tmp_path: Path) -> None:
    """The oracle: the model's own file with the value before pooling as a second output. Its mean is the text's vector,
    each row over its length the token's; the marks at both ends are left out."""
    import onnx
    import onnxruntime
    from tokenizers import Tokenizer

    converted = ensure_built()
    model = onnx.load(converted / MODEL_FILE)
    before = next(node.input[0] for node in model.graph.node if node.op_type == "ReduceMean")
    model.graph.output.append(onnx.helper.make_tensor_value_info(before, onnx.TensorProto.FLOAT, [1, "tokens", 384]))
    onnx.save(model, tmp_path / "both.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "both.onnx"), providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(converted / "tokenizer.json"))
    for text in (QUERY, *ANSWERS):
        rows = session.run([before], {"input_ids": np.array([tokenizer.encode(text).ids])})[0][0]
        mean = rows.mean(axis=0)
        np.testing.assert_allclose(mean / np.linalg.norm(mean), load_embedder().encode([text])[0], atol=1e-6)
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(late.token_vectors(text, 1), units[1:-1], atol=1e-6)


def test_token_vectors_agree_with_torch(late: LateInteraction) -> None:
    """The int8 graph against sentence-transformers in float32: mean cosine of tokens at least 0.96."""
    library = pytest.importorskip("sentence_transformers")
    model = library.SentenceTransformer(str(source_folder()), device="cpu")
    cosines = []
    for text in (QUERY, *ANSWERS, "PostgreSQL keeps old versions of a row until VACUUM removes them. " * 5):
        exact = model.encode(text, output_value="token_embeddings").numpy()
        exact = exact[: len(late.token_vectors(text, 1)) + 2][1:-1]
        exact /= np.linalg.norm(exact, axis=1, keepdims=True)
        cosines.extend((late.token_vectors(text, 1) * exact).sum(axis=1).tolist())
    assert np.mean(cosines) >= 0.96


def test_the_answer_beats_what_shares_nothing(late: LateInteraction) -> None:
    """And a text is its own best answer."""
    scores = late.score(QUERY, [*ANSWERS, QUERY])
    assert scores[0] > scores[1] + 0.05
    assert scores[3] == pytest.approx(1.0, abs=1e-6)


def test_nothing_to_compare_gives_0(late: LateInteraction) -> None:
    """A query or a text without a token."""
    assert late.score(QUERY, ["", "  \n"]).tolist() == [0.0, 0.0]
    assert late.score("", ANSWERS).tolist() == [0.0] * 3


def test_every_window_of_a_long_query_counts(late: LateInteraction) -> None:
    """Words behind the model's 256 tokens move the score, up to the last window."""
    head = "the server " * 300
    assert late.token_vectors(head + "undo the commit", QUERY_WINDOWS).shape[0] == 603
    assert late.score(head + "undo the commit", ANSWERS)[0] != late.score(head, ANSWERS)[0]
    assert late.token_vectors("word " * 5_000, QUERY_WINDOWS).shape[0] == QUERY_WINDOWS * 254


def test_an_installation_stays_as_it_is(tmp_path: Path) -> None:
    """A model that an earlier version converted is enough: read-only, no weights beside it, no file more afterwards,
    and text vectors bit for bit as before."""
    shutil.copytree(ensure_built(), tmp_path / DEFAULT_MODEL)
    folder = tmp_path / DEFAULT_MODEL
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    vectors = load_embedder(folder=tmp_path).encode(ANSWERS)
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555)
    try:
        load_late_interaction(tmp_path).score(QUERY, ANSWERS)
        assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == before
        assert damage(folder) is None
        assert np.array_equal(load_embedder(folder=tmp_path).encode(ANSWERS), vectors)
    finally:
        folder.chmod(0o755)


def test_late_interaction_needs_no_torch() -> None:
    """In a process of its own."""
    code = "import sys; from indexer.rerankers.late_interaction import load_late_interaction as load\n"
    code += "load().score('a', ['b']); print({'torch', 'transformers', 'lightgbm', 'faiss'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path.cwd(), check=True)
    assert done.stdout.strip() == "set()"


def test_graph_that_pools_otherwise_is_refused(tmp_path: Path) -> None:
    """By name, for a converted model whose end is another; and a file that is no graph says how to build it again."""
    import onnx

    model = onnx.load(ensure_built() / MODEL_FILE)
    next(node for node in model.graph.node if node.op_type == "ReduceMean").op_type = "ReduceMax"
    onnx.save(model, tmp_path / MODEL_FILE)
    with pytest.raises(ModelError, match="does not end in mean pooling"):
        write_token_graph(tmp_path / MODEL_FILE, tmp_path / "tokens.onnx")
    shutil.copy(ensure_built() / "tokenizer.json", tmp_path)
    (tmp_path / MODEL_FILE).write_bytes(b"no graph")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        LateInteraction(tmp_path)
    assert "indexer.embed" in str(caught.value.hint)


# ---------------------------------------------------------------- the store


def forest(value: float = 0.5, feature: str = "bm25") -> str:
    """The text of a model with one decision."""
    lines = ["tree", "version=v4", "num_class=1", "num_tree_per_iteration=1", "label_index=0", "max_feature_idx=0"]
    lines += ["objective=regression", f"feature_names={feature}", "feature_infos=[0:1]", "tree_sizes=1", ""]
    lines += ["Tree=0", "num_leaves=2", "num_cat=0", "split_feature=0", "threshold=0.5", "decision_type=2"]
    lines += ["left_child=-1", "right_child=-2", f"leaf_value=-{value} {value}", "is_linear=0", "shrinkage=1", "", ""]
    return "\n".join([*lines, "end of trees", ""])


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", now=lambda: 1_750_000_000.0)


def test_what_was_put_is_read_back(store: ModelStore, tmp_path: Path) -> None:
    """Text and info, by name and by version, also by another process's store."""
    first, second = store.put("ranker", forest(0.1)), store.put("ranker", forest(0.2, "dense"))
    assert (first.reference, second.reference) == ("ranker@1", "ranker@2")
    assert second.features == ("dense",)
    assert (second.trees, second.bytes) == (1, len(forest(0.2, "dense")))
    assert second.sha256 == hashlib.sha256(forest(0.2, "dense").encode()).hexdigest()
    assert second.created == "2025-06-15T15:06:40+00:00"
    other = ModelStore(tmp_path / "models")
    assert other.get("ranker") == (forest(0.2, "dense"), second)
    assert other.get("ranker@1") == (forest(0.1), first)
    other.put("a.b-c_1", forest())
    assert [info.reference for info in store.list()] == ["a.b-c_1@1", "ranker@1", "ranker@2"]


def test_equal_text_is_the_same_version(store: ModelStore) -> None:
    """Put again after a lost reply, nothing new; after another text, the old one is the newest again."""
    first = store.put("ranker", forest(0.1))
    assert store.put("ranker", forest(0.1)) == first
    store.put("ranker", forest(0.2))
    assert store.put("ranker", forest(0.1)).version == 3
    assert store.get("ranker")[0] == forest(0.1)


def test_deleted_numbers_are_not_given_again(store: ModelStore) -> None:
    """Else a profile that names ranker@2 would silently get another model."""
    for value in (0.1, 0.2, 0.3):
        store.put("ranker", forest(value))
    assert store.delete("ranker@3") == 1
    assert store.get("ranker")[1].version == 2
    assert store.put("ranker", forest(0.3)).version == 4
    assert store.delete("ranker") == 3
    assert store.list() == ()
    with pytest.raises(ModelNotFoundError):
        store.delete("ranker")
    assert store.put("ranker", forest(0.1)).version == 5


def test_unknown_model_names_those_like_it(store: ModelStore) -> None:
    """404, with the nearest name or version."""
    store.put("ranker", forest())
    with pytest.raises(ModelNotFoundError, match="no model 'rankr'") as caught:
        store.get("rankr")
    assert (caught.value.code, caught.value.status, caught.value.did_you_mean) == ("model_not_found", 404, "ranker")
    with pytest.raises(ModelNotFoundError, match="no version 7") as caught:
        store.get("ranker@7")
    assert caught.value.did_you_mean == "ranker@1"
    with pytest.raises(ModelNotFoundError, match="no model 'nothing-like-it'"):
        store.delete("nothing-like-it")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", ".hidden", "a" * 65, "ranker@", "ranker@0", "ranker@x", "é", "a b", "a\n", "@1"],
)
def test_impossible_names_touch_no_file(store: ModelStore, tmp_path: Path, name: str) -> None:
    """422 from every call, and nothing is written or read outside the folder."""
    calls: tuple[Callable[[str], object], ...] = (store.get, store.delete, lambda each: store.put(each, forest()))
    for call in calls:
        with pytest.raises(ParamsError) as caught:
            call(name)
        assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_no_model_is_not_stored(store: ModelStore) -> None:
    """And no name is taken."""
    with pytest.raises(InvalidModelError):
        store.put("ranker", forest()[:200])
    assert store.list() == ()


def test_interrupted_write_leaves_nothing(store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fails at the last step: no version, no scratch, and the next put works."""
    store.put("ranker", forest(0.1))
    real = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if target.name == "2":
            raise OSError(5, "the disk is gone")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        store.put("ranker", forest(0.2))
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "models" / "ranker").iterdir()] == ["1"]
    assert store.put("ranker", forest(0.2)).version == 2


@pytest.mark.parametrize("killed_at", ["1", "model"])
def test_what_a_killed_process_left_is_removed_by_the_next_writer(
    store: ModelStore, tmp_path: Path, killed_at: str
) -> None:
    """While it wrote a model, or while it threw one away."""
    code = f"""
        import os, sys
        from pathlib import Path
        from indexer.rerankers.store import ModelStore
        from tests.indexer.test_rerankers import forest
        real = Path.rename
        Path.rename = lambda path, target: os._exit(9) if target.name == {killed_at!r} else real(path, target)
        store = ModelStore(Path(sys.argv[1]))
        store.put("ranker", forest(0.1))
        store.delete("ranker")
    """
    process = script(code, str(tmp_path / "models"))
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (9, ""), errors
    place = tmp_path / "models" / "ranker"
    assert [path for path in place.iterdir() if path.name.startswith(".")]
    store.put("ranker", forest(0.2))
    assert not [path for path in place.iterdir() if path.name.startswith(".")]
    assert store.get("ranker")[0] == forest(0.2)


def test_models_put_at_once_all_get_a_number(store: ModelStore, tmp_path: Path) -> None:
    """Two stores on one folder, as two processes have them."""
    stores = (store, ModelStore(tmp_path / "models"))
    texts = [forest(value / 100) for value in range(1, 25)]
    with ThreadPoolExecutor(8) as pool:
        infos = list(pool.map(lambda i: stores[i % 2].put("ranker", texts[i]), range(24)))
    assert sorted(info.version for info in infos) == list(range(1, 25))
    assert all(store.get(info.reference)[0] == text for info, text in zip(infos, texts, strict=True))


def test_changed_file_is_noticed_and_replaced_by_putting_it_again(store: ModelStore, tmp_path: Path) -> None:
    """Text or info: never a wrong model; the same text becomes a new version."""
    store.put("ranker", forest())
    (tmp_path / "models" / "ranker" / "1" / "model.txt").write_text(forest(0.9))
    with pytest.raises(ModelError, match="changed on the disk"):
        store.get("ranker")
    assert store.put("ranker", forest()).version == 2
    for broken in ("{", "[]", "{}", json.dumps({"name": "ranker", "features": 3})):
        (tmp_path / "models" / "ranker" / "2" / "model.json").write_text(broken)
        with pytest.raises(ModelError, match="changed on the disk"):
            store.resolve("ranker")
    assert store.put("ranker", forest()).version == 3


# ---------------------------------------------------------------- the registry


def test_each_type_gives_its_model_once(store: ModelStore, tiny: Path) -> None:
    """Loaded on first use, the same object afterwards, whatever the name for it."""
    rerankers = Rerankers(store, cross_encoder=str(tiny))
    info = store.put("ranker", forest())
    assert rerankers.get("trees", "ranker").fingerprint == info.sha256
    assert rerankers.get("trees", "ranker") is rerankers.get("trees", "ranker@1")
    assert rerankers.get("late_interaction") is rerankers.get("late_interaction", DEFAULT_MODEL)
    assert rerankers.get("cross_encoder") is rerankers.get("cross_encoder", str(tiny))
    assert rerankers.get("cross_encoder").score("git", TEXTS).shape == (len(TEXTS),)


def test_new_version_and_deletion_are_seen_at_once(store: ModelStore) -> None:
    """Nothing that was deleted or replaced is served from memory."""
    rerankers = Rerankers(store)
    store.put("ranker", forest(0.1))
    first = rerankers.get("trees", "ranker")
    second = store.put("ranker", forest(0.2))
    assert rerankers.get("trees", "ranker").fingerprint == second.sha256 != first.fingerprint
    assert rerankers.get("trees", "ranker@1") is first
    store.delete("ranker")
    with pytest.raises(ModelMissingError):
        rerankers.get("trees", "ranker@1")


def test_missing_models_of_every_type_say_how_to_add_one(store: ModelStore) -> None:
    """422 and not 404: a request names them."""
    store.put("ranker", forest())
    rerankers = Rerankers(store)
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


def test_requests_at_once_load_a_model_once(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
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
    rerankers = Rerankers(store)

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


def test_only_the_latest_models_stay_in_memory(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One over the limit, and the one that was not asked for longest is loaded anew."""
    monkeypatch.setattr("indexer.rerankers.registry.KEPT_FORESTS", 2)
    rerankers = Rerankers(store)
    for name in "abc":
        store.put(name, forest())
    a, b = rerankers.get("trees", "a"), rerankers.get("trees", "b")
    assert rerankers.get("trees", "a") is a
    rerankers.get("trees", "c")
    assert rerankers.get("trees", "a") is a
    assert rerankers.get("trees", "b") is not b
