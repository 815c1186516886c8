"""Any sentence-transformers model as an Embedder: given a name or a path, returns unit vectors. Needs the extra
`models` (torch). Not for the default model, which runs without torch (embed.py).

A path is read as it is. A name is looked for among the models already on this machine, and only then asked of
the hub that sentence-transformers uses. Each text runs by itself: padding would move its vector in the last bits.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.errors import ModelError
from ranking.types import Floats

MAX_CHARACTERS_PER_TOKEN: Final = 128
"""Text beyond max_seq_length x this is cut before tokenising: no tokenizer needs so many for a token."""

ID_DIGITS: Final = 12
"""Hexadecimal digits of the weights' hash in the id: 48 bits tell any two models of a deployment apart."""


class SentenceEmbedder:
    """Implements ranking.ports.Embedder over SentenceTransformer on the CPU."""

    def __init__(self, name: str, *, threads: int = 1) -> None:
        _check_path(name)
        library = _library()
        # torch's threads wait for each other when other requests run too; this setting is the whole process's
        importlib.import_module("torch").set_num_threads(threads)
        importlib.import_module("transformers").logging.disable_progress_bar()
        self._model = _load(library, name)
        new, old = "get_embedding_dimension", "get_sentence_embedding_dimension"  # renamed in 6.0
        width = getattr(self._model, new if hasattr(self._model, new) else old)()
        if not width:
            raise ModelError(f"the model {name!r} gives no sentence vectors", hint="choose a sentence-embedding model")
        self._dimension = int(width)
        self._id = f"{Path(name).name}/torch-fp32/{_digest(self._model)}"
        tokens = getattr(self._model, "max_seq_length", None) or 512
        self._max_characters = int(tokens) * MAX_CHARACTERS_PER_TOKEN

    @property
    def id(self) -> str:
        return self._id

    @property
    def dimension(self) -> int:
        return self._dimension

    def encode(self, texts: Sequence[str]) -> Floats:
        """[len(texts), dimension] float32, unit length."""
        if not texts:
            return np.zeros((0, self._dimension), np.float32)
        clean = [t[: self._max_characters].encode("utf-8", "replace").decode("utf-8") for t in texts]
        distinct = list(dict.fromkeys(clean))
        vectors = self._model.encode(
            distinct, batch_size=1, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        row = {text: i for i, text in enumerate(distinct)}
        return np.ascontiguousarray(np.asarray(vectors, np.float32)[[row[text] for text in clean]])


def _library() -> Any:
    try:
        return importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise ModelError(
            f"models other than the built-in one need sentence-transformers, which cannot be imported: {error}",
            hint="run `make install-models`, or leave FORAGE_MODEL empty to use the built-in model",
        ) from error


def _check_path(name: str) -> None:
    """Before the seconds that importing torch takes. A path is never looked for on a hub."""
    path = Path(name)
    if path.exists() and not (path / "config.json").exists() and not (path / "modules.json").exists():
        raise ModelError(f"{path} holds no sentence-transformers model", hint="name the folder with its config.json")
    if not path.exists() and (path.is_absolute() or name.startswith((".", "~"))):
        raise ModelError(f"there is no model at {name}", hint="name a folder that exists, or a model's name")


def _load(library: Any, name: str) -> Any:
    try:
        try:
            return library.SentenceTransformer(name, device="cpu", local_files_only=True)
        except Exception:
            if Path(name).exists():
                raise
            return library.SentenceTransformer(name, device="cpu")
    except Exception as error:  # torch, transformers, the hub: no common base
        raise ModelError(
            f"the model {name!r} cannot be loaded: {error}",
            hint="name the folder of a model on this machine, or leave FORAGE_MODEL empty to use the built-in model",
        ) from error


def _digest(model: Any) -> str:
    """Of the weights and the modules around them: equal digests, equal vectors."""
    state = hashlib.sha256(repr([type(module).__name__ for module in model]).encode())
    state.update(str(getattr(model, "max_seq_length", None)).encode())
    for name, tensor in sorted(model.state_dict().items()):
        state.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        state.update(tensor.detach().contiguous().flatten().view(importlib.import_module("torch").uint8).numpy())
    return state.hexdigest()[:ID_DIGITS]
