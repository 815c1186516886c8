"""A run with a real agent: measured as simulated sessions are, goes on where it stopped, and tells nobody the key."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from api.engine import Engine
from api.http.app import create_app
from api.settings import Settings
from eval.errors import DatasetError, EndpointError, EvalError, RunError
from eval.live.backends import Backend, Remote
from eval.live.chat import Chat, Sampling
from eval.live.loop import Bounds
from eval.live.readings import cited, displayed
from eval.live.records import Record, Turn
from eval.live.run import Subject, run_agent
from eval.live.wire import Wire, address
from eval.sessions import trajectories
from eval.sessions.plan import Plan
from eval.sessions.systems import systems_of
from eval.sessions.tasks import Task
from ranking.errors import ForageError
from tests.eval.sets import PAGES, QUESTIONS, multi_hop
from tests.eval.stand_in_chat import Message, StandIn, Wrong, say, stand_in

KEY = "sk-very-secret-123456"
VARIABLE = "STAND_IN_KEY"


def follow(messages: list[Message]) -> Message:
    """Asks the question; cites the best result and asks for its title; finishes with what it cited."""
    asked = sum(message["role"] == "assistant" for message in messages)
    question = str(messages[1]["content"])
    if asked == 0:
        return say(("search", {"query": question}))
    first = next(message for message in messages if message["role"] == "tool")
    title, address = re.match(r"1\. (.*) (\S+)\n", str(first["content"])).groups()  # type: ignore[union-attr]
    if asked == 1:
        return say(("cite", {"ids": [address]}), ("search", {"query": title}))
    return say(("finish", {"answer": title, "evidence": [address]}))


def run(
    engine: Engine | None,
    data: Path,
    out: Path,
    seen: StandIn,
    *systems: str,
    backend: Backend | None = None,
    **more: Any,
) -> dict[str, Any]:
    plan = Plan(("stand-in",), systems_of(systems), **{"calls": 4, "seed": 1, "threads": 2, **more.pop("plan", {})})
    wire = Wire(address(seen.base, VARIABLE, needs_key=True), tries=2, pause=lambda seconds: None)
    sampling = Sampling(0.0, 1)
    subject = Subject("stand-in", wire.where.public, sampling, Bounds(plan.calls))
    try:
        return run_agent(
            engine, backend, Chat(wire, "stand-in", sampling), subject, data, out, plan,
            collection=more.get("collection"), progress=lambda done, total, note: None,
        )  # fmt: skip
    finally:
        wire.close()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)


def test_a_run_writes_what_it_says(engine: Engine, data: Path, tmp_path: Path) -> None:
    """Two rows for each topic and system; means of both readings; files that simulated sessions' reader takes."""
    out = tmp_path / "out"
    with stand_in(follow) as seen:
        body = run(engine, data, out, seen, "stateless", "session")
    assert seen.wrong == []
    for name, reader in (("per_topic", "displayed"), ("cited_per_topic", "cited")):
        rows = [json.loads(line) for line in (out / f"{name}.jsonl").read_text().splitlines()]
        assert [(row["system"], row["topic"], row["reader"]) for row in rows] == [
            (system, topic, reader) for system in ("stateless", "session") for topic in QUESTIONS
        ]
    assert json.loads((out / "measures.json").read_text()) == body
    assert body["endings"] == {"stateless": {"finished": 2}, "session": {"finished": 2}}
    assert body["systems"]["stateless"]["measures"]["calls"] == 2
    assert body["cited"]["systems"]["stateless"]["measures"]["recall"] == 0.5
    assert body["systems"]["stateless"]["measures"]["recall"] == 1.0
    for path in (out / "trajectories").iterdir():
        specification = json.loads(path.read_text().splitlines()[0])["specification"]
        assert specification.pop("format") == trajectories.FORMAT
        found = trajectories.read(path, specification)
        assert [each.task for each in found] == list(QUESTIONS)
        assert all(len(each.calls) == 2 for each in found)
        assert specification["endpoint"] == seen.base
    talks = [json.loads(line) for path in (out / "transcripts").iterdir() for line in path.read_text().splitlines()]
    assert sorted(talk["task"] for talk in talks) == ["q1", "q1", "q2", "q2"]
    report = (out / "report.md").read_text()
    assert "Evidence that the model cited" in report
    assert engine.sessions.list("default")["sessions"] == []


