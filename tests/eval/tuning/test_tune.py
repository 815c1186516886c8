"""A whole tuning on a small set, with a real engine: what it writes, that it is the engine's, and what it refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.engine import Engine
from api.settings import Settings
from eval.collections import read_collection
from eval.errors import DatasetError, RunError, TuneError
from eval.frozen.files import load
from eval.tuning.graded import read_measure
from eval.tuning.sets import sets_in
from eval.tuning.trees import reranked, stage
from eval.tuning.tune import Plan, methods_of, tune
from eval.tuning.weighing import weighing_of
from indexer.rerankers.trees import load_trees
from ranking.errors import ForageError
from tests.eval.sets import write

WORDS = "moss fern harbour engine river stone lamp garden winter paper".split()
NAME = "m" * 56
"""As long as one may be."""
CAPLESS = {"max_per_site": None}
PLAN = Plan(("tpe",), read_measure("nDCG@10"), ("weights.bm25.bigram=0..2", "fuse.balance.floor"), trials=8, folds=2)


def folder(made: Path, seed: int, pages: int = 30, topics: int = 6) -> Path:
    """Random pages of few words; relevant is what holds the two words of a topic side by side."""
    made.mkdir(parents=True)
    chance = random.Random(seed)
    texts = {f"d{n}": " ".join(chance.choices(WORDS, k=chance.randint(4, 25))) for n in range(pages)}
    write(made / "corpus.jsonl", [{"id": name, "title": "", "text": text} for name, text in texts.items()])
    pairs = chance.sample([f"{a} {b}" for a in WORDS for b in WORDS if a != b], topics)
    write(made / "queries.jsonl", [{"id": f"q{n}", "text": pair} for n, pair in enumerate(pairs)])
    rows = [f"q{n}\t{name}\t{int(pair in text)}" for n, pair in enumerate(pairs) for name, text in texts.items()]
    (made / "qrels.tsv").write_text("\n".join(["query_id\tdoc_id\trelevance", *rows]) + "\n")
    return made


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sets")
    folder(root / "one", 1)
    folder(root / "two", 2)
    return root


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(Settings(data=tmp_path_factory.mktemp("data")))
    yield made
    made.close()


def tuned(engine: Engine, data: Path, out: Path, **changes: Any) -> dict[str, Any]:
    return tune(engine, sets_in(data, ()), out, replace(PLAN, **changes), lambda done, total, note: None)


def test_what_was_tuned_is_a_profile_and_the_engine_agrees(engine: Engine, data: Path, tmp_path: Path) -> None:
    """Every topic that is searched again has its frozen value, and trees its order; the files say the same."""
    body = tuned(engine, data, tmp_path, methods=methods_of("all"), name=NAME, simplify=False)
    for what in ("params", "trees"):
        assert [(row["topics"], row["differing"]) for row in body["engine"][what]] == [(6, []), (6, [])]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("frozen", "model.txt", "profile.json", "report.md", "trials.jsonl", "tune.json")
    }
    written = json.loads((tmp_path / "tune.json").read_text())
    assert written == json.loads(json.dumps(body))
    assert body["profile"].startswith(f"{NAME}@")
    saved = engine.read_profile(body["profile"], "default")["params"]
    assert saved == json.loads((tmp_path / "profile.json").read_text())
    assert saved["weights"]["bm25.bigram"] == body["methods"][body["chosen"]]["params"]["weights.bm25.bigram"]
    report = (tmp_path / "report.md").read_text()
    for row in body["methods"][body["chosen"]]["sets"]:
        assert f"{row['in_sample']:.4f}" in report
        assert f"{row['left_out']['mean']:.4f}" in report
    assert body["profile"] in report
    for row in body["sets"]:
        made = load(tmp_path / "frozen" / f"{row['set']}.npz")
        texts = {each.id: each.text for each in read_collection(data / row["set"]).topics}
        model = load_trees((tmp_path / "model.txt").read_text())
        for topic in made.topics:
            asked = {"query": texts[topic.topic], "collection": row["collection"], "rerank": [stage(body["model"])]}
            answer = json.loads(engine.search({**asked, "max_results": 100, "diversify": CAPLESS}, "default").body)
            order = reranked(made, topic, weighing_of({}), model)
            assert [hit["id"] for hit in answer["results"]] == [topic.ids[at] for at in order.tolist()][:100]


def test_the_same_seed_gives_the_same_results_interrupted_or_not(engine: Engine, data: Path, tmp_path: Path) -> None:
    """But for the version of the profile, which is that of the first: it says the same."""
    whole = tuned(engine, data, tmp_path / "a", name="again")

    class Stopped(Exception):
        pass

    def stop(done: int, total: int, note: str) -> None:
        if note == "tpe" and done == 11:
            raise Stopped

    with pytest.raises(Stopped):
        tune(engine, sets_in(data, ()), tmp_path / "b", replace(PLAN, name="again"), stop)
    assert not (tmp_path / "b" / "tune.json").exists()
    assert tuned(engine, data, tmp_path / "b", name="again") == whole
    rows = [sorted((tmp_path / each / "trials.jsonl").read_text().splitlines()) for each in "ab"]
    assert rows[0] == rows[1]
    with pytest.raises(TuneError, match="measure, seed"):
        tuned(engine, data, tmp_path / "b", seed=2, measure=read_measure("P@5"))


def test_a_tuning_begins_from_a_profile(engine: Engine, data: Path, tmp_path: Path) -> None:
    """What was chosen is a change to it; its own weights stay."""
    engine.put_profile("start", {"weights": {"rrf": 0.5, "bm25.bigram": 0.25}}, "default")
    body = tuned(engine, data, tmp_path, profile="start", simplify=False, name="from-start")
    (row,) = [each for each in body["parameters"] if each["name"] == "weights.bm25.bigram"]
    assert row["default"] == 0.25
    assert body["request"]["weights"]["rrf"] == 0.5
    assert [row["differing"] for row in body["engine"]["params"]] == [[], []]


def test_params_that_stay_are_a_profile_too(engine: Engine, data: Path, tmp_path: Path) -> None:
    """Who searches with it finds what it began with, and the report says so."""
    engine.put_profile("begun", {"weights": {"rrf": 0.5}}, "default")
    body = tuned(engine, data, tmp_path, profile="begun", params=("weights.bm25.url=0..0.000001",), name="stays")
    assert body["request"] == engine.read_profile("begun", "default")["params"]
    assert engine.read_profile(body["profile"], "default")["params"] == body["request"]
    assert f"stay, as profile {body['profile']}" in (tmp_path / "report.md").read_text()
    plain = tuned(engine, data, tmp_path / "plain", params=("weights.bm25.url=0..0.000001",), name="plain")
    assert (plain["profile"], plain["request"]) == ("default", {})


def test_metadata_fields_can_be_tuned(engine: Engine, tmp_path: Path) -> None:
    """A field becomes a signal by being named; a single set is tuned without leaving it out."""
    made = folder(tmp_path / "sets" / "stars", 3)
    rows = [json.loads(line) for line in (made / "corpus.jsonl").read_text().splitlines()]
    write(made / "corpus.jsonl", [{**row, "stars": number} for number, row in enumerate(rows)])
    body = tuned(engine, tmp_path / "sets", tmp_path / "out", params=("weights.meta.stars=0..1",), simplify=False)
    assert body["methods"]["tpe"]["objective"]["left_out"] is None
    assert body["engine"]["params"][0]["differing"] == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"folds": 4}, "too few for 4 folds"),
        ({"params": ("weights.bm52",)}, "weights.bm52"),
        ({"profile": "nope"}, "nope"),
        ({"name": "bm25"}, "built in"),
        ({"name": "a b"}, "cannot be a profile's name"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_first(
    tmp_path: Path, data: Path, changes: dict[str, Any], told: str
) -> None:
    """Before anything is indexed, searched or written."""
    engine = Engine(Settings(data=tmp_path / "data"))
    with pytest.raises(ForageError, match=told):
        tuned(engine, data, tmp_path / "out", **changes)
    assert [each["name"] for each in engine.list_collections("default")["collections"]] == ["default"]
    assert not (tmp_path / "out").exists()
    engine.close()


def test_sets_without_anything_relevant_are_refused(tmp_path: Path, engine: Engine) -> None:
    """Of the topics that are taken; judgements of pages that are not there; a folder without sets, two sets of one
    name, a folder that cannot be written."""
    made = folder(tmp_path / "sets" / "bad", 4)
    lines = (made / "qrels.tsv").read_text().splitlines()
    first = [f"{line[:-1]}0" if line[:2] in ("q0", "q1", "q2", "q3") else line for line in lines[1:]]
    (made / "qrels.tsv").write_text("\n".join([lines[0], *first]) + "\n")
    with pytest.raises(DatasetError, match="nothing is relevant for any of its 4 topics"):
        tuned(engine, tmp_path / "sets", tmp_path / "out", limit=4)
    (made / "qrels.tsv").write_text("\n".join([*lines, "q1\tnowhere\t1"]) + "\n")
    with pytest.raises(DatasetError, match="nowhere"):
        tuned(engine, tmp_path / "sets", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(DatasetError, match="holds none"):
        sets_in(tmp_path / "nowhere", ())
    pair = [folder(tmp_path / place / "one", 1) for place in ("x", "y")]
    with pytest.raises(DatasetError, match="two sets are named one"):
        tune(engine, pair, tmp_path / "out", PLAN, lambda done, total, note: None)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        tuned(engine, folder(tmp_path / "good", 5), tmp_path / "file")


def test_an_unknown_method_is_refused() -> None:
    """With the nearest."""
    with pytest.raises(TuneError) as caught:
        methods_of("tree")
    assert caught.value.did_you_mean == "trees"
