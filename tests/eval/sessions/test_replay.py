"""Replay of logs: what is judged decides what is measured, and every query is asked in its order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.engine import Engine
from api.settings import Settings
from eval.errors import DatasetError, RunError
from eval.latency import lasting
from eval.sessions.calls import Call, Trajectory
from eval.sessions.logs import read_logs
from eval.sessions.plan import Plan
from eval.sessions.replay import repeats, run_replay
from eval.sessions.systems import systems_of
from tests.eval.sets import multi_hop, write

AGENT_LOGS: list[dict[str, Any]] = [
    {
        "session_id": "s1",
        "target_query_id": "q1",
        "gold": ["m1", "m2"],
        "turns": [
            {"action": "search", "query": "Journal of Botany"},
            {"action": "lookup", "query": "president"},
            {"action": "search", "query": "Northern Plant Society"},
            {"action": "finish", "query": "Ada Fern"},
        ],
    },
    {"session_id": "s2", "target_query_id": "q1", "gold": ["m1", "m2"], "turns": [{"query": "president"}]},
]
JUDGED_TURNS: list[dict[str, Any]] = [
    {
        "session_id": "c1",
        "turns": [{"query": "botany", "query_id": "q1"}, {"query": "the harbour of Lund", "query_id": "q2"}],
    }
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(Settings(data=tmp_path_factory.mktemp("data")))
    yield made
    made.close()


def logged(folder: Path, rows: list[dict[str, Any]]) -> Path:
    multi_hop(folder, steps=False)
    write(folder / "sessions.jsonl", rows)
    return folder


def replayed(engine: Engine, data: Path, out: Path, *systems: str) -> dict[str, Any]:
    plan = Plan(("recorded",), systems_of(systems or ("stateless", "session:use_profile=false")), seed=1)
    return run_replay(engine, data, out, plan, collection=None, progress=lambda done, total, note: None)


def test_only_searches_are_queries(tmp_path: Path) -> None:
    """Look-ups inside a page and answers are not; a log without an action is all searches."""
    _, logs = read_logs(logged(tmp_path / "set", AGENT_LOGS))
    assert [[turn.query for turn in log.turns] for log in logs] == [
        ["Journal of Botany", "Northern Plant Society"],
        ["president"],
    ]
    assert {log.topic for log in logs} == {"q1"}


def test_evidence_of_agents_is_read_over_the_grid(engine: Engine, tmp_path: Path) -> None:
    """One topic, two logs, twelve readers, two systems."""
    body = replayed(engine, logged(tmp_path / "set", AGENT_LOGS), tmp_path / "out")
    assert body["deciding"] == "recall"
    assert len((tmp_path / "out" / "per_topic.jsonl").read_text().splitlines()) == 2 * 12 * 2
    assert body["topics"] == 1


def test_judged_turns_have_their_own_measure(engine: Engine, tmp_path: Path) -> None:
    """Both turns find a relevant page."""
    body = replayed(engine, logged(tmp_path / "set", JUDGED_TURNS), tmp_path / "out", "stateless:k=5", "session:k=5")
    assert body["deciding"] == "nDCG@10"
    assert 0.5 < body["systems"]["stateless:k=5"]["measures"]["nDCG@10"] <= 1
    again = replayed(engine, tmp_path / "set", tmp_path / "out", "stateless:k=5", "session:k=5")
    assert lasting(again) == lasting(body)


def test_only_the_last_turn_counts_where_turns_say_which_it_is(tmp_path: Path) -> None:
    """The others had answers of another engine."""
    turns = [{"query": "botany", "query_id": "q1", "final": False}, {"query": "it", "query_id": "q2", "final": True}]
    _, logs = read_logs(logged(tmp_path / "set", [{"session_id": "c1", "turns": turns}]))
    assert [turn.id for turn in logs[0].turns] == [None, "q2"]


def test_queries_alone_are_replayed_on_a_collection_that_is_named(engine: Engine, tmp_path: Path) -> None:
    """Without one there is nothing to search; with one, repeats are what can be said."""
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder / "sessions.jsonl", [{"session_id": "a", "turns": [{"query": "botany"}, {"query": "Botany"}]}])
    with pytest.raises(DatasetError, match="no corpus"):
        replayed(engine, folder, tmp_path / "out")
    plan = Plan(("recorded",), systems_of(["stateless"]))
    engine.create_collection({"name": "some"}, "default")
    engine.ingest_objects("some", {"id": "1", "title": "Botany", "text": "Plants."}, "default")
    body = run_replay(engine, folder, tmp_path / "out", plan, collection="some", progress=lambda *told: None)
    measures = body["systems"]["stateless"]["measures"]
    assert measures == {"redundancy": 0.5, "repeated queries": 0.5, "overlap": 1.0}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"session_id": "a", "turns": [{"text": "x"}]}], "line 1: not a session"),
        ([{"session_id": "a"}], "line 1: not a session"),
        ([{"session_id": "a", "turns": [{"query": "x"}]}] * 2, "line 2: the session a is there already"),
        ([{"session_id": "a", "turns": []}], "holds no query"),
        ([{"session_id": "a", "gold": ["zz"], "turns": [{"query": "x"}]}], "no document zz"),
    ],
)
def test_what_is_wrong_is_named(engine: Engine, tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    """With file and line where there is one."""
    with pytest.raises(DatasetError, match=said):
        replayed(engine, logged(tmp_path / "set", rows), tmp_path / "out")


def test_evidence_that_is_not_there_is_named_by_line(engine: Engine, tmp_path: Path) -> None:
    """The session's line, not the folder's name."""
    rows = [AGENT_LOGS[0], {**AGENT_LOGS[1], "gold": ["m1", "nowhere"]}]
    with pytest.raises(DatasetError, match=r"sessions\.jsonl line 2: the corpus has no document nowhere"):
        replayed(engine, logged(tmp_path / "set", rows), tmp_path / "out")


@pytest.mark.parametrize("turns", [[{"query": "harbour"}, {"query": "a town"}], [{"query": "president"}] * 2])
def test_answers_to_other_queries_are_not_measured(engine: Engine, tmp_path: Path, turns: list[dict[str, Any]]) -> None:
    """The log was corrected between two runs into one folder: the old answers are refused, not read as the new ones."""
    folder = logged(tmp_path / "set", AGENT_LOGS)
    replayed(engine, folder, tmp_path / "out")
    before = (tmp_path / "out" / "measures.json").read_bytes()
    write(folder / "sessions.jsonl", [AGENT_LOGS[0], {**AGENT_LOGS[1], "turns": turns}])
    with pytest.raises(RunError, match="other queries of the session s2"):
        replayed(engine, folder, tmp_path / "out")
    assert (tmp_path / "out" / "measures.json").read_bytes() == before


def test_repeats_by_hand() -> None:
    """Pages ab, bc, ab: of six three were displayed before; the pages share a half, then a half."""
    pages = [("q", "ab"), ("Q", "bc"), ("r", "ab")]
    calls = tuple(Call(query, None, None, tuple((name, 1) for name in page), ()) for query, page in pages)
    found = repeats(Trajectory("t", calls))
    assert found == pytest.approx({"redundancy": 3 / 6, "repeated queries": 1 / 3, "overlap": 0.5})


def test_judged_turns_are_measured_fairly_to_sessions(engine: Engine, tmp_path: Path) -> None:
    """The same query twice: the second page of a stateless engine repeats, and nothing on it is new."""
    turns = [{"query": "harbour of Lund"}, {"query": "the harbour of Lund", "query_id": "q2"}]
    rows: list[dict[str, Any]] = [{"session_id": "c1", "turns": turns}]
    data = logged(tmp_path / "set", rows)
    systems = ("stateless:k=2", "session:k=2,seen=drop,use_profile=false", "history:first=1,k=2")
    body = replayed(engine, data, tmp_path / "out", *systems)
    plain, dropped, _ = (body["systems"][name]["measures"] for name in systems)
    assert (plain["nDCG@10 once"], dropped["nDCG@10 once"]) == (0.0, 1.0), "m3 came back; m4 is new"
    assert plain["nDCG@10 with stubs"] == plain["nDCG@10"], "nothing was left out"
    assert dropped["nDCG@10 with stubs"] >= plain["nDCG@10"], "the stubs name it where it stood"
    assert {"nsDCG", "nDCG@10 with stubs", "nDCG@10 once"} <= set(body["tests"])


def test_sources_of_sessions_are_parts_of_their_own(engine: Engine, tmp_path: Path) -> None:
    """Named by type, else by source."""
    rows: list[dict[str, Any]] = [
        {"session_id": "c1", "source": "people", "turns": [{"query": "botany", "query_id": "q1"}]},
        {"session_id": "c2", "source": "x", "type": "bots", "turns": [{"query": "Lund", "query_id": "q2"}]},
    ]
    body = replayed(engine, logged(tmp_path / "set", rows), tmp_path / "out")
    assert {each["stratum"] for each in body["strata"]} == {"all topics", "type people", "type bots"}


def test_a_measure_that_a_system_lacks_is_not_tested(engine: Engine, tmp_path: Path) -> None:
    """Where everything relevant was shown before, nDCG once says nothing of that system."""
    turns = [{"query": "Olaf Brink engineer harbour of Lund"}, {"query": "the harbour of Lund", "query_id": "q2"}]
    data = logged(tmp_path / "set", [{"session_id": "c1", "turns": turns}])
    body = replayed(engine, data, tmp_path / "out", "stateless:k=1", "stateless:k=8")
    assert "nDCG@10 once" in body["systems"]["stateless:k=1"]["measures"]
    assert "nDCG@10 once" not in body["systems"]["stateless:k=8"]["measures"]
    assert "nDCG@10 once" not in body["tests"]
