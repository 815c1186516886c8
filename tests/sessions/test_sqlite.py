"""SqliteSessionStore where a file can hurt: kills, locks, full disks, other processes, damage, erasure, speed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

import sessions.sqlite_rows
from sessions.errors import LogFormatError, SessionStoreError
from sessions.events import Draft
from sessions.idempotency import Claim, Fresh, Replay, Running
from sessions.settings import DEFAULTS, SessionSettings
from sessions.sqlite import SqliteSessionStore
from tests.sessions.logs import StoppedClock, search, shown

T = TypeVar("T")

ROOT = Path(__file__).parents[2]

Opener = Callable[..., SqliteSessionStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    """Opens stores on one file; closes them all."""
    with contextlib.ExitStack() as stack:

        def make(settings: SessionSettings = DEFAULTS, clock: StoppedClock | None = None) -> SqliteSessionStore:
            store = SqliteSessionStore(path, settings, clock)
            stack.callback(store.close)
            return store

        yield make


def call(store: SqliteSessionStore, *drafts: Draft, session: str = "s", claim: Claim | None = None) -> int:
    snapshot = store.load("t", session)
    return store.commit("t", session, drafts, lambda seq: b"answer %d" % seq, snapshot=snapshot, claim=claim).seq


def assert_consistent(store: SqliteSessionStore, session: str = "s") -> int:
    """The log has no gap, the kept fold is the fold of the log; returns the last seq."""
    history, snapshot = store.history("t", session), store.load("t", session)
    assert history is not None
    assert snapshot is not None
    seqs = [event.seq for event in history.events]
    assert seqs == list(range(history.summary.seq + 1, history.summary.seq + 1 + len(seqs)))
    assert history.ledger() == snapshot.ledger
    assert snapshot.seq == (seqs[-1] if seqs else history.summary.seq)
    return snapshot.seq


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python process with the project on its path."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], timeout: float = 60) -> str:
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return out


WRITER = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from sessions.settings import DEFAULTS
    from sessions.sqlite import SqliteSessionStore
    from tests.sessions.logs import search
    path, name, calls = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = SqliteSessionStore(path, replace(DEFAULTS, live_events=10, fold_step=3, seen_ids=40, busy_seconds=20))
    for number in range(calls):
        snapshot = store.load("t", "s")
        documents = [f"{name}-{number}-{i}" for i in range(3)]
        drafts = [search(f"q{number}", *documents, reader=name)]
        done = store.commit("t", "s", drafts, lambda seq: b"x" * 5000, snapshot=snapshot)
        print(done.seq, flush=True)
    store.close()
"""


# ---------------------------------------------------------------- processes


def test_a_killed_writer_leaves_a_whole_log(path: Path, opened: Opener) -> None:
    """kill -9 at any instant: every acknowledged commit is there, the log has no gap, the fold agrees with it."""
    rng = random.Random(7)
    for _ in range(5):
        process = child(WRITER, path, "killed", 100_000)
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
    writers = [child(WRITER, path, name, 25) for name in ("one", "two")]
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
    assert call(second, search("a", "x"), claim=alive.claim) == 1
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


# ---------------------------------------------------------------- trouble


