"""`forage eval sessions` and `replay` as a person runs them: real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer

from cli.evaluate import app
from eval.agents.catalogue import AGENTS
from eval.sessions.systems import GRIDS
from tests.eval.sets import multi_hop, write


def forage(data: Path, *arguments: str, status: int = 0) -> str:
    """What it says, on either stream."""
    environment = {**os.environ, "FORAGE_DATA": str(data)}
    command = [sys.executable, "-m", "cli.main", "eval", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def test_a_set_is_searched_by_agents_and_its_logs_again(tmp_path: Path) -> None:
    """The table, progress, and where the files are."""
    folder = multi_hop(tmp_path / "sets" / "small", steps=False)
    write(folder / "sessions.jsonl", [{"session_id": "a", "gold": ["m1"], "turns": [{"query": "botany"}]}])
    place = ("--data", str(tmp_path / "sets"), "--set", "small")
    said = forage(
        tmp_path / "data", "sessions", *place, "--out", str(tmp_path / "s"), "--calls", "2", "--agents", "loop"
    )
    assert "| stateless |" in said
    assert "| session |" in said
    assert "sessions: " in said
    assert {"measures.json", "per_topic.jsonl", "report.md", "trajectories"} <= {
        path.name for path in (tmp_path / "s").iterdir()
    }
    said = forage(tmp_path / "data", "replay", *place, "--out", str(tmp_path / "r"), "--systems", "stateless")
    assert "| stateless | 1.000 |" in said


def test_help_names_every_agent_and_every_name_for_systems() -> None:
    """What may be typed is where people look for it."""
    root: Any = typer.main.get_command(app)
    options = {param.name: set(re.findall(r"[a-z-]+", param.help)) for param in root.commands["sessions"].params}
    assert set(AGENTS) <= options["agents"]
    assert {*GRIDS, "stateless", "dedupe", "history", "session"} <= options["systems"]


def test_what_cannot_be_run_is_one_line(tmp_path: Path) -> None:
    """File and line of a bad set; the nearest name of an agent."""
    folder = multi_hop(tmp_path / "sets" / "small")
    place = ("--data", str(tmp_path / "sets"), "--set", "small", "--out", str(tmp_path / "s"))
    assert "keyword" in forage(tmp_path / "data", "sessions", *place, "--agents", "keywort", status=1)
    path = folder / "queries.jsonl"
    path.write_text(path.read_text()[:-20])
    said = forage(tmp_path / "data", "sessions", *place, status=1)
    assert "queries.jsonl line 3" in said
    assert "Traceback" not in said
    assert not (tmp_path / "s").exists()


def test_a_set_is_searched_among_others_to_a_budget_of_tokens(tmp_path: Path) -> None:
    """A second table at equal tokens; a file that is not there is named before anything is made."""
    multi_hop(tmp_path / "sets" / "small")
    write(tmp_path / "others.jsonl", [{"id": "o1", "title": "Lamps", "text": "How the lamp of a lighthouse is lit."}])
    place = ("--data", str(tmp_path / "sets"), "--set", "small", "--out", str(tmp_path / "s"))
    said = forage(tmp_path / "data", "sessions", *place, "--distractors", str(tmp_path / "no.jsonl"), status=1)
    assert "no.jsonl" in said
    assert not (tmp_path / "s").exists()
    asked = ("--systems", "stateless:k=2", "--systems", "session:k=2", "--calls", "2", "--tokens", "500")
    said = forage(tmp_path / "data", "sessions", *place, *asked, "--distractors", str(tmp_path / "others.jsonl"))
    assert "best baseline" in said
    assert "Searched: 9 documents" in (tmp_path / "s" / "report.md").read_text()
