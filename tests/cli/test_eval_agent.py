"""`forage eval agent` and `from-sessions` as a person runs them: real processes, a model on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.engine import Engine
from api.settings import Settings
from tests.eval.sets import PAGES, multi_hop
from tests.eval.stand_in_chat import say, scripted, stand_in

KEY = "sk-very-secret-123456"


def forage(data: Path, *arguments: str, status: int = 0, **variables: str) -> str:
    """What it says, on either stream."""
    environment = {**os.environ, "FORAGE_DATA": str(data), **variables}
    command = [sys.executable, "-m", "cli.main", "eval", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_model_searches_a_set(tmp_path: Path) -> None:
    """Tables of what was displayed and cited, where the files are, and the key in none of them."""
    multi_hop(tmp_path / "sets" / "small")
    policy = scripted(
        say(("search", {"query": "Journal of Botany"})), say(("finish", {"answer": KEY, "evidence": ["m1"]}))
    )
    with stand_in(policy) as seen:
        said = forage(
            tmp_path / "data", "agent", "--data", str(tmp_path / "sets"), "--set", "small", "--out",
            str(tmp_path / "out"), "--endpoint", f"{seen.base}/chat/completions", "--model", "stand-in",
            "--systems", "stateless", "--systems", "session", "--key-env", "MY_KEY", MY_KEY=KEY,
        )  # fmt: skip
    assert seen.wrong == []
    assert set(seen.keys) == {f"Bearer {KEY}"}
    assert said.count("| session | ") == 2
    assert "evidence cited" in said
    body = json.loads((tmp_path / "out" / "measures.json").read_text())
    assert body["cited"]["systems"]["session"]["measures"]["recall"] == 0.25  # m1, of the first of two questions
    assert KEY not in said
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "MY_KEY"])
def test_without_a_key_nothing_is_run(tmp_path: Path, variable: str) -> None:
    """The variable is named, before the set is even looked for."""
    said = forage(
        tmp_path / "data", "agent", "--data", str(tmp_path), "--set", "none", "--out", str(tmp_path / "out"),
        "--endpoint", "https://api.example.com/v1", "--model", "m", "--key-env", variable, status=1,
        OPENAI_API_KEY="", MY_KEY="",
    )  # fmt: skip
    assert f"the variable {variable} is empty" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_what_agents_cited_becomes_a_test_collection(tmp_path: Path) -> None:
    """Which the next command measures."""
    data = tmp_path / "data"
    engine = Engine(Settings(data=data))
    pages = [{"id": name, "title": title, "text": text} for name, (title, text) in PAGES.items()]
    engine.ingest_objects("default", pages, "default")
    engine.search({"query": "journal of botany", "session_id": "mine"}, "default")
    engine.sessions.feedback("mine", {"events": [{"kind": "cited", "document": "m1"}]}, "default")
    engine.search({"query": "harbour", "session_id": "silent"}, "default")
    engine.close()
    made = tmp_path / "made"
    said = forage(data, "from-sessions", "--all", "--out", str(made))
    assert "of 1 queries, from 1 feedback events of 1 sessions" in said
    assert "without any feedback, not read: silent" in said
    said = forage(data, "run", "--data", str(made), "--collection", "default", "--out", str(tmp_path / "run"))
    assert "made: 1 topics" in said
    assert "Traceback" not in said
    said = forage(data, "from-sessions", "--session", "silent", "--out", str(tmp_path / "no"), status=1)
    assert "nothing is judged" in said
    assert "--session" in forage(data, "from-sessions", "--out", str(tmp_path / "no"), status=2)
    assert not (tmp_path / "no").exists()
