"""The feature dump: what other programs read of it is what the engine explains, and it is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from api.engine import Engine
from api.settings import Settings
from eval.adhoc.runs import ensure_indexed, query_of, searched
from eval.collections import TestCollection, read_collection
from eval.errors import DatasetError, FrozenError, RunError
from eval.frozen.candidates import FrozenTopic
from eval.frozen.feature_files import FeatureFiles, Features, lines
from eval.frozen.features import Wanted, dump
from ranking.errors import ForageError
from tests.eval.sets import PAGES, multi_hop
from tests.needs import parquet

pq = parquet()
svmlight = pytest.importorskip("sklearn.datasets", reason="scikit-learn, which reads SVMlight, is not installed")
Opened = tuple[Engine, TestCollection, str]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    root = tmp_path_factory.mktemp("features")
    test = read_collection(multi_hop(root / "set"))
    engine = Engine(Settings(data=root / "data"))
    yield engine, test, ensure_indexed(engine, test, quiet)
    engine.close()


def quiet(done: int, total: int, note: str) -> None: ...


def dumped(
    opened: Opened, out: Path, request: dict[str, Any], **more: Any
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """(features.json, columns of the Parquet file)."""
    engine, test, _ = opened
    told = dump(engine, test, out, Wanted(request, threads=2, **more), quiet)
    assert json.loads((out / "features.json").read_bytes()) == told
    return told, pq.read_table(out / "features.parquet").to_pydict()


def searched_for(opened: Opened, request: dict[str, Any], topic: str) -> dict[str, Any]:
    engine, test, collection = opened
    text = next(query_of(each, False) for each in test.topics if each.id == topic)
    asked = {**searched(request, collection), "query": text, "explain": True}
    body: dict[str, Any] = orjson.loads(engine.search(asked, "default").body)
    return body


# ---------------------------------------------------------------- what is in it


REQUESTS = [
    {},
    {"weights": {"*": 0, "bm25.title": 1, "recency": -0.5}},
    {"score": "coverage + dense / 3"},
    {"rules": [{"match": {"title": "harbour"}, "do": "bury", "by": 3}]},
    {"fuse": {"method": "rrf"}, "retrieve": [{"type": "bm25", "k": 3}, {"type": "dense", "k": 2}], "max_results": 5},
]


@pytest.mark.parametrize("request_", REQUESTS, ids=json.dumps)
def test_rows_are_the_hits_of_the_search_with_every_signal(
    opened: Opened, tmp_path: Path, request_: dict[str, Any]
) -> None:
    """Documents, places, scores and signals, as the answer explains them; expressions and rules count."""
    told, table = dumped(opened, tmp_path, request_)
    signals = [each["name"] for each in told["signals"]]
    assert list(table) == ["topic", "document", "grade", "judged", "rank", "score", *signals]
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    for topic in ("q1", "q2", "q1-s1"):
        hits = searched_for(opened, request_, topic)["results"]
        mine = [row for row in rows if row["topic"] == topic][: len(hits)]
        for place, (row, hit) in enumerate(zip(mine, hits, strict=True), start=1):
            assert (row["document"], row["rank"], row["score"]) == (hit["id"], place, hit["score"])
            assert {name: row[name] for name in signals} == hit["signals"]


def test_every_row_has_its_judgement(opened: Opened, tmp_path: Path) -> None:
    _, test, _ = opened
    _, table = dumped(opened, tmp_path, {})
    keys = zip(table["topic"], table["document"], table["grade"], table["judged"], strict=True)
    for topic, document, grade, judged in keys:
        assert judged == (document in test.qrels[topic])
        assert grade == test.qrels[topic].get(document, 0)


def test_a_row_is_what_explain_tells_of_a_document(opened: Opened, tmp_path: Path) -> None:
    """Through the other door, and of a document that no page shows."""
    engine, test, collection = opened
    _, table = dumped(opened, tmp_path, {})
    place = len(PAGES) - 1
    told = engine.explain(
        {"query": query_of(test.topics[0], False), "collection": collection, "document": table["document"][place]},
        "default",
    )
    assert {name: table[name][place] for name in told["signals"]} == told["signals"]
    assert table["score"][place] == told["score"]
    assert table["rank"][place] == told["rank_if_found"]


def test_svmlight_reads_what_parquet_has(opened: Opened, tmp_path: Path) -> None:
    """To the bit: values, grades, the topic of each row, and how many features there are."""
    told, table = dumped(opened, tmp_path, {"weights": {"meta.none": 0}})
    values, grades, topics = svmlight.load_svmlight_file(str(tmp_path / "features.letor"), query_id=True)
    signals = [each["name"] for each in told["signals"]]
    assert values.shape == (told["rows"], len(signals))
    assert np.array_equal(values.toarray(), np.array([table[name] for name in signals]).T)
    assert grades.tolist() == table["grade"]
    names = list(dict.fromkeys(table["topic"]))
    assert [names[number - 1] for number in topics] == table["topic"]
    text = (tmp_path / "features.letor").read_text().splitlines()
    head = [line for line in text if line.startswith("#")]
    assert head == [f"# {number} {name}" for number, name in enumerate(signals, start=1)]
    told_names = [line.partition("# ")[2].split("\t") for line in text[len(head) :]]
    assert told_names == [list(pair) for pair in zip(table["topic"], table["document"], strict=True)]


def test_depth_and_limit_cut(opened: Opened, tmp_path: Path) -> None:
    """The best of each topic; the first topics."""
    _, whole = dumped(opened, tmp_path / "whole", {})
    told, cut = dumped(opened, tmp_path / "cut", {}, depth=3, limit=2)
    assert (told["topics"], told["rows"], told["depth"]) == (2, 6, 3)
    kept = [
        n
        for n, (topic, rank) in enumerate(zip(whole["topic"], whole["rank"], strict=True))
        if topic != "q1-s1" and rank <= 3
    ]
    assert cut == {name: [column[n] for n in kept] for name, column in whole.items()}
    judged = [(topic, document) for topic, document in zip(cut["topic"], cut["document"], strict=True)]
    qrels = opened[1].qrels
    assert told["relevant"] == sum(qrels[topic].get(document, 0) > 0 for topic, document in judged)
    assert told["relevant_judged"] == 4


# ---------------------------------------------------------------- whole or not there


def test_a_dump_that_fails_leaves_the_old_one(opened: Opened, tmp_path: Path) -> None:
    dumped(opened, tmp_path, {}, limit=1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ["features.json", "features.letor", "features.parquet"]

    def interrupted(done: int, total: int, note: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    engine, test, _ = opened
    with pytest.raises(KeyboardInterrupt):
        dump(engine, test, tmp_path, Wanted({}), interrupted)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("request_", "more", "path"),
    [({"weights": {"bm52": 1}}, {}, "$.weights.bm52"), ({}, {"collection": "nowhere"}, "$.collection")],
)
def test_a_wrong_request_is_refused_before_anything_is_written(
    opened: Opened, tmp_path: Path, request_: dict[str, Any], more: dict[str, Any], path: str
) -> None:
    engine, test, _ = opened
    with pytest.raises(ForageError) as caught:
        dump(engine, test, tmp_path / "out", Wanted(request_, **more), quiet)
    assert caught.value.path == path
    assert not (tmp_path / "out").exists()


def test_a_set_without_judged_topics_and_a_folder_that_is_a_file_are_refused(opened: Opened, tmp_path: Path) -> None:
    engine, test, _ = opened
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        dump(engine, test, tmp_path / "file", Wanted({}), quiet)
    none = TestCollection(test.name, test.folder, (), {}, False, test.corpus)
    with pytest.raises(DatasetError):
        dump(engine, none, tmp_path / "out", Wanted({}), quiet)


def topic_of(name: str, document: str) -> Features:
    topic = FrozenTopic(name, (document,), np.array([[0.5, 0.0]]), np.array([2]), np.array([True]), (2,), (), 1)
    return Features(topic, np.array([0]), np.array([1.0]))


def test_a_line_ends_where_its_names_end(tmp_path: Path) -> None:
    """A # in a URL is one of its characters; a line break in an id would make two lines of one."""
    assert list(lines(7, topic_of("q 1", "https://a.example/#top"))) == [
        "2 qid:7 1:0.5 2:0.0 # q 1\thttps://a.example/#top\n"
    ]
    with FeatureFiles(tmp_path) as files, pytest.raises(FrozenError, match="control"):
        files.add(1, ("bm25", "dense"), topic_of("q", "a\nb"))
    assert not list(tmp_path.iterdir())


def test_topics_with_other_signals_are_refused(tmp_path: Path) -> None:
    with FeatureFiles(tmp_path) as files:
        files.add(1, ("bm25", "dense"), topic_of("q", "a"))
        with pytest.raises(FrozenError, match="different signals"):
            files.add(2, ("bm25", "recency"), topic_of("r", "a"))