def test_a_locked_file_is_a_retryable_error_and_heals(path: Path, opened: Opener) -> None:
    """While another process holds the write lock commits fail in bounded time and reads go on; then all works."""
    store = opened(replace(DEFAULTS, busy_seconds=0.1))
    call(store, search("a", "x"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(SessionStoreError) as caught:
        call(store, search("b", "y"))
    assert time.monotonic() - began < 5
    assert caught.value.retryable
    with pytest.raises(SessionStoreError):
        store.begin("t", "r", "b")
    assert assert_consistent(store) == 1
    other.execute("ROLLBACK")
    other.close()
    claim = store.begin("t", "r", "b", wait=0)
    assert isinstance(claim, Fresh)
    assert call(store, search("b", "y"), claim=claim.claim) == 2
    assert assert_consistent(store) == 2


def test_abandoning_never_fails(path: Path, opened: Opener) -> None:
    """Even when the file is locked: whoever waits in this process goes on at once."""
    store = opened(replace(DEFAULTS, busy_seconds=0.05))
    begun = store.begin("t", "r", "b")
    assert isinstance(begun, Fresh)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.abandon(begun.claim)
    other.execute("ROLLBACK")
    other.close()
    assert not store._flights._open


def test_a_full_disk_is_a_retryable_error_and_heals(path: Path) -> None:
    """A write that finds no room adds nothing; what was acknowledged is there, and with room it goes on."""
    code = """
        import resource, signal, sys
        from pathlib import Path
        from sessions.errors import SessionStoreError
        from sessions.sqlite import SqliteSessionStore
        from tests.sessions.logs import search
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = SqliteSessionStore(Path(sys.argv[1]))
        def call(n):
            snapshot = store.load("t", "s")
            return store.commit("t", "s", [search(f"q{n}", f"d{n}")], lambda seq: bytes(200_000), snapshot=snapshot).seq
        call(0)
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, limit[1]))
        done, failed = 1, 0
        for n in range(1, 30):
            try:
                done = call(n)
            except SessionStoreError as error:
                assert error.retryable, error
                failed += 1
        assert failed and done < 29, (failed, done)
        assert store.load("t", "s").seq == done
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert call(99) == done + 1
        assert store.history("t", "s").ledger() == store.load("t", "s").ledger
        print(done + 1)
    """
    last = int(finished(child(code, path)))
    store = SqliteSessionStore(path)
    try:
        assert assert_consistent(store) == last
    finally:
        store.close()


def test_nothing_is_opened_before_it_is_used(path: Path, opened: Opener) -> None:
    """A process that keeps no sessions makes no file, and needs none that works."""
    store = opened()
    assert not path.exists()
    store.close()
    assert not path.exists()


def test_a_file_that_is_no_database_is_left_alone_until_it_is_mended(path: Path, opened: Opener) -> None:
    """Not a silent new file over someone's data; the same store works once it is gone, or a database again."""
    before = opened()
    call(before, search("a", "x"))
    before.close()
    whole = path.read_bytes()
    garbage = b"these are not sessions\n" * 1000
    path.write_bytes(garbage)
    store = opened()
    for use in (lambda: store.load("t", "s"), lambda: call(store, search("b", "y")), lambda: store.sessions("t")):
        with pytest.raises(LogFormatError, match=r"sessions\.sqlite") as caught:
            use()
        assert caught.value.hint
    assert path.read_bytes() == garbage
    path.write_bytes(whole)
    assert before_long(lambda: call(store, search("b", "y"))) == 2
    assert assert_consistent(store) == 2


def before_long(work: Callable[[], T]) -> T:
    """Its result, once the store looks at the file again: a refusal holds for as long as finding it out took."""
    until = time.monotonic() + 10
    while True:
        try:
            return work()
        except SessionStoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def test_a_file_that_is_damaged_in_use_may_be_emptied(path: Path, opened: Opener) -> None:
    """In place, by whoever looks after it: the store that is open makes it a store again."""
    store = opened()
    call(store, search("a", "x"))
    path.write_bytes(b"no database\n" * 10_000)
    with contextlib.suppress(SessionStoreError):  # what is cached of the file may still do for the first calls
        for number in range(3):
            call(store, search(f"q{number}", "x"))
    with pytest.raises(SessionStoreError):
        store.load("t", "s")
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(b"")
    with contextlib.suppress(SessionStoreError):
        store.load("t", "s")
    assert call(store, search("anew", "y")) == 1
    assert assert_consistent(store) == 1


def test_another_file_in_the_place_of_the_open_one_is_served(path: Path, opened: Opener) -> None:
    """Removed, it is begun anew; put back, it is as it was: nothing that was kept of the one is said of the other."""

    def remove() -> None:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink()

    store = opened()
    for number in range(3):
        call(store, search(f"old {number}", f"old-{number}"))
    away = path.with_name("away.sqlite")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(away),))
    remove()
    assert store.load("t", "s") is None
    another = opened()  # as another process writes it
    for number in range(3):
        call(another, search(f"new {number}", f"new-{number}"))
    snapshot = store.load("t", "s")
    assert snapshot is not None
    assert set(snapshot.state().seen) == {f"new-{number}" for number in range(3)}
    remove()
    away.replace(path)
    snapshot = store.load("t", "s")
    assert snapshot is not None
    assert set(snapshot.state().seen) == {f"old-{number}" for number in range(3)}
    assert call(store, search("old again", "x")) == 4
    assert assert_consistent(store) == 4


def test_a_file_that_is_locked_whole_does_not_make_every_call_wait(path: Path, opened: Opener) -> None:
    """The first finds out in bounded time, those right after it are told; then all works."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE somebody_elses (text)")
    other.execute("BEGIN EXCLUSIVE")
    store = opened(replace(DEFAULTS, busy_seconds=0.1))
    took = []
    for _ in range(4):
        began = time.monotonic()
        with pytest.raises(SessionStoreError):
            store.load("t", "s")
        took.append(time.monotonic() - began)
    assert took[0] < 5
    assert sum(took[1:]) < took[0]
    other.execute("ROLLBACK")
    other.close()
    time.sleep(took[0])
    assert call(store, search("a", "x")) == 1


def test_a_newer_schema_is_refused(path: Path, opened: Opener) -> None:
    """A file of a later version is left alone."""
    opened().sessions("t")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LogFormatError, match="99"):
        opened().sessions("t")


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """The error names the file, not a traceback of sqlite3."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionStoreError):
        SqliteSessionStore(tmp_path / "file" / "sessions.sqlite").sessions("t")


def test_a_damaged_event_is_named(path: Path, opened: Opener) -> None:
    """Reading a log with a broken entry fails with an error of ours, not with a wrong fold."""
    call(opened(), search("a", "x"))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE events SET body = x'7b7d'")
        connection.commit()
    with pytest.raises(LogFormatError):
        opened().load("t", "s")


def test_several_threads_may_open_one_new_file(path: Path) -> None:
    """Workers that start together make one schema."""
    failures: list[BaseException] = []

    def start() -> None:
        store = SqliteSessionStore(path)
        try:
            store.sessions("t")
        except BaseException as error:
            failures.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# ---------------------------------------------------------------- what stays on the disk


def test_delete_leaves_no_bytes_behind(path: Path, opened: Opener) -> None:
    """After DELETE neither the file nor its log holds a word of the session."""
    store = opened(replace(DEFAULTS, live_events=3, fold_step=1))
    for number in range(8):
        results = (shown(f"needle-document-{number}", title="needle " * 2_000),)  # long: it overflows its page
        store.commit("t", "s", [search(f"needle {number}", shown=results)], lambda seq: b"needle " * 5_000)
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
