"""Files of results change together: whoever is killed leaves the old ones or the new ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eval.folders import COMPLETE, settle, write_results, write_whole

NAMES = ("a", "b", "c")
STEPS = 16
KILLED = """
import os, sys
from pathlib import Path
from eval import folders
place, steps = Path(sys.argv[1]), int(sys.argv[2])
calls = 0
def counted(call, step):
    def made(*arguments, **named):
        global calls
        calls += 1
        if calls == step:
            os._exit(9)
        return call(*arguments, **named)
    return made
for step in range(1, steps + 1):
    if not os.fork():
        for name in ("replace", "unlink"):
            setattr(Path, name, counted(getattr(Path, name), step))
        os.fsync = counted(os.fsync, step)
        folders.write_whole(place / str(step), {name: b"new" for name in "abc"})
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def contents(folder: Path) -> set[bytes]:
    return {(folder / name).read_bytes() for name in NAMES}


def test_a_kill_at_any_step_leaves_all_old_or_all_new(tmp_path: Path) -> None:
    """Before every sync, rename and removal in turn, until nothing is left to kill."""
    for step in range(1, STEPS + 1):
        (tmp_path / str(step)).mkdir()
        write_whole(tmp_path / str(step), dict.fromkeys(NAMES, b"old"))
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(STEPS)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, check=True)
    killed = [code == "9" for code in done.stdout.split()]
    assert len(killed) == STEPS
    assert 8 < sum(killed) < STEPS
    seen: list[set[bytes]] = []
    for step in range(1, STEPS + 1):
        folder = tmp_path / str(step)
        settle(folder)
        seen.append(contents(folder))
        assert seen[-1] in ({b"old"}, {b"new"}), step
        assert not (folder / COMPLETE).exists()
        write_whole(folder, dict.fromkeys(NAMES, b"third"))
        assert contents(folder) == {b"third"}
    turn = seen.index({b"new"})
    assert all(found == {b"new"} for found in seen[turn:])
    assert 3 < turn < sum(killed) - 3  # it was killed on both sides of the instant


def test_results_of_sessions_are_written_the_same_way(tmp_path: Path) -> None:
    """Nothing but the three files is left."""
    write_results(tmp_path, [{"topic": "q"}], {"topics": 1}, "# one")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["measures.json", "per_topic.jsonl", "report.md"]


def test_a_folder_without_results_is_settled_already(tmp_path: Path) -> None:
    """Also one that is not there."""
    settle(tmp_path / "nowhere")
    settle(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_write_that_fails_leaves_the_old_results(tmp_path: Path, name: str) -> None:
    """A full disk, say."""
    write_whole(tmp_path, dict.fromkeys(NAMES, b"old"))
    (tmp_path / f"{name}.part").mkdir()
    with pytest.raises(OSError, match=name):
        write_whole(tmp_path, dict.fromkeys(NAMES, b"new"))
    settle(tmp_path)
    assert contents(tmp_path) == {b"old"}
