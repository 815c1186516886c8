"""SqliteSessionStore with other processes and over time: kills, two writers, erasure, sweeps, cost."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

import sessions.sqlite_rows
from sessions.errors import SessionStoreError
from sessions.events import Draft
from sessions.idempotency import Fresh, Replay, Running
from sessions.settings import DEFAULTS
from tests.contract.session_stores import call
from tests.processes import finished, script
from tests.sessions.logs import StoppedClock, search, shown
from tests.sessions.sqlite_support import WRITER, Opener
from tests.sessions.store_support import assert_consistent

# ---------------------------------------------------------------- processes


def test_a_killed_writer_leaves_a_whole_log(path: Path, opened: Opener) -> None:
    """kill -9 at any instant: every acknowledged commit is there, the log has no gap, the fold agrees with it."""
    rng = random.Random(7)
    for _ in range(5):
        process = script(WRITER, path, "killed", 100_000)
        assert process.stdout is not None
        acknowledged = int(process.stdout.readline())
        time.sleep(rng.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        process.communicate(timeout=30)
        whole_lines = rest[: rest.rfind("\n") + 1].split()  # the last one may have been cut by the kill
        acknowledged = max([acknowledged, *map(int, whole_lines)])
        store = opened(replace(DEFAULTS, live_events=10, fold_step=3, seen_ids=40))
        assert assert_consistent(store) >= acknowledged
        assert store.answer("t", "s", acknowledged) == b"x" * 5000
        store.close()


def test_two_processes_share_one_session(path: Path, opened: Opener) -> None:
    """Both write while this one reads along, with folding going on: nothing lost, nothing twice."""
    store = opened(replace(DEFAULTS, live_events=10, fold_step=3, seen_ids=40))
    call(store, search("first", "x", reader="here"))
    writers = [script(WRITER, path, name, 25) for name in ("one", "two")]
    while any(writer.poll() is None for writer in writers):
        snapshot = store.load("t", "s")
        assert snapshot is not None
        assert snapshot.ledger.size <= 40
        time.sleep(0.02)
    seqs = [int(line) for writer in writers for line in finished(writer).split()]
    assert sorted(seqs) == list(range(2, 52))
    assert assert_consistent(store) == 51


def test_another_process_that_answers_is_joined(path: Path, opened: Opener) -> None:
    """Two stores on one file, as two workers have: the second waits for the first one's answer."""
    first, second = opened(), opened()
    begun = first.begin("t", "r", "b")
    assert isinstance(begun, Fresh)
    assert second.begin("t", "r", "b", wait=0.02) == Running()
    timer = threading.Timer(0.1, lambda: call(first, search("a", "x"), claim=begun.claim))
    timer.start()
    assert second.begin("t", "r", "b", wait=10) == Replay(b"answer 1")
    timer.join()


def test_a_dead_workers_request_is_taken_over(path: Path, opened: Opener) -> None:
    """Its claim is a lease: after ten seconds another process answers, and if the first lives, one commit stays."""
    clock = StoppedClock()
    first, second = opened(clock=clock), opened(clock=clock)
    dead = first.begin("t", "r", "b")
    assert isinstance(dead, Fresh)
    clock.time += 10.1
    alive = second.begin("t", "r", "b", wait=0)
    assert isinstance(alive, Fresh)
    assert call(second, search("a", "x"), claim=alive.claim).seq == 1
    late = first.commit("t", "s", [search("a", "x")], lambda seq: b"late", claim=dead.claim)
    assert (late.answer, late.replayed) == (b"answer 1", True)
    assert assert_consistent(first) == 1


def test_a_store_does_not_cross_a_fork(opened: Opener) -> None:
    """Connections must not be shared with a forked child: it is told what to do instead."""
    store = opened()
    call(store, search("a"))
    store._file._process += 1
    store._file._readers.clear()
    with pytest.raises(SessionStoreError, match="fork"):
        store.load("t", "s")
    store._file._process -= 1


# ---------------------------------------------------------------- what stays on the disk


def test_delete_leaves_no_bytes_behind(path: Path, opened: Opener) -> None:
    """After DELETE neither the file nor its log holds a word of the session."""
    store = opened(replace(DEFAULTS, live_events=3, fold_step=1))
    for number in range(8):
        results = (shown(f"needle-document-{number}", title="needle " * 2_000),)  # long: it overflows its page
        answer = b"needle " * (5_000 if number % 2 else 5)  # pages that were freed are not all used again
        store.commit("t", "s", [search(f"needle {number}", shown=results)], lambda seq: answer)  # noqa: B023
    call(store, search("hay", "hay"), session="other")
    store.close()  # so that everything is in the file itself, not in its log
    store = opened()
    assert any(b"needle" in file.read_bytes() for file in path.parent.iterdir())
    assert store.delete("t", "s")
    assert not any(b"needle" in file.read_bytes() for file in path.parent.iterdir())
    assert assert_consistent(store, "other") == 1


