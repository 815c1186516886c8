"""RedisSessionStore where a Redis can hurt: frozen, killed, flushed, full. Each test has one of its own."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sessions.errors import SessionStoreError
from sessions.idempotency import Fresh
from sessions.redis import RedisSessionStore
from sessions.settings import DEFAULTS
from sessions.store import Committed
from tests.contract.session_stores import call, claimed, loaded
from tests.processes import script
from tests.redis_server import RedisServer, running
from tests.sessions.logs import search
from tests.sessions.redis_support import WRITER, names
from tests.sessions.store_support import assert_consistent, before_long

QUICK = replace(DEFAULTS, redis_pause_seconds=0.2)

DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    yield from running()


@pytest.fixture
def durable() -> Iterator[RedisServer]:
    yield from running(*DURABLE)


def failed_after(work: Callable[[], object]) -> float:
    """Seconds until it failed as a store should."""
    began = time.monotonic()
    with pytest.raises(SessionStoreError) as caught:
        work()
    assert caught.value.retryable
    return time.monotonic() - began


def test_a_frozen_redis_costs_one_wait_and_then_nothing(server: RedisServer) -> None:
    """Five seconds without a word: every call fails, most of them at once; then it goes on by itself, and what was
    given up meanwhile was not done behind anybody's back."""
    store = RedisSessionStore(server.url)
    call(store, search("a", "x"))
    held, claim = loaded(store), claimed(store, "r")
    store._link.deadline()
    server.freeze()
    frozen = time.monotonic()
    late = [search("late", "y")]
    waits = [failed_after(lambda: store.commit("t", "s", late, lambda seq: b"", snapshot=held, claim=claim))]
    store.abandon(claim)
    while time.monotonic() < frozen + 5:
        waits.append(failed_after(lambda: store.load("t", "s")))
        time.sleep(0.01)
    server.thaw()
    assert max(waits) < 1.5
    assert sorted(waits)[len(waits) * 9 // 10] < 0.02
    assert set(before_long(lambda: loaded(store)).state().seen) == {"x"}
    assert call(store, search("b", "z")).seq == 2
    assert assert_consistent(store) == 2
    store.close()


def test_a_dead_redis_costs_nothing_and_is_found_when_it_is_back(server: RedisServer) -> None:
    """Killed without persistence: sessions are gone whole, as if deleted, and begin anew."""
    store = RedisSessionStore(server.url, QUICK)
    for number in range(3):
        call(store, search(f"q{number}", f"d{number}"))
    held = loaded(store)
    server.kill()
    assert failed_after(lambda: store.load("t", "s")) < 1
    began = time.monotonic()
    for _ in range(1_000):
        failed_after(lambda: store.begin("t", "r", "b"))
    assert time.monotonic() - began < 1.5
    server.start()
    assert before_long(lambda: store.load("t", "s")) is None
    lost = store.commit("t", "s", [search("lost", "y")], lambda seq: b"answer %d" % seq, snapshot=held)
    assert lost == Committed(0, b"answer 0")
    assert call(store, search("anew", "z")).seq == 1
    assert set(loaded(store).state().seen) == {"z"}
    store.close()


def test_what_was_acknowledged_survives_a_kill_as_far_as_redis_promises(durable: RedisServer) -> None:
    """With a log of every write: killed while two processes write, each acknowledged commit is there, the log has no
    gap, and refolding it gives what is served."""
    rng = random.Random(7)
    settings = replace(QUICK, live_events=10, fold_step=3, seen_ids=40)
    store = RedisSessionStore(durable.url, settings)
    for _ in range(3):
        writers = [script(WRITER, durable.url, name, 100_000) for name in ("one", "two")]
        firsts = [int(writer.stdout.readline()) for writer in writers if writer.stdout]
        time.sleep(rng.uniform(0.05, 0.3))
        durable.kill()
        rest = [writer.communicate(timeout=60)[0] for writer in writers]
        seqs = [*firsts, *(int(line) for out in rest for line in out[: out.rfind("\n") + 1].split())]
        durable.start()
        assert before_long(lambda: assert_consistent(store)) >= max(seqs)
        assert len(set(seqs)) == len(seqs)
        assert store.answer("t", "s", max(seqs)) == b"x" * 5000
    store.close()


def test_a_flush_in_mid_call_is_like_a_delete(server: RedisServer) -> None:
    """The call is answered and not recorded; its request id is free; the next one begins the session anew."""
    store = RedisSessionStore(server.url)
    call(store, search("a", "x"))
    held, claim = loaded(store), claimed(store, "r")
    server.flush()
    done = store.commit("t", "s", [search("b", "y")], lambda seq: b"answer %d" % seq, snapshot=held, claim=claim)
    assert done == Committed(0, b"answer 0")
    assert store.load("t", "s") is None
    assert not store.expired("t", "s")
    assert names(server) == []
    assert isinstance(store.begin("t", "r", "another body"), Fresh)
    assert call(store, search("c", "z")).seq == 1
    assert assert_consistent(store) == 1
    store.close()


def test_flushes_while_many_write_leave_whole_sessions(server: RedisServer) -> None:
    """Whenever it comes: what is there afterwards is a log from seq 1 without a gap."""
    store = RedisSessionStore(server.url, replace(DEFAULTS, live_events=10, fold_step=3))

    def write(name: int) -> None:
        for number in range(60):
            call(store, search(f"q{number}", f"{name}-{number}"))

    with ThreadPoolExecutor(5) as pool:
        writing = [pool.submit(write, name) for name in range(4)]
        while not all(one.done() for one in writing):
            server.flush()
            if store.load("t", "s") is not None:
                time.sleep(0.02)
        for one in writing:
            one.result()
    call(store, search("last", "z"))
    assert assert_consistent(store) >= 1
    store.close()


def test_a_fold_that_finds_the_events_of_another_session(server: RedisServer) -> None:
    """Flushed and begun anew by somebody else between the look and the fold: the call is told, and nothing breaks."""
    settings = replace(DEFAULTS, live_events=5, fold_step=3)
    mine, theirs = RedisSessionStore(server.url, settings), RedisSessionStore(server.url, settings)
    for number in range(5):
        call(mine, search(f"needle in the haystack {number}", f"d{number}"))
    known = mine.load("t", "s")
    server.flush()
    for number in range(5):
        call(theirs, search(f"something else entirely {number}", f"e{number}", reader="quite another one"))
    done = mine.commit("t", "s", [search("late", "z")], lambda seq: b"%d" % seq, snapshot=known)
    assert (done.seq, done.answer) == (0, b"0")
    assert assert_consistent(theirs) == 5
    mine.close()
    theirs.close()


def test_kills_while_many_write_leave_whole_sessions(durable: RedisServer) -> None:
    """Calls fail while it is away and go on when it is back, and no seq is given twice."""
    store = RedisSessionStore(durable.url, replace(QUICK, live_events=20, fold_step=3, redis_pause_seconds=0.05))
    acknowledged: list[int] = []
    failures = 0

    def write(name: int) -> None:
        nonlocal failures
        for number in range(60):
            try:
                acknowledged.append(call(store, search(f"q{number}", f"{name}-{number}")).seq)
            except SessionStoreError:
                failures += 1
                time.sleep(0.02)

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, name) for name in range(4)]
        for _ in range(3):
            time.sleep(0.1)
            durable.kill()
            durable.start()
        for one in writing:
            one.result()
    assert failures
    assert len(set(acknowledged)) == len(acknowledged)
    assert before_long(lambda: assert_consistent(store)) >= max(acknowledged)
    store.close()


