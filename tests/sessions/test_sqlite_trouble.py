"""SqliteSessionStore where a file can hurt: locks, full disks, damage, other files in its place."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sessions.errors import LogFormatError, SessionStoreError
from sessions.idempotency import Fresh
from sessions.settings import DEFAULTS
from sessions.sqlite import SqliteSessionStore
from tests.contract.session_stores import call
from tests.processes import finished, script
from tests.sessions.logs import search
from tests.sessions.sqlite_support import Opener
from tests.sessions.store_support import assert_consistent, before_long


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
    assert call(store, search("b", "y"), claim=claim.claim).seq == 2
    assert assert_consistent(store) == 2


def test_a_file_that_is_locked_for_long_does_not_make_every_call_wait(path: Path, opened: Opener) -> None:
    """One call waits in vain, the next ones only try; the first one that gets the lock ends that."""
    store = opened(replace(DEFAULTS, busy_seconds=0.5))
    call(store, search("a", "x"))
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waits = []
    for _ in range(8):
        began = time.monotonic()
        with pytest.raises(SessionStoreError):
            call(store, search("b", "y"))
        waits.append(time.monotonic() - began)
    assert waits[0] >= 0.5
    assert sorted(waits)[4] < 0.1
    other.execute("ROLLBACK")
    assert call(store, search("b", "y")).seq == 2
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.1, lambda: other.execute("ROLLBACK"))
    timer.start()
    assert call(store, search("c", "z")).seq == 3
    timer.join()
    other.close()
    assert assert_consistent(store) == 3


def test_a_file_that_is_deleted_in_mid_call_is_like_a_deleted_session(path: Path, opened: Opener) -> None:
    """The call that was ranked on it is answered and not recorded; sessions begin anew in a new file."""
    store = opened()
    for number in range(3):
        call(store, search(f"q{number}", f"d{number}"))
    held = store.load("t", "s")
    for file in path.parent.glob("sessions.sqlite*"):
        file.unlink()
    done = store.commit("t", "s", [search("late", "y")], lambda seq: b"answer %d" % seq, snapshot=held)
    assert (done.seq, done.answer) == (0, b"answer 0")
    assert store.load("t", "s") is None
    assert call(store, search("anew", "z")).seq == 1
    assert assert_consistent(store) == 1


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
        import os, resource, signal, sys
        from pathlib import Path
        from sessions.errors import SessionStoreError
        from sessions.sqlite import SqliteSessionStore
        from tests.sessions.logs import search
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = SqliteSessionStore(Path(sys.argv[1]))
        def call(n):
            snapshot = store.load("t", "s")
            return store.commit("t", "s", [search(f"q{n}", f"d{n}")], lambda seq: os.urandom(200_000), snapshot=snapshot).seq
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
    last = int(finished(script(code, path)))
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
    assert before_long(lambda: call(store, search("b", "y")).seq) == 2
    assert assert_consistent(store) == 2


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
    assert before_long(lambda: call(store, search("anew", "y")).seq) == 1
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
    assert call(store, search("old again", "x")).seq == 4
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
    assert call(store, search("a", "x")).seq == 1


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