def test_the_key_is_in_no_file_and_no_error(
    engine: Engine, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where the endpoint and the model repeat it."""

    def leaky(messages: list[Message]) -> Any:
        asked = sum(message["role"] == "assistant" for message in messages)
        if asked == 0:
            return say(("search", {"query": f"plants {KEY}", "why": KEY}), text=KEY)
        return say(("finish", {"answer": KEY, "evidence": [KEY]}))

    with stand_in(leaky) as seen:
        run(engine, data, tmp_path / "out", seen, "session")
    assert set(seen.keys) == {f"Bearer {KEY}"}
    refusal = Wrong(401, f'{{"error": {{"message": "no such key: {KEY}"}}}}'.encode())
    with stand_in(lambda messages: refusal) as seen, pytest.raises(EndpointError) as caught:
        run(engine, data, tmp_path / "refused", seen, "session")
    said = capfd.readouterr()
    told = f"{caught.value.message}{caught.value.hint}{caught.value!r}{said.out}{said.err}"
    assert VARIABLE in told
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 5
    assert all(KEY.encode() not in path.read_bytes() for path in files)
    assert KEY not in told


@pytest.mark.parametrize("torn", [b"", b'{"task":"q2","calls":[{"tool":'])
def test_a_run_that_was_stopped_goes_on_with_the_next_question(
    engine: Engine, data: Path, tmp_path: Path, torn: bytes
) -> None:
    """What was paid for is kept, whatever a crash left at the end of the file; what comes out is the same."""
    out = tmp_path / "out"
    second = QUESTIONS["q2"][0]

    def failing(messages: list[Message]) -> Any:
        return Wrong(500) if messages[1]["content"] == second else follow(messages)

    with stand_in(failing) as seen, pytest.raises(EndpointError, match="failed 2 times"):
        run(engine, data, out, seen, "stateless", plan={"threads": 1})
    assert not (out / "measures.json").exists()
    assert list((out / "trajectories").glob("*.jsonl")) == []
    (journal,) = (out / "trajectories").iterdir()
    with journal.open("ab") as stream:
        stream.write(torn)

    with stand_in(follow) as seen:
        rename(journal, seen.base)
        body = run(engine, data, out, seen, "stateless", plan={"threads": 1})
        assert {request["messages"][1]["content"] for request in seen.requests} == {second}
        asked = len(seen.requests)
        assert run(engine, data, out, seen, "stateless", plan={"threads": 1}) == body, "and then nothing is asked"
        assert len(seen.requests) == asked
        whole = run(engine, data, tmp_path / "whole", seen, "stateless", plan={"threads": 1})
    assert whole["systems"] == body["systems"]
    assert [path.suffix for path in (out / "trajectories").iterdir()] == [".jsonl"]


def rename(journal: Path, base: str) -> None:
    """As if the endpoint had the same port again."""
    lines = journal.read_bytes().split(b"\n")
    head = json.loads(lines[0])
    head["specification"]["endpoint"] = base
    journal.write_bytes(b"\n".join([json.dumps(head).encode(), *lines[1:]]))


def test_a_file_of_another_run_is_not_taken_for_this_one(engine: Engine, data: Path, tmp_path: Path) -> None:
    """It says what differs; a damaged one is not read."""
    with stand_in(follow) as seen:
        run(engine, data, tmp_path / "out", seen, "stateless")
        with pytest.raises(RunError, match="another bounds, prompt"):
            run(engine, data, tmp_path / "out", seen, "stateless", plan={"calls": 3})
        (path,) = (tmp_path / "out" / "trajectories").iterdir()
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(RunError, match="cannot be read"):
            run(engine, data, tmp_path / "out", seen, "stateless")


def test_what_cannot_be_run_is_refused_before_the_model_is_asked(engine: Engine, data: Path, tmp_path: Path) -> None:
    """A collection of other documents, a wrong parameter, a set that is none."""
    engine.ensure_collection("other", "default")
    engine.ingest_objects("other", [{"id": "m1", "title": "Another", "text": "page"}], "default")
    with stand_in(follow) as seen:
        with pytest.raises(DatasetError, match="the collection other has no document m2"):
            run(engine, data, tmp_path / "out", seen, "stateless", collection="other")
        with pytest.raises(ForageError, match="nowhere"):
            run(engine, data, tmp_path / "out", seen, "session", collection="nowhere")
        with pytest.raises(ForageError, match="sen"):
            run(engine, data, tmp_path / "out", seen, "session:sen=drop")
        with pytest.raises(EvalError):
            run(engine, tmp_path, tmp_path / "out", seen, "stateless")
    assert seen.requests == []
    assert not (tmp_path / "out").exists()


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[str]:
    """A Forage server on a free port, with the corpus in `default`, and no other way in than HTTP."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = create_app(Settings(data=folder, **settings))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        while not server.started:
            time.sleep(0.01)
            assert thread.is_alive()
        pages = [{"id": name, "title": title, "text": text} for name, (title, text) in PAGES.items()]
        path, headers = f"{base}/v1/collections/default/documents", {"x-api-key": "server-key-1"}
        httpx.post(path, json=pages, timeout=60, headers=headers).raise_for_status()
        yield base
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def test_a_server_is_measured_from_outside(
    engine: Engine, collection: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same conversations, word for word, as with the engine in this process; its key is its own."""
    monkeypatch.setenv("SERVER_KEY", "server-key-1")
    systems = ("stateless", "dedupe", "session:cite=true,objective=true")
    with stand_in(follow) as seen, served(tmp_path / "served", api_keys="default:server-key-1") as base:
        wire = Wire(address(base, "SERVER_KEY", needs_key=False), tries=2, pause=lambda seconds: None)
        far = run(None, data, tmp_path / "far", seen, *systems, backend=Remote(wire), collection="default")
        near = run(engine, data, tmp_path / "near", seen, *systems, collection=collection)
        left = httpx.get(f"{base}/v1/sessions", headers={"x-api-key": "server-key-1"}).json()["sessions"]
        wire.close()
        bare = Wire(address(base, "NO_SUCH_VARIABLE", needs_key=False), tries=2, pause=lambda seconds: None)
        with pytest.raises(EndpointError, match="refused: 401") as caught:
            run(None, data, tmp_path / "bare", seen, "stateless", backend=Remote(bare), collection="default")
        assert "NO_SUCH_VARIABLE" in str(caught.value.hint)
        with pytest.raises(DatasetError, match="many collections"):
            run(None, data, tmp_path / "bare", seen, "stateless", backend=Remote(bare))
        bare.close()
    assert seen.wrong == []
    assert left == []
    assert far["systems"] == near["systems"]

    def talks(name: str) -> list[Any]:
        files = sorted((tmp_path / name / "transcripts").iterdir())
        return [sorted(path.read_text().splitlines()) for path in files]

    assert talks("far") == talks("near")
    assert set(seen.keys) == {f"Bearer {KEY}"}


def test_readings_are_those_of_a_hand_computed_conversation() -> None:
    """Evidence a, b. Call 1 shows x, a; call 2 is nonsense; call 3 shows a again with b as a stub; call 4 opens b. a is
    cited after call 3, b at the end."""
    record = Record(
        task="t",
        calls=(
            Turn("search", "one", shown=(("x", 10), ("a", 20))),
            Turn("serach", "", error="no"),
            Turn("search", "two", shown=(("a", 20),), stubs=(("b", 5),), cited=("a", "x")),
            Turn("open", "", opened=(("b", 100),)),
        ),
        named=("b",), answer="", ending="finished", requests=6, faults=1, prompt_tokens=0, completion_tokens=0,
    )  # fmt: skip
    task = Task("t", "?", {"a": frozenset(), "b": frozenset()})
    seen = displayed(record, task)
    assert seen.found == {"a": (1, 30), "b": (4, 155)}
    assert [call.tokens for call in seen.calls] == [30, 30, 55, 155]
    assert [call.repeated for call in seen.calls] == [0, 0, 1, 0]
    assert [call.shown for call in seen.calls] == [2, 0, 1, 0]
    assert [call.noticed for call in seen.calls] == [("a",), (), (), ("b",)]
    said = cited(record, task)
    assert said.found == {"a": (3, 55), "b": (4, 155)}
    only_a = cited(record, Task("t", "?", {"a": frozenset()}))
    assert len(only_a.calls) == 3, "it ends with the last evidence"


def test_a_set_by_url_is_cited_by_address(tmp_path: Path) -> None:
    """What a result shows at the end of its first line is what names it."""
    data = multi_hop(tmp_path / "urls")
    pages = [json.loads(line) for line in (data / "corpus.jsonl").read_text().splitlines()]
    rows = [{**page, "url": f"https://example.org/{page['id']}"} for page in pages]
    (data / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    engine = Engine(Settings(data=tmp_path / "data"))
    try:
        with stand_in(follow) as seen:
            body = run(engine, data, tmp_path / "out", seen, "session")
    finally:
        engine.close()
    assert "https://example.org/" in json.dumps(seen.requests)
    assert body["cited"]["systems"]["session"]["measures"]["recall"] == 0.5
