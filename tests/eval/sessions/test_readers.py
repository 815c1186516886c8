"""Readers: what is noticed depends on what is displayed, on the reader and on luck, and luck on nothing else."""

from __future__ import annotations

import pytest

from eval.sessions.calls import Call, Trajectory
from eval.sessions.readers import GRID, Attention, Reader, luck, read
from eval.sessions.tasks import Step, Task

TASK = Task("t", "who?", {"a": frozenset({"alpha", "shared"}), "b": frozenset({"beta", "shared"})})
PERFECT = Reader(1.0, 1.0, 0.0)


def call(
    query: str,
    shown: list[str],
    stubs: tuple[str, ...] | list[str] = (),
    reader: str | None = None,
    step: int | None = None,
) -> Call:
    return Call(query, reader, step, tuple((name, 10) for name in shown), tuple((name, 2) for name in stubs))


def test_the_grid_is_the_protocols() -> None:
    """Four ways of noticing, three of following stubs."""
    assert len(GRID) == 12
    assert {(each.target, each.other) for each in GRID} == {(1, 1), (0.95, 0.8), (0.95, 0.4), (0.7, 0.7)}


def test_luck_is_the_same_for_all_and_even() -> None:
    """It depends on seed, topic, document, call and purpose; over many it is uniform."""
    assert luck(1, "t", "a", 3, "notice") == luck(1, "t", "a", 3, "notice")
    others = {luck(2, "t", "a", 3, "notice"), luck(1, "u", "a", 3, "notice"), luck(1, "t", "b", 3, "notice")}
    others |= {luck(1, "t", "a", 4, "notice"), luck(1, "t", "a", 3, "stub"), luck(1, "t", "a", 3, "notice")}
    assert len(others) == 6
    values = [luck(1, f"t{number}", "a", 1, "notice") for number in range(2_000)]
    assert sum(values) / len(values) == pytest.approx(0.5, abs=0.02)
    assert all(0 <= value < 1 for value in values)


def test_a_perfect_reader_notices_at_first_sight_and_stops_when_done() -> None:
    """The third call is not read."""
    calls = (call("q", ["x", "a"]), call("q", ["a", "b"]), call("q", ["c"]))
    found = read(Trajectory("t", calls), TASK, PERFECT, seed=1)
    assert found.found == {"a": (1, 20), "b": (2, 40)}
    assert [(each.shown, each.repeated) for each in found.calls] == [(2, 0), (2, 1)]


def test_a_blind_reader_notices_nothing() -> None:
    """And reads to the end."""
    found = read(Trajectory("t", (call("q", ["a"]), call("q", ["a"]))), TASK, Reader(0, 0, 1), seed=1)
    assert not found.found
    assert len(found.calls) == 2


def test_what_the_query_is_after_is_noticed_sooner() -> None:
    """`beta` is after b; where both share the words both are wanted."""
    only_target = Reader(1.0, 0.0, 0.0)
    assert set(read(Trajectory("t", (call("beta?", ["a", "b"]),)), TASK, only_target, 1).found) == {"b"}
    assert set(read(Trajectory("t", (call("shared", ["a", "b"]),)), TASK, only_target, 1).found) == {"a", "b"}


def test_a_step_names_what_it_is_after() -> None:
    """Whatever its words are."""
    task = Task("t", "who?", TASK.evidence, (Step("first", "x", "a"), Step("second #1", "y", "b")))
    found = read(Trajectory("t", (call("beta", ["a", "b"], step=1),)), task, Reader(1.0, 0.0, 0.0), 1)
    assert set(found.found) == {"a"}


def test_stubs_cost_a_line_and_opened_ones_what_they_showed() -> None:
    """2 tokens a stub, 10 more when it is opened; only an opened one can be noticed."""
    never = [call("q", ["x"]), call("q", [], ["a"])]
    ignored = read(Trajectory("t", tuple(never)), TASK, PERFECT, 1)
    assert not ignored.found
    assert ignored.calls[-1].tokens == 12
    attention = Attention(TASK, Reader(1.0, 1.0, 1.0), 1)
    attention.take(call("q", ["x"]))
    attention.take(call("q", ["a"], ["x"]))
    assert attention.reading().calls[-1].tokens == 10 + 10 + 2 + 10
    missed = Attention(Task("t", "?", {"z": frozenset()}), Reader(1.0, 1.0, 1.0), 1)
    assert missed.take(call("q", [], ["z"])) == ["z"], "a stub that is opened is read again"


def test_readers_have_contexts_of_their_own() -> None:
    """What one sub-agent was shown is not shown before to another."""
    calls = (call("q", ["x"], reader="one"), call("q", ["x"], reader="two"), call("q", ["x"], reader="one"))
    found = read(Trajectory("t", calls), TASK, PERFECT, 1)
    assert [each.repeated for each in found.calls] == [0, 0, 1]