def test_a_full_redis_refuses_and_keeps_what_it_has(server: RedisServer) -> None:
    """A commit that finds no memory adds nothing, reads go on, and with room it goes on."""
    store = RedisSessionStore(server.url)
    call(store, search("a", "x"))
    with server.client() as client:
        client.config_set("maxmemory", "1")
        failed_after(lambda: call(store, search("b", "y")))
        assert assert_consistent(store) == 1
        client.config_set("maxmemory", "0")
    assert call(store, search("b", "y")).seq == 2
    assert assert_consistent(store) == 2
    store.close()


def test_a_restarted_redis_is_sent_the_scripts_again(durable: RedisServer) -> None:
    """Neither an empty cache of scripts nor connections that broke unseen are an error."""
    store = RedisSessionStore(durable.url)
    call(store, search("a", "x"))
    with durable.client() as client:
        client.script_flush()
    call(store, search("b", "y"))
    durable.kill()
    durable.start()
    assert before_long(lambda: call(store, search("c", "z")).seq) == 3
    assert assert_consistent(store) == 3
    store.close()


def test_a_clock_that_was_set_costs_a_round_trip(server: RedisServer) -> None:
    """A wrong idea of Redis' time makes no commit late for good."""
    store = RedisSessionStore(server.url)
    call(store, search("a", "x"))
    store._link._ahead = (store._link._ahead or 0.0) - 3_600
    assert call(store, search("b", "y")).seq == 2
    store._link._ahead = (store._link._ahead or 0.0) - 3_600
    assert store.fork("t", "s").parent_seq == 2
    store.close()


def test_no_redis_at_all_is_an_error_of_the_store(server: RedisServer) -> None:
    """Wherever it should be: every method says so within its time, and abandoning never fails."""
    store = RedisSessionStore("unix:///nowhere/redis.sock")
    for work in (
        lambda: store.load("t", "s"),
        lambda: store.create("t"),
        lambda: store.sessions("t"),
        lambda: store.delete("t", "s"),
        lambda: store.fork("t", "s"),
        lambda: store.merge("t", "s", source="a", into="b"),
    ):
        assert failed_after(work) < 1
    other = RedisSessionStore(server.url, QUICK)
    claim = claimed(other, "r")
    server.kill()
    other.abandon(claim)
    assert not other._flights._open
    store.close()
    other.close()
