"""A server whose session file is locked, full or gone in mid-call: the search is answered, and the log stays whole."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import Client

Serve = Callable[..., Client]


def seqs(client: Client, session: str) -> list[int]:
    return [event["seq"] for event in client("GET", f"/v1/sessions/{session}").json()["events"]]


def refolded(client: Client, session: str) -> bool:
    """Whether what is served is the fold of the log."""
    store = client.app.state.engine._store
    history, snapshot = store.history("default", session), store.load("default", session)
    return bool(history.ledger() == snapshot.ledger)


def test_a_file_that_is_locked_for_long_costs_the_session_not_the_search(serve: Serve, tmp_path: Path) -> None:
    """Each search is answered, soon from the second on; then the session goes on where it was."""
    client = serve(tmp_path, documents=True)
    session = client.search("archives", max_results=3)["session_id"]
    other = sqlite3.connect(tmp_path / "sessions.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    took = []
    for number in range(6):
        began = time.monotonic()
        answer = client.search(f"module {number}", session_id=session, request_id=f"r-{number}")
        took.append(time.monotonic() - began)
        assert answer["trace"]["degraded"] == ["session"]
        assert answer["results"]
    assert sorted(took)[3] < 0.5
    assert seqs(client, session) == [1]
    other.execute("ROLLBACK")
    other.close()
    assert client.search("module 0", session_id=session, request_id="r-0")["session"]["seq"] == 2
    assert seqs(client, session) == [1, 2]
    assert refolded(client, session)


def test_a_full_disk_costs_the_session_not_the_search(serve: Serve, tmp_path: Path) -> None:
    """What was acknowledged is there; with room, it goes on."""
    client = serve(tmp_path, documents=True)
    session = client.search("archives", max_results=3)["session_id"]
    writer = client.app.state.engine._store._file._writers[True]
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    recorded, degraded = 1, 0
    for number in range(12):
        answer = client.search(f"python module {number}", session_id=session)
        assert answer["results"]
        degraded += "session" in answer["trace"]["degraded"]
        recorded += "session" not in answer["trace"]["degraded"]
        writer = client.app.state.engine._store._file._writers.get(True)
        if writer is not None:
            writer.execute(f"PRAGMA max_page_count = {pages}")
        if degraded:
            break
    assert degraded
    assert seqs(client, session) == list(range(1, recorded + 1))
    assert refolded(client, session)
    if writer is not None:
        writer.execute("PRAGMA max_page_count = 1000000")
    assert client.search("event loop", session_id=session)["session"]["seq"] == recorded + 1
    assert refolded(client, session)


@pytest.mark.parametrize("harm", ["deleted", "locked"])
def test_a_file_that_goes_in_mid_call_costs_the_session_not_the_search(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    """Between load and commit: the answer is whole and says what became of the session."""
    client = serve(tmp_path, documents=True)
    session = client.search("archives", max_results=3)["session_id"]
    store = client.app.state.engine._store
    commit = store.commit
    other = sqlite3.connect(tmp_path / "sessions.sqlite", isolation_level=None, check_same_thread=False)

    def harmed(*arguments: Any, **more: Any) -> Any:
        monkeypatch.undo()
        if harm == "locked":
            other.execute("BEGIN IMMEDIATE")
        else:
            for file in tmp_path.glob("sessions.sqlite*"):
                file.unlink()
        return commit(*arguments, **more)

    monkeypatch.setattr(store, "commit", harmed)
    answer = client.search("event loop", session_id=session, request_id="r")
    assert answer["results"]
    if harm == "locked":
        assert answer["trace"]["degraded"] == ["session"]
        other.execute("ROLLBACK")
    else:
        assert "session_deleted" in [notice["code"] for notice in answer["notices"]]
        assert client("GET", f"/v1/sessions/{session}").status_code == 404
    other.close()
    after = client.search("event loop", session_id=session, request_id="r")
    assert after["session"]["seq"] == (2 if harm == "locked" else 1)
    assert seqs(client, session) == list(range(1, after["session"]["seq"] + 1))
    assert refolded(client, session)
