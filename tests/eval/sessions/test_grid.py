"""Simulated sessions over the real engine: comparable, resumable, and nothing half-written counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.engine import Engine
from api.session.door import Reply
from api.settings import Settings
from eval.adhoc.runs import ensure_indexed
from eval.agents.view import Asked
from eval.errors import RunError, SessionRunError
from eval.latency import lasting
from eval.sessions.desk import Desk, request_of
from eval.sessions.grid import run_sessions
from eval.sessions.plan import Plan
from eval.sessions.systems import system_of, systems_of
from eval.sessions.tasks import read_tasks
from eval.sessions.trajectories import call_of
from eval.sessions.turn_measures import put_back
from ranking.errors import ForageError
from tests.eval.sets import multi_hop

SYSTEMS = ("stateless", "dedupe", "session:use_profile=false,demote=0.5", "session:seen=drop,use_profile=false,k=2")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(Settings(data=tmp_path_factory.mktemp("data")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return multi_hop(tmp_path_factory.mktemp("sets") / "small")


def run(engine: Engine, data: Path, out: Path, *systems: str, **more: Any) -> dict[str, Any]:
    plan = Plan(more.pop("agents", ("keyword", "loop")), systems_of(systems), **{"calls": 3, "seed": 1, **more})
    return run_sessions(engine, data, out, plan, collection=None, progress=lambda done, total, note: None)


def test_a_run_writes_what_it_says(engine: Engine, data: Path, tmp_path: Path) -> None:
    """One row a topic, agent, system and reader; the report names every system."""
    body = run(engine, data, tmp_path / "out", *SYSTEMS)
    rows = [json.loads(line) for line in (tmp_path / "out" / "per_topic.jsonl").read_text().splitlines()]
    assert len(rows) == 2 * 2 * 4 * 12
    assert all(0 <= row["measures"]["recall"] <= 1 for row in rows)
    assert set(body["systems"]) == set(SYSTEMS)
    assert json.loads((tmp_path / "out" / "measures.json").read_text()) == body
    report = (tmp_path / "out" / "report.md").read_text()
    assert all(name in report for name in SYSTEMS)
    assert engine.sessions.list("default")["sessions"] == [], "what a run needed is erased"


def test_an_interrupted_run_goes_on(engine: Engine, data: Path, tmp_path: Path) -> None:
    """Whole files are taken, a part is not; the result is as if nothing had happened."""
    out = tmp_path / "out"
    first = run(engine, data, out, *SYSTEMS)
    rows = (out / "per_topic.jsonl").read_bytes()
    kept, lost = sorted((out / "trajectories").glob("*.jsonl"))[:2]
    lost.rename(lost.with_suffix(".part"))
    lost.with_suffix(".part").write_bytes(b'{"specification"')
    before = kept.stat().st_mtime_ns
    assert lasting(run(engine, data, out, *SYSTEMS)) == lasting(first), "times alone may differ"
    assert (out / "per_topic.jsonl").read_bytes() == rows
    assert kept.stat().st_mtime_ns == before
    assert lost.is_file()


def test_results_of_another_run_are_not_taken_for_this_one(engine: Engine, data: Path, tmp_path: Path) -> None:
    """They say what differs."""
    run(engine, data, tmp_path / "out", "stateless", agents=("keyword",))
    with pytest.raises(RunError, match="another seed"):
        run(engine, data, tmp_path / "out", "stateless", agents=("keyword",), seed=2)
    path = next((tmp_path / "out" / "trajectories").glob("*.jsonl"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RunError, match="cannot be read"):
        run(engine, data, tmp_path / "out", "stateless", agents=("keyword",))


def test_answers_to_another_question_are_not_taken_for_this_one(engine: Engine, tmp_path: Path) -> None:
    """Questions or judgements were corrected between two runs into one folder, under the same ids."""
    folder = multi_hop(tmp_path / "set")
    run(engine, folder, tmp_path / "out", "stateless")
    for name, old, new in (("queries.jsonl", "first president", "last president"), ("qrels.tsv", "q1\tm2", "q1\tx2")):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace(old, new))
        with pytest.raises(RunError, match="another question or judgement"):
            run(engine, folder, tmp_path / "out", "stateless")
        (folder / name).write_text(text)
    run(engine, folder, tmp_path / "out", "stateless")


def test_agents_that_heed_their_reader_have_a_run_for_each(engine: Engine, data: Path, tmp_path: Path) -> None:
    """The others one for all of the grid."""
    run(engine, data, tmp_path / "out", "stateless", agents=("keyword", "decomposition"))
    assert len(list((tmp_path / "out" / "trajectories").glob("*.jsonl"))) == 1 + 12


def test_a_system_that_cites_has_a_run_for_each_reader(engine: Engine, data: Path, tmp_path: Path) -> None:
    """For what is noticed becomes feedback."""
    run(engine, data, tmp_path / "out", "stateless", "session:cite=true", agents=("keyword",))
    assert len(list((tmp_path / "out" / "trajectories").glob("*.jsonl"))) == 1 + 12


@pytest.mark.parametrize(
    ("systems", "agents"),
    [
        (("stateles",), ("keyword",)),
        (("stateless:seen=drop",), ("keyword",)),
        (("session:seen",), ("keyword",)),
        (("session:k=0",), ("keyword",)),
        (("session:sen=drop",), ("keyword",)),
        (("session:demote=2",), ("keyword",)),
        (("stateless",), ("keywords",)),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is(
    engine: Engine, data: Path, tmp_path: Path, systems: tuple[str, ...], agents: tuple[str, ...]
) -> None:
    """No folder is made."""
    with pytest.raises(ForageError):
        run(engine, data, tmp_path / "out", *systems, agents=agents)
    assert not (tmp_path / "out").exists()


def test_the_decomposition_needs_sub_questions(engine: Engine, tmp_path: Path) -> None:
    """A set without them is told so."""
    data = multi_hop(tmp_path / "plain", steps=False)
    with pytest.raises(SessionRunError, match="sub-questions"):
        run(engine, data, tmp_path / "out", "stateless", agents=("decomposition",))


def test_systems_differ_in_their_session_alone() -> None:
    """Whatever is asked."""
    asked = [request_of(system, "c", 'who "is" it?') for system in systems_of(["stateless", "session:seen=off"])]
    assert asked[0].pop("session") == {"record": False}
    assert asked[1].pop("session") == {"prefetch": False, "follow_ups": False, "seen": "off"}
    assert asked[0] == asked[1]


def test_grids_stand_for_their_systems_once() -> None:
    """In order."""
    names = [system.name for system in systems_of(["modes", "stateless", "session"])]
    assert names[0] == "stateless"
    assert names[-1] == "session"
    assert len(names) == len(set(names))


def test_a_client_that_leaves_out_what_it_was_shown(engine: Engine, data: Path) -> None:
    """Shows the rest of the same page: the second time nothing, to another reader all of it."""
    name = ensure_indexed(engine, read_tasks(data, None, 1)[0], lambda done, total, note: None)
    desk = Desk(engine, system_of("dedupe:k=3"), name)
    first = desk.search(Asked("harbour"))
    assert len(first.shown) == 3
    assert desk.search(Asked("harbour")).shown == ()
    assert desk.search(Asked("harbour", reader="other")).shown == first.shown


def test_a_degraded_answer_is_no_measurement(engine: Engine, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session whose store failed was stateless: asked again, and refused when it stays so."""
    name = ensure_indexed(engine, read_tasks(data, None, 1)[0], lambda done, total, note: None)
    desk = Desk(engine, system_of("session"), name)
    real, calls = engine.search, [0]

    def failing(times: int) -> Any:
        def search(payload: Any, tenant: str) -> Reply:
            calls[0] += 1
            reply = real(payload, tenant)
            if calls[0] > times:
                return reply
            body = json.loads(reply.body)
            body["trace"]["degraded"] = ["session"]
            return Reply(json.dumps(body).encode())

        return search

    monkeypatch.setattr(engine, "search", failing(2))
    assert desk.search(Asked("harbour")).shown
    calls[0] = 0
    monkeypatch.setattr(engine, "search", failing(3))
    with pytest.raises(SessionRunError, match="without session"):
        desk.search(Asked("plants"))
    desk.close()


