"""The SessionStore port: a retry gets the bytes it missed, whatever happened to the first call."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sessions.errors import RequestConflict
from sessions.events import Draft
from sessions.idempotency import Claim, Conflict, Fresh, Replay, Running
from sessions.store import Committed, SessionStore
from tests.contract.session_stores import call, claimed, loaded
from tests.sessions.logs import StoppedClock, search


def test_a_retried_first_call_gets_the_same_bytes(store: SessionStore) -> None:
    """Without a session id yet: the request id alone finds the answer, and with it the minted session."""
    call(store, search("a", "x"), session="minted", claim=claimed(store, "r"))
    again = store.begin("t", "r", "b")
    assert again == Replay(b"answer 1")
    assert loaded(store, "minted").seq == 1


def test_a_request_id_with_another_body_is_a_conflict(store: SessionStore) -> None:
    """Both while the first is being answered and after."""
    claim = claimed(store, "r")
    assert store.begin("t", "r", "other", wait=0) == Conflict()
    call(store, search("a"), claim=claim)
    assert store.begin("t", "r", "other") == Conflict()


def test_request_ids_belong_to_a_tenant(store: SessionStore) -> None:
    """Two tenants may use the same request id."""
    call(store, search("a"), claim=claimed(store, "r"))
    store.abandon(claimed(store, "r", tenant="other"))


def test_an_abandoned_request_is_free_again(store: SessionStore) -> None:
    """A call that failed (4xx, 5xx, timeout) stores no answer; its retry is answered afresh."""
    store.abandon(claimed(store, "r"))
    store.abandon(claimed(store, "r", "another body"))
    assert store.load("t", "s") is None


def test_answers_are_kept_for_fifteen_minutes(store: SessionStore, clock: StoppedClock) -> None:
    """After that the request id is free, also for another body, and nothing is replayed."""
    call(store, search("a"), claim=claimed(store, "r"))
    clock.time += 899
    assert store.begin("t", "r", "b") == Replay(b"answer 1")
    assert store.answer("t", "s", 1) == b"answer 1"
    clock.time += 2
    assert store.answer("t", "s", 1) is None
    call(store, search("b"), claim=claimed(store, "r", "new body"))
    assert store.begin("t", "r", "new body") == Replay(b"answer 2")


def test_a_running_request_is_joined(store: SessionStore) -> None:
    """A second call with the id waits for the first and gets its bytes; one with no time to wait is told so."""
    claim = claimed(store, "r")
    assert store.begin("t", "r", "b", wait=0.01) == Running()
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(store.begin, "t", "r", "b")
        time.sleep(0.05)
        call(store, search("a"), claim=claim)
        assert second.result(10) == Replay(b"answer 1")


def test_when_the_first_fails_a_waiting_call_takes_over(store: SessionStore) -> None:
    """It is told to answer; the others go on waiting for it."""
    claim = claimed(store, "r")
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(store.begin, "t", "r", "b") for _ in range(2)]
        time.sleep(0.05)
        store.abandon(claim)
        deadline = time.monotonic() + 10
        while not any(one.done() for one in waiting) and time.monotonic() < deadline:
            time.sleep(0.005)
        first = next(one for one in waiting if one.done()).result()
        assert isinstance(first, Fresh)
        call(store, search("a"), claim=first.claim)
        assert sorted(type(one.result(10)).__name__ for one in waiting) == ["Fresh", "Replay"]


def test_sixteen_threads_with_one_request_id_commit_once(store: SessionStore) -> None:
    """One event, one answer, the same bytes for all."""
    ready = threading.Barrier(16)

    def one(number: int) -> bytes:
        ready.wait()
        outcome = store.begin("t", "r", "b")
        if isinstance(outcome, Replay):
            return outcome.answer
        assert isinstance(outcome, Fresh)
        return store.commit("t", "s", [search("a", "x")], lambda seq: b"by %d" % number, claim=outcome.claim).answer

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(one, range(16)))
    assert len(answers) == 1
    assert loaded(store).seq == 1


def test_sixteen_threads_without_ids_all_commit(store: SessionStore) -> None:
    """No event is lost or numbered twice, and the kept fold is the fold of the log."""
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: call(store, search(f"q{n}", f"d{n % 5}", f"e{n}", reader=f"r{n % 3}")), range(64)))
    history, snapshot = store.history("t", "s"), loaded(store)
    assert history is not None
    assert [event.seq for event in history.events] == list(range(1, 65))
    assert snapshot.ledger == history.ledger()


def test_a_commit_that_comes_second_gets_the_first_answer(store: SessionStore) -> None:
    """Two owners of one request (a lease ran out): the first commit wins, the other adds nothing."""
    claim = claimed(store, "r")
    other = Claim("t", "r", "b")
    assert call(store, search("a", "x"), claim=other) == Committed(1, b"answer 1")
    assert call(store, search("a", "x"), claim=claim) == Committed(0, b"answer 1", replayed=True)
    assert loaded(store).seq == 1
    with pytest.raises(RequestConflict):
        call(store, search("a", "x"), claim=Claim("t", "r", "another body"))


def test_the_same_body_again_is_a_retry(store: SessionStore, clock: StoppedClock) -> None:
    """Without a request id: same reader, same body, nothing in between, within 120 s."""
    call(store, search("a", body="h"))
    assert store.repeat(loaded(store), "h") == Replay(b"answer 1")
    assert store.repeat(loaded(store), "other") is None
    assert store.repeat(loaded(store), "h", reader="r2") is None
    clock.time += 119
    assert store.repeat(loaded(store), "h") == Replay(b"answer 1")
    clock.time += 2
    assert store.repeat(loaded(store), "h") is None


def test_anything_in_between_makes_it_a_new_call(store: SessionStore) -> None:
    """Another event of the reader in between, of any kind; what other readers do does not count."""
    call(store, search("a", body="h"))
    call(store, search("b", body="i", reader="r2"))
    assert store.repeat(loaded(store), "h") == Replay(b"answer 1")
    call(store, Draft(kind="open", document="x"))
    assert store.repeat(loaded(store), "h") is None
