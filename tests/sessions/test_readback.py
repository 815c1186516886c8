"""A session read back: one shape, JSON-ready, now or as of a seq."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ranking.types import Stub
from sessions.errors import HistoryFolded
from sessions.events import Draft
from sessions.memory import MemorySessionStore
from sessions.readback import readback
from sessions.settings import SessionSettings
from sessions.store import History
from tests.sessions.logs import StoppedClock, search


def history(settings: SessionSettings | None = None) -> History:
    """Three searches by two readers and a citation."""
    store = MemorySessionStore(settings or SessionSettings(), StoppedClock())
    store.create("t", "s", objective="the goal", budget={"calls": 10})
    for draft in (
        search("first", "x", "y", request={"max_results": 2}, cost={"calls": 1}, generation="g1"),
        search("second", "y", reader="r2", stubs=(Stub("x", 1, 3),)),
        Draft(kind="cite", document="y", passage=4, reader="r2"),
        search("third", "z"),
    ):
        store.commit("t", "s", [draft], lambda seq: b"")
    found = store.history("t", "s")
    assert found is not None
    return found


def test_the_shape_is_the_contracts() -> None:
    """session, branches, events, seen, profile; every value goes into JSON and back."""
    shape = readback(history())
    assert list(shape) == ["session", "branches", "events", "seen", "profile"]
    assert orjson.loads(orjson.dumps(shape)) == shape
    assert shape["session"] == {
        "id": "s",
        "created": "2023-11-14T22:13:20.000Z",
        "expires": "2023-11-14T22:43:20.000Z",
        "keep": False,
        "seq": 4,
        "folded": 0,
        "first_query": "first",
        "objective": "the goal",
        "budget": {"calls": 10},
        "budget_left": {"calls": 9},
    }
    assert shape["branches"] == [{"id": "main", "parent": None, "parent_seq": None, "merged": []}]


def test_events_are_told_as_they_were() -> None:
    """A search with what it showed; feedback with its document; stubs and readers named."""
    first, second, cited, _ = readback(history())["events"]
    assert (first["kind"], first["query"], first["generation"], first["request"]) == (
        "search",
        "first",
        "g1",
        {"max_results": 2},
    )
    assert [(item["document"], item["rank"], item["passages"]) for item in first["shown"]] == [
        ("x", 1, [0]),
        ("y", 2, [0]),
    ]
    assert second["stubs"] == [{"id": "x", "shown_at": 1, "rank_now": 3}]
    assert (cited["kind"], cited["document"], cited["passage"], cited["reader"]) == ("cite", "y", 4, "r2")
    assert "query" not in cited
    assert [event["snapshot_seq"] for event in (first, second)] == [0, 0]


def test_seen_is_by_reader_with_who_else_saw_it() -> None:
    """Each reader's documents in the order they were shown."""
    seen = readback(history())["seen"]
    assert [(row["document"], row["seq"], row["rank"], row["calls_ago"], row["by"]) for row in seen["main"]] == [
        ("x", 1, 1, 1, []),
        ("y", 1, 2, 1, ["r2"]),
        ("z", 4, 1, 0, []),
    ]
    assert [row["document"] for row in seen["r2"]] == ["y"]


def test_the_profile_is_goal_and_explicit_feedback() -> None:
    """What was merely shown is not in it."""
    profile = readback(history())["profile"]
    assert profile["goal"] == "the goal"
    assert [(word["document"], word["kind"], word["passage"]) for word in profile["feedback"]] == [("y", "cite", 4)]


def test_as_of_reads_what_was_known_then() -> None:
    """Events, seen and feedback after the seq are not there."""
    shape = readback(history(), as_of=2)
    assert [event["seq"] for event in shape["events"]] == [1, 2]
    assert [row["document"] for row in shape["seen"]["main"]] == ["x", "y"]
    assert shape["profile"]["feedback"] == []
    assert shape["session"]["seq"] == 2


def test_as_of_knows_no_later_branch_or_merge() -> None:
    """A branch that begins after the seq, and a merge that came after it, are not there yet."""
    store = MemorySessionStore(clock=StoppedClock())
    store.create("t", "s")
    for name in ("a", "b"):
        store.commit("t", "s", [search(name, name)], lambda seq: b"")
    store.fork("t", "s", at=1, branch="early")
    store.fork("t", "s", at=2, branch="late")
    store.merge("t", "s", source="late", into="early")
    found = store.history("t", "s")
    assert found is not None
    now, then = readback(found)["branches"], readback(found, as_of=1)["branches"]
    assert [(each["id"], len(each["merged"])) for each in now] == [("main", 0), ("early", 1), ("late", 0)]
    assert [(each["id"], each["merged"]) for each in then] == [("main", []), ("early", [])]


def test_what_was_folded_is_said() -> None:
    """`folded` names the last event that is only in the summary; the past before it cannot be read."""
    short = history(SessionSettings(live_events=2, fold_step=1))
    shape: dict[str, Any] = readback(short)
    assert shape["session"]["folded"] == 2
    assert [event["seq"] for event in shape["events"]] == [3, 4]
    assert [row["document"] for row in shape["seen"]["main"]] == ["x", "y", "z"]
    assert [word["document"] for word in shape["profile"]["feedback"]] == ["y"]
    with pytest.raises(HistoryFolded):
        readback(short, as_of=1)


def test_an_empty_session_reads_back() -> None:
    """Created but never searched."""
    store = MemorySessionStore(clock=StoppedClock())
    store.create("t", "s")
    found = store.history("t", "s")
    assert found is not None
    shape = readback(found)
    assert (shape["events"], shape["seen"], shape["profile"]) == ([], {"main": []}, {"goal": None, "feedback": []})
    assert shape["session"]["budget"] is None


def test_the_goal_is_the_running_topics() -> None:
    """Of whoever searched last, after a change of topic; of the past, what was the goal then."""
    store = MemorySessionStore(clock=StoppedClock())
    for draft in (
        search("cranes", "x"),
        search("hooks", "y"),
        search("bread", "z", drifted=True),
        search("ships", "s", reader="r"),
    ):
        store.commit("t", "s", [draft], lambda seq: b"")
    found = store.history("t", "s")
    assert found is not None
    goals = [readback(found, as_of=seq)["profile"]["goal"] for seq in range(5)]
    assert goals == [None, "cranes", "cranes", "bread", "ships"]
    assert [readback(found, as_of=seq)["session"]["first_query"] for seq in (0, 1)] == [None, "cranes"]
