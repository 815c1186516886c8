"""What every reranker of texts promises, run on each implementation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from indexer.rerankers.cross_encoder import CrossEncoder
from indexer.rerankers.late_interaction import load_late_interaction
from ranking.ports import Reranker
from tests.indexer.tiny_cross_encoder import write_cross_encoder
from tests.needs import NEEDS_TORCH

QUERY = "how do I undo the last commit without losing my changes"

TEXTS = [
    "git reset --soft HEAD~1 takes the commit back and keeps your changes staged.",
    "PostgreSQL stores a row's old versions until VACUUM removes those that no transaction can see any more. " * 12,
    "def parse(text: str) -> Query: ...",
    "Größe und Überlauf: die Schriftart ändert sich",
    "",
    "   ",
    "café 東京 🚀 naïve",
    "a" * 5_000,
    "lone \ud800 surrogate and \x00 control",
    "a plum cake",
]


@pytest.fixture(scope="module")
def late_interaction() -> Reranker:
    return load_late_interaction()


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Reranker:
    return CrossEncoder(str(write_cross_encoder(tmp_path_factory.mktemp("cross-encoder"))))


@pytest.fixture(params=["late_interaction", pytest.param("cross_encoder", marks=NEEDS_TORCH)])
def reranker(request: pytest.FixtureRequest) -> Reranker:
    found: Reranker = request.getfixturevalue(request.param)
    return found


def test_gives_one_score_in_0_to_1_for_each_text(reranker: Reranker) -> None:
    """Whatever the text, empty and broken ones included; and the texts differ."""
    scores = reranker.score(QUERY, TEXTS)
    assert scores.shape == (len(TEXTS),)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert scores.min() >= 0.0
    assert scores.max() <= 1.0
    assert len(set(scores.tolist())) > 5


def test_score_does_not_depend_on_the_other_texts(reranker: Reranker) -> None:
    """Bit for bit: alone, among others, in another order, sorted by length, and again."""
    together = reranker.score(QUERY, TEXTS)
    by_length = sorted(range(len(TEXTS)), key=lambda i: len(TEXTS[i]))
    sorted_scores = np.empty_like(together)
    sorted_scores[by_length] = reranker.score(QUERY, [TEXTS[i] for i in by_length])
    assert np.array_equal(together, reranker.score(QUERY, TEXTS[::-1])[::-1])
    assert np.array_equal(together, sorted_scores)
    assert np.array_equal(together, np.concatenate([reranker.score(QUERY, [text]) for text in TEXTS]))


def test_repeats_and_no_texts_at_all_are_fine(reranker: Reranker) -> None:
    """Rows follow the input, repeats included."""
    scores = reranker.score(QUERY, [TEXTS[0], TEXTS[1], TEXTS[0]])
    assert scores[0] == scores[2] != scores[1]
    assert reranker.score(QUERY, []).shape == (0,)


@pytest.mark.parametrize("query", ["", " ", "\ud800", "x", "word " * 1_600, "\x00", "東京" * 200])
def test_any_query_gets_scores(reranker: Reranker, query: str) -> None:
    """Empty, broken, of 8,000 characters."""
    scores = reranker.score(query, ["a text", "", "word"])
    assert np.isfinite(scores).all()
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


def test_query_matters(reranker: Reranker) -> None:
    """Another question, other scores."""
    assert not np.array_equal(reranker.score(QUERY, TEXTS[:3]), reranker.score("a recipe for plum cake", TEXTS[:3]))


def test_text_beyond_the_models_window_changes_nothing(reranker: Reranker) -> None:
    """What does not fit is not read, however long it is."""
    head = "word " * 600
    first, second = reranker.score(QUERY, [head + "the end", head + "megabytes more " * 200_000])
    assert first == second


def test_threads_may_share_one_reranker(reranker: Reranker) -> None:
    """Concurrent calls give what calls in turn give."""
    queries = [QUERY, "a plum cake", "word " * 300, ""]
    expected = [reranker.score(query, TEXTS) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        for scores, wanted in zip(pool.map(lambda q: reranker.score(q, TEXTS), queries * 4), expected * 4, strict=True):
            assert np.array_equal(scores, wanted)


def test_id_names_the_model(reranker: Reranker) -> None:
    """Kind and revision: scores of different ids must not meet."""
    assert len(reranker.id.split("/")) >= 3
    assert reranker.id == reranker.id.strip()


@NEEDS_TORCH
def test_two_models_in_one_folder_have_different_ids(tmp_path: Path) -> None:
    """Weights, not only the folder's name, are in the id."""
    first = CrossEncoder(str(write_cross_encoder(tmp_path / "one" / "model", seed=1))).id
    second = CrossEncoder(str(write_cross_encoder(tmp_path / "two" / "model", seed=2))).id
    again = CrossEncoder(str(write_cross_encoder(tmp_path / "three" / "model", seed=1))).id
    assert first == again != second
