"""An evaluation refuses what it can before it indexes anything: the corpus is what costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.engine import Engine
from api.settings import Settings
from eval.errors import DatasetError, RunError
from eval.evaluate import evaluate
from ranking.errors import ForageError

QRELS = "query_id\tdoc_id\trelevance\nq1\td0\t1\n"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(Settings(data=tmp_path / "data"))
    yield made
    made.close()


def folder(tmp_path: Path, query: str = "apples", qrels: str = QRELS, corpus: bool = True) -> Path:
    """A test collection of one topic."""
    made = tmp_path / "set"
    made.mkdir()
    if corpus:
        (made / "corpus.jsonl").write_text('{"id": "d0", "title": "Apples", "text": "All about apples."}\n')
    (made / "queries.jsonl").write_text(json.dumps({"id": "q1", "text": query}) + "\n")
    (made / "qrels.tsv").write_text(qrels)
    return made


def run(
    engine: Engine, data: Path, out: Path, request: dict[str, Any], collection: str | None = None
) -> dict[str, Any]:
    return evaluate(
        engine, data, out, request, collection=collection, threads=1, limit=None, operators=False,
        progress=lambda done, total, note: None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"profile": "nope"}, 404),
        ({"weights": {"bm52": 1.0}}, 422),
        ({"weights": {"bm25": float("nan")}}, 422),
        ({"nonsense": 1}, 422),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_indexed(
    tmp_path: Path, engine: Engine, request_: dict[str, Any], status: int
) -> None:
    """No collection is made, nothing embedded, no folder written."""
    with pytest.raises(ForageError) as caught:
        run(engine, folder(tmp_path), tmp_path / "out", request_)
    assert caught.value.status == status
    assert_untouched(tmp_path, engine)


@pytest.mark.parametrize(
    "layout",
    [
        {"query": ""},
        {"query": "x" * 8_001},
        {"qrels": "query_id\tdoc_id\trelevance\nanother\td0\t1\n"},
        {"corpus": False},
    ],
)
def test_a_wrong_test_collection_is_refused_before_anything_is_indexed(
    tmp_path: Path, engine: Engine, layout: dict[str, Any]
) -> None:
    """Topics that cannot be searched for, that nobody judged, or no documents."""
    with pytest.raises(DatasetError) as caught:
        run(engine, folder(tmp_path, **layout), tmp_path / "out", {})
    assert caught.value.hint or "q1" in caught.value.message
    assert_untouched(tmp_path, engine)


def test_an_unknown_collection_and_a_folder_that_cannot_be_written_are_refused_too(
    tmp_path: Path, engine: Engine
) -> None:
    """The one by the engine, the other because results would be lost at the end."""
    data = folder(tmp_path)
    with pytest.raises(ForageError) as caught:
        run(engine, data, tmp_path / "out", {}, collection="nowhere")
    assert caught.value.status == 404
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        run(engine, data, tmp_path / "file", {})
    assert_untouched(tmp_path, engine)


def test_a_right_one_is_measured(tmp_path: Path, engine: Engine) -> None:
    """As before."""
    body = run(engine, folder(tmp_path), tmp_path / "out", {"profile": "bm25", "weights": {"recency": 0.1}})
    assert body["measures"]["RR"]["mean"] == 1.0


def assert_untouched(tmp_path: Path, engine: Engine) -> None:
    assert [each["name"] for each in engine.list_collections("default")["collections"]] == ["default"]
    assert not (tmp_path / "out").exists()
