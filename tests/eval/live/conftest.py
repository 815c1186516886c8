"""One engine with the small multi-hop set, and conversations on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.engine import Engine
from api.settings import Settings
from eval.adhoc.runs import ensure_indexed
from eval.collections import read_collection
from eval.live.backends import InProcess
from eval.live.chat import Chat, Message, Sampling
from eval.live.desk import AgentDesk
from eval.live.loop import Bounds, Conversation
from eval.live.records import Record
from eval.live.tools import schemas
from eval.live.wire import Address, Wire
from eval.sessions.systems import system_of
from eval.sessions.tasks import Task, read_tasks
from tests.eval.sets import multi_hop
from tests.eval.stand_in_chat import Policy, StandIn, stand_in


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return multi_hop(tmp_path_factory.mktemp("sets") / "small")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Engine]:
    made = Engine(Settings(data=tmp_path_factory.mktemp("data")))
    ensure_indexed(made, read_collection(data), lambda done, total, note: None)
    yield made
    made.close()


@pytest.fixture(scope="module")
def collection(engine: Engine) -> str:
    names = [each["name"] for each in engine.list_collections("default")["collections"]]
    return next(name for name in names if "small" in name)


@pytest.fixture(scope="module")
def task(data: Path) -> Task:
    return read_tasks(data, None, 0)[1][0]


Talk = Callable[..., tuple[Record, list[Message], StandIn]]


@pytest.fixture
def talk(engine: Engine, collection: str, task: Task) -> Talk:
    """A conversation with a policy about the first question; the stand-in saw no wrong request."""

    def run(policy: Policy, system: str = "session", **bounds: Any) -> tuple[Record, list[Message], StandIn]:
        with stand_in(policy) as seen:
            wire = Wire(Address(seen.base, "", "NONE"), pause=lambda seconds: None)
            desk = AgentDesk(InProcess(engine), system_of(system), collection, task.question)
            model = Chat(wire, "stand-in", Sampling(0.0, 1))
            conversation = Conversation(model, desk, schemas(system_of(system)), task, Bounds(**{"calls": 4, **bounds}))
            try:
                record = conversation.run()
            finally:
                desk.close()
                wire.close()
        assert seen.wrong == []
        return record, conversation.messages, seen

    return run
