"""A set among other documents: what is mixed in, what is left out, and that evidence is still found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.engine import Engine
from api.settings import Settings
from eval.collections import read_collection
from eval.errors import DatasetError
from eval.sessions.distractors import Distractors, ensure_mixed
from eval.sessions.grid import run_sessions
from eval.sessions.plan import Plan
from eval.sessions.replay import run_replay
from eval.sessions.systems import systems_of
from ranking.errors import ForageError
from tests.eval.sets import PAGES, multi_hop, write

OTHERS: list[dict[str, Any]] = [
    {"id": "m1", "title": "Same id", "text": "A page about lighthouses, with the id of a page of the set."},
    {"id": "copy", "title": "A copy", "text": "  ".join(PAGES["m4"][1].split())},
    {"url": "http://docs/1", "title": "Lamps", "text": "How the lamp of a lighthouse is lit."},
    {"id": "empty", "title": " ", "text": ""},
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(Settings(data=tmp_path_factory.mktemp("data")))
    yield made
    made.close()


@pytest.fixture
def others(tmp_path: Path) -> Path:
    write(tmp_path / "others.jsonl", OTHERS)
    return tmp_path / "others.jsonl"


def quiet(done: int, total: int, note: str) -> None:
    pass


def ids(engine: Engine, name: str) -> dict[str, str]:
    return {document["id"]: document["title"] for document in engine.documents(name, "default")}


def test_both_are_in_one_collection(engine: Engine, tmp_path: Path, others: Path) -> None:
    """Under ids of their own; a copy of a page of the set and a page without text are left out."""
    test = read_collection(multi_hop(tmp_path / "small"))
    name = ensure_mixed(engine, test, Distractors(others), quiet)
    assert name.startswith(f"eval-small-{test.fingerprint()}-with-")
    found = ids(engine, name)
    assert set(PAGES) <= set(found)
    assert found["m1"] == PAGES["m1"][0]
    assert sorted(title for each, title in found.items() if each not in PAGES) == ["Lamps", "Same id"]
    generation = engine.read_collection(name, "default")["generation"]
    assert ensure_mixed(engine, test, Distractors(others), quiet) == name
    assert engine.read_collection(name, "default")["generation"] == generation, "built once"


def test_a_collection_can_be_mixed_in(engine: Engine, tmp_path: Path) -> None:
    """With its metadata; of another generation it is another mixture."""
    test = read_collection(multi_hop(tmp_path / "small"))
    engine.create_collection({"name": "lights"}, "default")
    engine.ingest_objects("lights", {"id": "l1", "title": "Lamps", "text": "Lit.", "metadata": {"n": 1}}, "default")
    first = ensure_mixed(engine, test, Distractors(collection="lights"), quiet)
    (mixed,) = [each for each in engine.documents(first, "default") if each["id"] not in PAGES]
    assert (mixed["title"], mixed["text"], mixed["metadata"]) == ("Lamps", "Lit.", {"n": 1})
    engine.ingest_objects("lights", {"id": "l2", "title": "Oil", "text": "Burnt."}, "default")
    assert ensure_mixed(engine, test, Distractors(collection="lights"), quiet) != first


def test_long_names_of_sets_fit(engine: Engine, tmp_path: Path, others: Path) -> None:
    """A name has 64 characters."""
    test = read_collection(multi_hop(tmp_path / ("a long name of a set " * 3).strip()))
    assert len(ensure_mixed(engine, test, Distractors(others), quiet)) <= 64


def test_sessions_and_replay_search_the_haystack(engine: Engine, tmp_path: Path, others: Path) -> None:
    """Results say how much was searched, and the evidence is still found under its ids."""
    data = multi_hop(tmp_path / "small")
    logs: list[dict[str, object]] = [{"session_id": "a", "gold": ["m1"], "turns": [{"query": "Journal of Botany"}]}]
    plan = Plan(("loop",), systems_of(["stateless"]), calls=2)
    body = run_sessions(
        engine, data, tmp_path / "s", plan, collection=None, progress=quiet, distractors=Distractors(others)
    )
    assert body["searched"]["documents"] == len(PAGES) + 2
    assert body["systems"]["stateless"]["measures"]["recall"] > 0
    assert json.loads((tmp_path / "s" / "measures.json").read_text()) == body
    write(data / "sessions.jsonl", logs)
    body = run_replay(
        engine, data, tmp_path / "r", plan, collection=None, progress=quiet, distractors=Distractors(others)
    )
    assert body["searched"]["documents"] == len(PAGES) + 2


@pytest.mark.parametrize(
    ("wrong", "collection"),
    [
        (Distractors(), None),
        (Distractors(Path("nowhere.jsonl")), None),
        (Distractors(Path(__file__), "default"), None),
        (Distractors(collection="nowhere"), None),
        (Distractors(collection="default"), None),
        (Distractors(Path(__file__)), "default"),
    ],
)
def test_what_cannot_be_mixed_is_refused_first(
    engine: Engine, tmp_path: Path, wrong: Distractors, collection: str | None
) -> None:
    """Before anything is written."""
    plan = Plan(("loop",), systems_of(["stateless"]), calls=2)
    with pytest.raises(ForageError) as refused:
        run_sessions(
            engine,
            multi_hop(tmp_path / "small"),
            tmp_path / "s",
            plan,
            collection=collection,
            progress=quiet,
            distractors=wrong,
        )
    assert refused.value.hint or not isinstance(refused.value, DatasetError)
    assert not (tmp_path / "s").exists()


def test_distractors_that_are_cut_off_leave_nothing_behind(engine: Engine, tmp_path: Path, others: Path) -> None:
    """The line is named; there is no collection and no folder of trajectories."""
    others.write_bytes(others.read_bytes()[:-9])
    before = engine.list_collections("default")
    data, plan = multi_hop(tmp_path / "small"), Plan(("loop",), systems_of(["stateless"]), calls=2)
    write(data / "sessions.jsonl", [{"session_id": "a", "gold": ["m1"], "turns": [{"query": "Journal of Botany"}]}])
    for run in (run_sessions, run_replay):
        with pytest.raises(DatasetError, match=r"others\.jsonl line 4: not JSON"):
            run(engine, data, tmp_path / "s", plan, collection=None, progress=quiet, distractors=Distractors(others))
    assert engine.list_collections("default") == before
    assert not list((tmp_path / "s").iterdir())