def test_an_objective_is_sent_only_by_systems_that_tell_it(engine: Engine, data: Path) -> None:
    """It is then the session's goal."""
    name = ensure_indexed(engine, read_tasks(data, None, 1)[0], lambda done, total, note: None)
    for system, expected in (("session:objective=true", "who built the harbour"), ("session", "harbour")):
        desk = Desk(engine, system_of(system), name, "who built the harbour")
        desk.search(Asked("harbour"))
        (found,) = engine.sessions.list("default")["sessions"]
        assert engine.sessions.read(found["id"], "default")["profile"]["goal"] == expected
        desk.close()


def test_a_run_goes_on_to_its_budget_of_tokens(engine: Engine, data: Path, tmp_path: Path) -> None:
    """Who shows less in a call asks more often; equal calls stay what they were without the budget."""
    systems = ("stateless:k=1", "stateless:k=3", "session:k=1,use_profile=false")
    short = run(engine, data, tmp_path / "short", *systems)
    body = run(engine, data, tmp_path / "long", *systems, tokens=500)
    means = {name: found["measures"] for name, found in body["systems"].items()}
    assert means["stateless:k=1"]["calls@500t"] > 3, "more than --calls"
    assert means["stateless:k=1"]["calls@500t"] > means["stateless:k=3"]["calls@500t"]
    alike = ("recall", "tokens", "redundancy", "nsDCG", "U", "regret")
    for name, found in short["systems"].items():
        assert {each: means[name][each] for each in alike} == {each: found["measures"][each] for each in alike}
    assert body["tokens"]["budgets"] == [500]
    assert {row["system"] for row in body["tokens"]["rows"]} == {"session:k=1,use_profile=false"}
    assert "At equal displayed tokens" in (tmp_path / "long" / "report.md").read_text()
    assert "tokens" not in short, "budgets that calls cut short say nothing"


