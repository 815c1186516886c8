"""Any sentence-transformers CrossEncoder as a Reranker: given a name or a folder, scores (query, text) pairs
(Nogueira and Cho 2019). Needs the extra `models` (torch). None ships with Forage.

A folder is read as it is; a name is looked for in the hub's cache on this machine, and never asked of the network.
Each pair runs by itself: padding would move its score in the last bits, and a batch saves 5 % on pairs of 130 tokens.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.errors import InvalidModelError, ModelMissingError
from indexer.sentence_model import ID_DIGITS, MAX_CHARACTERS_PER_TOKEN
from ranking.shown import shown
from ranking.types import Doubles, Floats

HOW_TO_ADD: Final = (
    "run `make install-models`, then name the folder of a cross-encoder, or a model that is in the hub's cache on this "
    "machine (Forage downloads none)"
)

ORGANISATION: Final = "cross-encoder"
"""Where sentence-transformers looks for a name without an owner."""

MIN_LENGTH: Final = 8
"""Tokens: below, the marks between query and text leave nothing of either."""

USUAL_LENGTH: Final = 512
"""Tokens, for a model whose files do not say how many it reads."""


class CrossEncoder:
    """Implements ranking.ports.Reranker over sentence_transformers.CrossEncoder on the CPU; thread-safe."""

    def __init__(self, name: str, *, max_length: int | None = None) -> None:
        """`max_length`: tokens of query and text together; by default what the model reads. Longer pairs are cut,
        the longer of the two first. ModelMissingError when the model or the extra is not there, InvalidModelError when
        what is there is no cross-encoder."""
        if max_length is not None and max_length < MIN_LENGTH:
            raise InvalidModelError(f"max_length is {max_length}; it is a number of tokens, {MIN_LENGTH} or more")
        folder = find_cross_encoder(name)
        library = _import("sentence_transformers")
        self._torch = _import("torch")
        # torch's threads wait for each other when other requests run too; this setting is the whole process's
        self._torch.set_num_threads(1)
        _import("transformers").logging.disable_progress_bar()
        try:
            self._model = library.CrossEncoder(
                str(folder), device="cpu", local_files_only=True, max_length=max_length
            ).float()
        except Exception as error:  # torch, transformers, safetensors: no common base
            raise InvalidModelError(f"the cross-encoder {name!r} cannot be loaded: {error}", hint=HOW_TO_ADD) from error
        _check_head(self._model, name)
        self._model.eval()
        self._labels = int(self._model.num_labels)
        length = min(int(getattr(self._model, "max_seq_length", None) or USUAL_LENGTH), max_length or 1 << 20)
        self._max_characters = length * MAX_CHARACTERS_PER_TOKEN
        self._id = f"{Path(name).name}/torch-fp32/{_digest(folder, length)}"
        try:
            self.score("a query", ["a text"])  # also lets the tokenizer settle, before threads share it
        except InvalidModelError:
            raise
        except Exception as error:
            raise InvalidModelError(f"the cross-encoder {name!r} does not run: {error}", hint=HOW_TO_ADD) from error

    @property
    def id(self) -> str:
        return self._id

    @property
    def reads(self) -> str:
        """What of the model's output the score is, in words."""
        return "sigmoid of the logit" if self._labels == 1 else f"softmax of the last of {self._labels} labels"

    def score(self, query: str, texts: Sequence[str]) -> Floats:
        """[len(texts)] sigmoid of the logit; of a model with several labels the last one's softmax, as models trained
        on (irrelevant, relevant) or on grades put the best last. Repeated texts are computed once."""
        if not texts:
            return np.zeros(0, np.float32)
        question = self._clean(query)
        clean = [self._clean(text) for text in texts]
        distinct = list(dict.fromkeys(clean))
        logits = self._model.predict(
            [(question, text) for text in distinct],
            batch_size=1,
            activation_fn=self._torch.nn.Identity(),
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        values = _probabilities(np.asarray(logits, np.float64).reshape(len(distinct), -1))
        row = {text: i for i, text in enumerate(distinct)}
        return values[[row[text] for text in clean]].astype(np.float32)

    def _clean(self, text: str) -> str:
        return text[: self._max_characters].encode("utf-8", "replace").decode("utf-8")


def find_cross_encoder(name: str) -> Path:
    """The folder of the model: `name` itself, or that of a hub's name in the cache on this machine. Imports no torch.
    ModelMissingError says how to add it."""
    place = os.path.expanduser(name)
    if os.path.exists(place):  # unlike Path.exists, raises nothing whatever the name
        if not (Path(place) / "config.json").is_file():
            raise ModelMissingError(f"{name!r} holds no cross-encoder: no config.json in it", hint=HOW_TO_ADD)
        return Path(place)
    if not name.strip() or name.startswith((".", "~", "/")):
        raise ModelMissingError(f"there is no model at {shown(name, 200)}", hint=HOW_TO_ADD)
    hub = _import("huggingface_hub")
    for full in (name,) if "/" in name else (name, f"{ORGANISATION}/{name}"):
        try:
            found = Path(hub.snapshot_download(full, local_files_only=True))
        except (OSError, ValueError):  # not cached; not a name that a hub could have
            continue
        if (found / "config.json").is_file():
            return found
    raise ModelMissingError(f"the cross-encoder {shown(name, 200)} is not on this machine", hint=HOW_TO_ADD)


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ModelMissingError(
            f"cross-encoders need the extra `models`, of which {name} cannot be imported: {error}", hint=HOW_TO_ADD
        ) from error


def _check_head(model: Any, name: str) -> None:
    """transformers gives a model without a relevance head a random one, and only logs that it did."""
    inner = getattr(model, "model", None)
    made = type(inner).__name__
    saved = getattr(getattr(inner, "config", None), "architectures", None) or ()
    if made.endswith("ForSequenceClassification") and made not in saved:
        raise InvalidModelError(
            f"{name} is no cross-encoder: it was saved as {', '.join(saved) or 'nothing that its config.json names'}, "
            "without the layer that says how relevant a text is",
            hint="name a model that was trained as a cross-encoder; embedding models are for FORAGE_MODEL",
        )


def _probabilities(logits: Doubles) -> Doubles:
    """[n, labels] -> [n]."""
    if not np.isfinite(logits).all():
        raise InvalidModelError("the cross-encoder gave a score that is no number", hint="its weights are damaged")
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)  # the sigmoid is the softmax of (0, logit)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    share: Doubles = odds[:, -1] / odds.sum(axis=1)
    return share


def _digest(folder: Path, length: int) -> str:
    """Of the files that make the scores: weights, configuration, vocabulary."""
    state = hashlib.sha256(f"{length}".encode())
    kinds = {".json", ".txt", ".model", ".safetensors"}
    if not any(folder.rglob("*.safetensors")):
        kinds.add(".bin")
    for path in sorted(path for path in folder.rglob("*") if path.suffix in kinds and path.is_file()):
        state.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
        with path.open("rb") as file:
            state.update(hashlib.file_digest(file, "sha256").digest())
    return state.hexdigest()[:ID_DIGITS]
