"""The SessionStore port: how a session begins, is listed, is deleted, and expires."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sessions.errors import SessionExists
from sessions.idempotency import Replay
from sessions.store import Committed, SessionStore
from tests.contract.session_stores import call, claimed, loaded
from tests.sessions.logs import StoppedClock, search


def test_create_makes_an_empty_session_once(store: SessionStore) -> None:
    """Ids are minted when none is given; one in use is refused."""
    minted = store.create("t", objective="goal")
    assert minted.id
    assert loaded(store, minted.id).session == minted
    store.create("t", "mine")
    with pytest.raises(SessionExists):
        store.create("t", "mine")
    call(store, search("first"), session="mine")
    assert loaded(store, "mine").session.first_query == "first"


def test_sessions_are_listed_newest_first(store: SessionStore) -> None:
    """The list is the tenant's own, live, and no longer than asked."""
    for name in ("a", "b", "c"):
        store.create("t", name)
    store.create("other", "d")
    assert [session.id for session in store.sessions("t")] == ["c", "b", "a"]
    assert [session.id for session in store.sessions("t", limit=2)] == ["c", "b"]


def test_delete_erases_log_answers_and_request_ids(store: SessionStore) -> None:
    """After DELETE the id is unknown, a retry is a fresh call, and a new session of that id starts at 1."""
    claim = claimed(store, "r")
    call(store, search("a", "x"), claim=claim)
    assert store.delete("t", "s")
    assert store.load("t", "s") is None
    assert store.answer("t", "s", 1) is None
    assert not store.expired("t", "s")
    store.abandon(claimed(store, "r", "another body"))
    assert call(store, search("b", "y")).seq == 1
    assert set(loaded(store).state().seen) == {"y"}


def test_a_call_that_a_delete_overtook_is_answered_and_not_recorded(store: SessionStore) -> None:
    """What was deleted stays so, whether or not the id was begun anew in the meantime."""
    call(store, search("a", "x"))
    held = loaded(store)
    store.delete("t", "s")
    late = {"drafts": [search("b", "y")], "answer": lambda seq: b"answer %d" % seq, "snapshot": held}
    assert store.commit("t", "s", **late) == Committed(0, b"answer 0")  # type: ignore[arg-type]
    assert store.load("t", "s") is None
    assert store.sessions("t") == ()
    call(store, search("c", "z"))
    assert store.commit("t", "s", **late) == Committed(0, b"answer 0")  # type: ignore[arg-type]
    assert (loaded(store).seq, set(loaded(store).state().seen)) == (1, {"z"})


def test_a_deleted_session_keeps_no_answer_of_a_late_call(store: SessionStore) -> None:
    """Who waits for its request id gets its bytes; a later retry is a fresh call, as after any DELETE."""
    call(store, search("a", "x"))
    held, claim = loaded(store), claimed(store, "r")
    store.delete("t", "s")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(store.begin, "t", "r", "b")
        time.sleep(0.05)
        store.commit("t", "s", [search("b")], lambda seq: b"answer %d" % seq, snapshot=held, claim=claim)
        assert waiting.result(10) == Replay(b"answer 0")
    store.abandon(claimed(store, "r", "another body"))


def test_a_session_that_expired_and_was_begun_anew_is_not_added_to(store: SessionStore, clock: StoppedClock) -> None:
    """The call belongs to the old one, which is gone."""
    call(store, search("a", "x"))
    held = loaded(store)
    clock.time += 1_801
    store.create("t", "s")
    assert store.commit("t", "s", [search("b", "y")], lambda seq: b"%d" % seq, snapshot=held).seq == 0
    assert loaded(store).seq == 0


def test_an_idle_session_expires_and_its_id_starts_anew(store: SessionStore, clock: StoppedClock) -> None:
    """30 minutes after the last event it is unknown but known to have expired; then the id begins again."""
    call(store, search("a", "x"))
    clock.time += 1_700
    call(store, search("b", "y"))
    clock.time += 1_799
    assert store.load("t", "s") is not None
    clock.time += 2
    assert store.load("t", "s") is None
    assert store.history("t", "s") is None
    assert store.sessions("t") == ()
    assert store.expired("t", "s")
    assert call(store, search("c", "z")).seq == 1
    assert not store.expired("t", "s")
    assert set(loaded(store).state().seen) == {"z"}


def test_no_session_outlives_a_day(store: SessionStore, clock: StoppedClock) -> None:
    """Events put off the end of a session, but not beyond 24 hours after it began."""
    call(store, search("a"))
    begun = clock.time
    while clock.time < begun + 86_400 - 1_500:
        clock.time += 1_500
        call(store, search("b"))
    assert loaded(store).session.expires == begun + 86_400
    clock.time = begun + 86_401
    assert store.load("t", "s") is None


def test_a_session_that_expires_during_a_call_lives_on(store: SessionStore, clock: StoppedClock) -> None:
    """A call that found its session alive commits to it, however long it took."""
    call(store, search("a", "x"))
    held = loaded(store)
    clock.time += 1_801
    store.commit("t", "s", [search("b", "y")], lambda seq: b"", snapshot=held)
    assert set(loaded(store).state().seen) == {"x", "y"}


def test_sweeping_erases_what_expired_and_nothing_else(store: SessionStore, clock: StoppedClock) -> None:
    """Expired sessions and answers go; a live session stays; the expired id is known for a day, then not."""
    call(store, search("a", "x"), session="old")
    clock.time += 1_000
    call(store, search("b", "y"), session="young")
    clock.time += 1_000
    store.sweep()
    assert store.expired("t", "old")
    assert store.load("t", "old") is None
    assert set(loaded(store, "young").state().seen) == {"y"}
    clock.time += 90_000
    while store.sweep():
        pass
    assert not store.expired("t", "old")


def test_a_session_that_is_kept_lives_until_it_is_deleted(store: SessionStore, clock: StoppedClock) -> None:
    """No idle time and no day ends it, with or without calls, forks and sweeps; other sessions end as ever."""
    assert store.create("t", "kept", keep=True).keep
    call(store, search("a", "x"), session="kept")
    call(store, search("a", "x"), session="other")
    for _ in range(3):
        clock.time += 400_000
        while store.sweep():
            pass
        assert loaded(store, "kept").session.expires == float("inf")
        assert not store.expired("t", "kept")
    call(store, search("b", "y"), session="kept")
    store.fork("t", "kept", branch="side")
    store.merge("t", "kept", source="side", into="main")
    assert [session.id for session in store.sessions("t")] == ["kept"]
    assert set(loaded(store, "kept").state().seen) == {"x", "y"}
    assert store.load("t", "other") is None
    assert store.delete("t", "kept")
    assert store.load("t", "kept") is None
