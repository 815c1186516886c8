"""An evaluation refuses what it can before it indexes anything: the corpus is what costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.engine import Engine
from api.settings import Settings
from eval.adhoc.evaluate import evaluate
from eval.adhoc.request_files import read_params
from eval.errors import DatasetError, RunError
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
        {"qrels": QRELS + "q1\td9\t1\n"},
        {"qrels": QRELS + "q7\td0\t1\n"},
        {"qrels": "query_id\tdoc_id\trelevance\nq1\td0\t0\n"},
        {"qrels": QRELS.replace("1\n", "one\n")},
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


def test_a_corpus_that_is_cut_off_is_refused_before_anything_is_indexed(tmp_path: Path, engine: Engine) -> None:
    """Though only the last of its lines says so."""
    data = folder(tmp_path)
    with (data / "corpus.jsonl").open("a") as out:
        out.write('{"id": "d1", "title": "Bri')
    with pytest.raises(DatasetError, match=r"corpus\.jsonl line 2: not JSON"):
        run(engine, data, tmp_path / "out", {})
    assert_untouched(tmp_path, engine)


def test_missing_judgements_can_be_let_pass(tmp_path: Path, engine: Engine) -> None:
    """They are counted in the results; a document that nothing can find still counts against recall."""
    data = folder(tmp_path, qrels=QRELS + "q1\td9\t1\n")
    body = evaluate(
        engine, data, tmp_path / "out", {"profile": "bm25"}, collection=None, threads=1, limit=None, operators=False,
        progress=lambda done, total, note: None, allow_missing=True,
    )  # fmt: skip
    assert body["input"]["missing_documents"] == 1
    assert body["measures"]["R@100"]["mean"] == 0.5


def test_of_a_collection_by_name_what_it_lacks_is_counted(tmp_path: Path, engine: Engine) -> None:
    """A crawl reaches what it reaches; but a collection without anything that is relevant is another one."""
    engine.create_collection({"name": "pages"}, "default")
    pages = [
        {"id": "a", "url": "http://a/", "title": "Apples", "text": "x"},
        {"id": "b", "url": "http://b/", "title": "Bees", "text": "x"},
    ]
    engine.ingest_objects("pages", pages, "default")
    header = "query_id\tdoc_url\trelevance\n"
    data = folder(tmp_path, qrels=header + "q1\thttp://a/\t1\nq1\thttp://z/\t1\n", corpus=False)
    body = run(engine, data, tmp_path / "out", {"profile": "bm25"}, "pages")
    assert body["input"]["missing_documents"] == 1
    assert body["measures"]["R@100"]["mean"] == 0.5
    assert body["corpus"] is None
    (data / "qrels.tsv").write_text(header + "q1\thttp://z/\t1\n")
    with pytest.raises(DatasetError, match="none of the 1 relevant documents is in the collection 'pages'"):
        run(engine, data, tmp_path / "other", {"profile": "bm25"}, "pages")
    assert not (tmp_path / "other").exists()


def test_the_cap_on_results_of_a_site_is_off_unless_the_request_sets_one(tmp_path: Path, engine: Engine) -> None:
    """A run looks for all that is relevant, wherever it is; other params of diversification change nothing about that."""
    data = folder(tmp_path)
    rows = [{"id": f"d{n}", "url": f"http://a/{n}", "title": f"Apples {n}", "text": "apples"} for n in range(9)]
    rows.append({"id": "other", "url": "http://b/", "title": "Of other things", "text": f"Apples, {'and more ' * 99}"})
    (data / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def rank_of_other(request: dict[str, Any]) -> int:
        run(engine, data, tmp_path / "out", {"profile": "bm25", **request})
        lines = (tmp_path / "out" / "run.trec").read_text().splitlines()
        assert len(lines) == 10
        return next(int(line.split()[3]) for line in lines if " other " in line)

    assert rank_of_other({}) == rank_of_other({"diversify": {"collapse": False}}) == 10
    assert rank_of_other({"diversify": {"max_per_site": 2}}) == 3


def test_params_in_a_file_are_those_of_a_search(tmp_path: Path) -> None:
    """Of a whole request, what a run decides itself is left out and named; a saved profile is read as its params."""
    path = tmp_path / "params.json"
    params = {"weights": {"recency": 0.3}, "fuse": {"method": "rrf"}}
    for text in (params, {"name": "mine", "version": 3, "created": None, "params": params}):
        path.write_text(json.dumps(text))
        assert read_params(path) == (params, ())
    path.write_text(json.dumps({**params, "query": "x", "session": {}, "max_results": 3}))
    assert read_params(path) == (params, ("max_results", "query", "session"))
    for text, said in (('{"weights":\n {"recency": }}', "line 2: not JSON"), ("[1]", "not an object")):
        path.write_text(text)
        with pytest.raises(RunError, match=said):
            read_params(path)
    with pytest.raises(RunError, match="cannot be read"):
        read_params(tmp_path / "nowhere.json")


def assert_untouched(tmp_path: Path, engine: Engine) -> None:
    assert [each["name"] for each in engine.list_collections("default")["collections"]] == ["default"]
    assert not (tmp_path / "out").exists()