def test_sessions_survive_reopening(opened: Opener) -> None:
    """Log, summary, answers and request ids are in the file, not in the process."""
    settings = replace(DEFAULTS, live_events=5, fold_step=2)
    store = opened(settings)
    for number in range(12):
        call(store, search(f"q{number}", f"d{number}"), Draft(kind="cite", document=f"d{number}", passage=2))
    begun = store.begin("t", "r", "b")
    assert isinstance(begun, Fresh)
    call(store, search("last", "x"), claim=begun.claim)
    before = store.load("t", "s")
    store.close()
    again = opened(settings)
    after = again.load("t", "s")
    assert before is not None
    assert after is not None
    assert (after.session, after.ledger, after.summary) == (before.session, before.ledger, before.summary)
    assert again.begin("t", "r", "b") == Replay(b"answer 25")
    assert assert_consistent(again) == 25


def test_sweeps_come_by_themselves_and_bound_the_file(opened: Opener, path: Path) -> None:
    """Old answers are erased by later commits, so a busy store does not grow without end."""
    clock = StoppedClock()
    store = opened(replace(DEFAULTS, sweep_seconds=0.0, live_events=5, fold_step=2), clock)
    sizes = []
    for number in range(60):
        clock.time += 100
        store.commit("t", "s", [search(f"q{number}", "x")], lambda seq: os.urandom(50_000))
        sizes.append(path.stat().st_size)
    assert sizes[-1] <= 2 * 50_000 * 10
    assert assert_consistent(store) == 60


# ---------------------------------------------------------------- cost


def test_a_session_that_was_swept_in_mid_call_is_not_brought_back(opened: Opener) -> None:
    """It expired while the call ran, and its log is gone: the call is answered, and the id is still an expired one."""
    clock = StoppedClock()
    store = opened(clock=clock)
    call(store, search("a", "x"))
    held = store.load("t", "s")
    clock.time += DEFAULTS.idle_seconds + 1
    assert store.sweep()
    assert store.commit("t", "s", [search("b", "y")], lambda seq: b"%d" % seq, snapshot=held).seq == 0
    assert store.load("t", "s") is None
    assert store.expired("t", "s")


def test_a_commit_costs_its_own_size_not_the_logs(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 500 events and 1,800 documents a call reads and writes as little as with 20; counted in statements and
    events decoded, not in seconds, so that a busy machine cannot fail it."""
    store = opened()
    rng = random.Random(1)
    for number in range(490):
        documents = [f"d{index}" for index in rng.sample(range(1_800), 10)]
        store.commit("t", "s", [search(f"q{number}", *documents)], lambda seq: b"", snapshot=store.load("t", "s"))
    statements: list[str] = []
    decoded: list[bytes] = []
    for connection in (*store._file._readers, *store._file._writers.values()):
        connection.set_trace_callback(statements.append)
    original = sessions.sqlite_rows.decode_event
    monkeypatch.setattr(sessions.sqlite_rows, "decode_event", lambda body: decoded.append(body) or original(body))
    snapshot = store.load("t", "s")
    assert snapshot is not None
    held = snapshot.state()
    assert [held.seen.get(f"d{number}") is not None for number in range(300)].count(True) > 0
    assert store.commit("t", "s", [search("one more", "d1")], lambda seq: b"", snapshot=snapshot).seq == 491
    assert store.load("t", "s") is not None
    assert decoded == []
    assert len(statements) <= 10, statements


def test_answers_are_kept_small_and_those_of_an_older_version_are_read(path: Path, opened: Opener) -> None:
    """Bytes come back as they were given, whichever way they lie in the file."""
    store, body = opened(), b'{"results": ["the same words again"]}' * 500
    store.commit("t", "s", [search("q", "x")], lambda seq: body)
    assert store.answer("t", "s", 1) == body
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        (stored,) = file.execute("SELECT length(response) FROM answers").fetchone()
        assert stored < len(body) / 10
        file.execute("UPDATE answers SET response = ?", (body,))
    assert store.answer("t", "s", 1) == body