def test_a_rule_of_history_sends_what_was_asked_before(engine: Engine, data: Path) -> None:
    """The answer is that of the text that the rule makes, and no session is opened."""
    name = ensure_indexed(engine, read_tasks(data, None, 1)[0], lambda done, total, note: None)
    ruled = Desk(engine, system_of("history:first=2,k=3"), name)
    assert ruled.search(Asked("harbour")) == Desk(engine, system_of("stateless:k=3"), name).search(Asked("harbour"))
    whole = Desk(engine, system_of("stateless:k=3"), name).search(Asked("harbour harbour president"))
    assert ruled.search(Asked("president")) == whole
    assert engine.sessions.list("default")["sessions"] == []


def test_what_a_system_hides_is_seen_against_a_stateless_page(engine: Engine, data: Path) -> None:
    """Of a session that drops, and of a client that leaves out; a stateless page hides nothing."""
    name = ensure_indexed(engine, read_tasks(data, None, 1)[0], lambda done, total, note: None)
    plain = Desk(engine, system_of("stateless:k=3"), name).search(Asked("harbour"))
    page = tuple(item.document for item in plain.shown)
    assert plain.stateless == ()
    for system in ("dedupe:k=3", "session:k=3,seen=drop,use_profile=false"):
        desk = Desk(engine, system_of(system), name)
        assert desk.search(Asked("harbour")).stateless == page
        again = desk.search(Asked("Harbour"))
        assert again.stateless == page
        assert not set(page) & {item.document for item in again.shown}
        desk.close()


def test_stubs_keep_the_place_that_they_name(engine: Engine, data: Path) -> None:
    """As whole pages: with its stubs put back, a page begins as the stateless one."""
    name = ensure_indexed(engine, read_tasks(data, None, 1)[0], lambda done, total, note: None)
    desk = Desk(engine, system_of("session:k=3,seen=drop,use_profile=false"), name)
    desk.search(Asked("harbour"))
    call = call_of(Asked("ships"), desk.search(Asked("Harbour")))
    assert put_back(call)[:3] == list(call.stateless)
    assert call.stubs
    desk.close()
