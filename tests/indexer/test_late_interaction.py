"""Late interaction: MaxSim in plain Python, token vectors against the embedder and torch, and what it leaves as it was."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.embed import DEFAULT_MODEL, MODEL_FILE, damage, ensure_built, load_embedder, source_folder
from indexer.errors import ModelError
from indexer.onnx_model import write_token_graph
from indexer.rerankers.late_interaction import QUERY_WINDOWS, LateInteraction, load_late_interaction
from tests.needs import NEEDS_TORCH


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


@NEEDS_TORCH
def test_token_vectors_agree_with_torch(late: LateInteraction) -> None:
    """The int8 graph against sentence-transformers in float32: mean cosine of tokens at least 0.96."""
    library = importlib.import_module("sentence_transformers")
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
