"""Late interaction: given a query and texts, returns how well each word of the query is answered somewhere in a text.

ColBERT's MaxSim (Khattab and Zaharia, SIGIR 2020, section 3.3) over the token vectors of the built-in embedding model,
run by onnxruntime without torch. That model was trained for one vector a text and not for this, so MaxSim is a signal
to weigh and no verdict. Not for recall: it encodes every text, about 15 ms for one of 600 characters.

The graph of token vectors is cut out of the converted model when it is loaded: it needs no weights of its own, no
place on the disk that outlives the load, and works with a model that an earlier version converted.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from indexer.embed import DEFAULT_MODEL, MAX_CHARACTERS, MODEL_FILE, TOKENIZER_FILE, ensure_built, session_options
from indexer.errors import ModelError
from indexer.onnx_model import INPUT, TOKENS, write_token_graph
from ranking.types import Floats

REVISION: Final = 1
"""Of the formula below: a change that moves any score raises it."""

QUERY_WINDOWS: Final = 8
"""A query is read in so many windows of the model (254 tokens each): 2,032 tokens hold 8,000 characters of English."""


def load_late_interaction(folder: Path | None = None) -> LateInteraction:
    """MaxSim over the built-in model, which is converted first when it is not. `folder`: where converted models live
    (default: embed.models_folder()). Raises ModelError."""
    return LateInteraction(ensure_built(folder))


class LateInteraction:
    """A converted model folder, ready to score. Implements ranking.ports.Reranker; thread-safe."""

    def __init__(self, folder: Path) -> None:
        try:
            from tokenizers import Tokenizer

            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            self._session = _session(folder / MODEL_FILE)
        except ModelError:
            raise
        except Exception as error:  # onnx, onnxruntime and tokenizers have no common base of their own
            raise ModelError(
                f"the token vectors of the model in {folder} cannot be loaded: {error}",
                hint=f"delete that folder and run `{sys.executable} -m indexer.embed` to build it again",
            ) from error

    @property
    def id(self) -> str:
        return f"maxsim-{REVISION}/{DEFAULT_MODEL}"

    def score(self, query: str, texts: Sequence[str]) -> Floats:
        """[len(texts)] (1 + m) / 2, where m is the mean, over the query's tokens, of the largest cosine with any token
        of the text. A query or a text without tokens gives 0.

        Each text runs by itself, so its score does not depend on the others. Of a text the first 254 tokens are read,
        of a query QUERY_WINDOWS times as many, window by window. The marks that the tokenizer adds do not count.
        """
        wanted = self.token_vectors(query, QUERY_WINDOWS)
        values = {text: _similarity(wanted, self.token_vectors(text, 1)) for text in dict.fromkeys(texts)}
        return np.array([values[text] for text in texts], np.float32)

    def token_vectors(self, text: str, windows: int) -> Floats:
        """[tokens, width] unit vectors of the first `windows` windows, without the marks at the ends of each."""
        clean = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")  # lone surrogates
        first = self._tokenizer.encode(clean)
        parts = []
        for part in [first, *first.overflowing][:windows]:
            vectors = self._session.run([TOKENS], {INPUT: np.array([part.ids], np.int64)})[0][0]
            parts.append(vectors[np.array(part.special_tokens_mask) == 0])
        return np.concatenate(parts)


def _similarity(query: Floats, text: Floats) -> float:
    if not len(query) or not len(text):
        return 0.0
    # einsum and not BLAS: a product's last bits must not depend on how many threads a request was given
    closest = np.einsum("qd,td->qt", query, text).max(axis=1)
    return float(np.clip((1.0 + closest.mean(dtype=np.float64)) / 2.0, 0.0, 1.0))


def _session(converted: Path) -> Any:
    """Loading from a file and not from bytes, which the session would keep beside its own copy, saves 38 MB."""
    import onnxruntime

    with tempfile.TemporaryDirectory(prefix="forage-") as scratch:
        graph = Path(scratch) / "tokens.onnx"
        write_token_graph(converted, graph)
        return onnxruntime.InferenceSession(str(graph), session_options(), providers=["CPUExecutionProvider"])
