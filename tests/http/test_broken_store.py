"""A server whose session store is broken: it starts, it searches, it says what is wrong, and it heals by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.http.conftest import Client
from tests.http.test_bad_input import refused

Serve = Callable[..., Client]
GARBAGE = b"this is no database\n" * 500


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged in place of being written."""
    lines: list[str] = []
    for level in ("warning", "error"):
        monkeypatch.setattr(f"api.log.{level}", lambda event, **fields: lines.append(f"{event} {fields}"))
    return lines


def test_a_server_starts_and_searches_over_a_broken_store(tmp_path: Path, serve: Serve, logged: list[str]) -> None:
    """Stateless calls do not notice, others are degraded, the file is left alone, /readyz and the log name it."""
    store = tmp_path / "sessions.sqlite"
    store.write_bytes(GARBAGE)
    client = serve(tmp_path, documents=True)
    assert any("sessions.sqlite" in line for line in logged)
    plain = client.search("zip archives", session={"record": False})
    assert plain["results"]
    assert plain["trace"]["degraded"] == []
    kept = client.search("zip archives", session_id="mine", request_id="r1")
    assert [hit["id"] for hit in kept["results"]] == [hit["id"] for hit in plain["results"]]
    assert "session" in kept["trace"]["degraded"]
    assert "session_unavailable" in {notice["code"] for notice in kept["notices"]}
    for method, path in (("POST", "/v1/sessions"), ("GET", "/v1/sessions"), ("GET", "/v1/sessions/mine")):
        assert "sessions.sqlite" in refused(client(method, path), 503)["message"]
    ready = client("GET", "/readyz")
    assert ready.status_code == 200
    assert "sessions.sqlite" in ready.json()["sessions"]
    assert store.read_bytes() == GARBAGE


def test_sessions_come_back_when_the_file_is_mended(tmp_path: Path, serve: Serve) -> None:
    """Without a restart: moved away, or put back as it was."""
    client = serve(tmp_path, documents=True)
    session = client.search("zip archives")["session_id"]
    client.app.state.engine._store.close()
    store = tmp_path / "sessions.sqlite"
    whole = store.read_bytes()
    store.write_bytes(GARBAGE)
    client = serve(tmp_path)
    assert "session" in client.search("tar archives", session_id=session)["trace"]["degraded"]
    store.write_bytes(whole)
    assert client.search("tar archives", session_id=session)["session"]["seq"] == 2
    assert client("GET", "/readyz").json()["sessions"] == "ok"


def test_a_stateless_search_makes_no_store(tmp_path: Path, serve: Serve) -> None:
    """Nothing of sessions is opened by the engine before a session is asked for."""
    from api.engine import Engine
    from api.settings import Settings

    engine = Engine(Settings(data=tmp_path))
    try:
        engine.search({"query": "zip", "session": {"record": False}}, "default")
        assert not (tmp_path / "sessions.sqlite").exists()
        engine.search({"query": "zip"}, "default")
        assert (tmp_path / "sessions.sqlite").exists()
    finally:
        engine.close()


def test_a_server_without_its_model_starts_and_is_not_ready(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    """503 with what to do; once the model is there, 200."""
    from indexer.errors import ModelError

    def missing(*_: object, **__: object) -> None:
        raise ModelError("there is no model 'mine'", hint="make install-models")

    with monkeypatch.context() as patched:
        patched.setattr("api.engine.load_embedder", missing)
        client = serve(tmp_path, model="mine")
        assert any("there is no model" in line for line in logged)
        response = client("GET", "/readyz")
        assert (response.status_code, response.json()["ready"]) == (503, False)
        assert response.json()["hint"] == "make install-models"
    assert serve(tmp_path)("GET", "/readyz").json()["ready"]
