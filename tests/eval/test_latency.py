"""How long calls took: told beside measures, and no part of what must be the same for the same seed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from eval.latency import of_systems, percentiles, timed
from eval.sessions.calls import Call, Trajectory
from eval.sessions.displayed import Answer, Item
from eval.sessions.trajectories import read, times, write

CALL = Call("q", None, None, (("a", 10),), ())


def test_a_call_is_timed_around_its_whole_work() -> None:
    """Milliseconds of the wall clock, and the call's own result."""
    result, ms = timed(lambda: time.sleep(0.02) or "done")
    assert result == "done"
    assert 20 <= ms < 2_000


def test_percentiles_are_those_of_the_calls() -> None:
    """1 to 100: the median lies between 50 and 51; with no call there is no number."""
    found = percentiles([float(ms) for ms in range(1, 101)], threads=2)
    assert found == {"calls": 100, "threads": 2, "p50": 50.5, "p95": 95.05, "mean": 50.5}
    assert percentiles([], 1) == {"calls": 0, "threads": 1, "p50": None, "p95": None, "mean": None}


def test_calls_of_all_agents_count_for_their_system_and_unknown_times_for_none() -> None:
    """A file written before times were kept."""
    found = of_systems([("a", [1.0, None]), ("b", [None]), ("a", [3.0])], 1)
    assert (found["a"]["calls"], found["a"]["mean"]) == (2, 2.0)
    assert (found["b"]["calls"], found["b"]["p50"]) == (0, None)


def test_times_survive_the_file_and_make_no_two_runs_different(tmp_path: Path) -> None:
    """Equality is of what was asked and displayed."""
    made = [Trajectory("t", (Call("q", None, None, (("a", 10),), (), 12.5), CALL))]
    write(tmp_path / "x.jsonl", {}, made)
    found = read(tmp_path / "x.jsonl", {})
    assert times(found) == [12.5, None]
    assert found == [Trajectory("t", (CALL, CALL))]
    item = Item("a", "A", "", 3)
    assert Answer((item,), ms=1.0) == Answer((item,), ms=2.0)


def test_a_file_from_before_times_were_kept_is_read(tmp_path: Path) -> None:
    """Or by who keeps none: its calls have none."""
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"specification":{"format":2}}\n{"task":"t","calls":[{"query":"q","reader":null,"step":null,"shown":[["a",10]],"stubs":[]}]}\n'
    )
    assert times(read(path, {})) == [None]


@pytest.mark.parametrize("ms", [0.0, 7.25])
def test_what_a_client_leaves_out_of_a_page_takes_no_time(ms: float) -> None:
    """The page came as late as the whole one."""
    from eval.sessions.displayed import without

    assert without(Answer((Item("a", "A", "", 3),), ms=ms), {"a"}).ms == ms
