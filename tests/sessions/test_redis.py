"""RedisSessionStore: several processes on one Redis, what it keeps there, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.errors import SessionStoreError
from sessions.events import Draft
from sessions.idempotency import Fresh, Replay, Running
from sessions.redis import RedisSessionStore
from sessions.redis_keys import answer_key, request_key, session_keys
from sessions.redis_url import place, trouble
from sessions.settings import DEFAULTS, SessionSettings
from tests.contract.session_stores import call, claimed, loaded
from tests.processes import finished, script
from tests.redis_server import RedisServer
from tests.sessions.logs import StoppedClock, search
from tests.sessions.redis_support import SAME_REQUEST, WRITER, Opener, names
from tests.sessions.store_support import assert_consistent

SMALL = replace(DEFAULTS, live_events=10, fold_step=3, seen_ids=40)


@pytest.fixture
def opened(redis_server: RedisServer) -> Iterator[Opener]:
    """Opens stores on one empty Redis; closes them all."""
    redis_server.flush()
    stores: list[RedisSessionStore] = []

    def make(settings: SessionSettings = DEFAULTS, clock: StoppedClock | None = None) -> RedisSessionStore:
        stores.append(RedisSessionStore(redis_server.url, settings, clock))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


# ---------------------------------------------------------------- several processes


def test_two_processes_share_one_session(redis_server: RedisServer, opened: Opener) -> None:
    """Both write while this one reads along, with folding going on: nothing lost, nothing twice."""
    store = opened(SMALL)
    call(store, search("first", "x", reader="here"))
    writers = [script(WRITER, redis_server.url, name, 40) for name in ("one", "two")]
    while any(writer.poll() is None for writer in writers):
        assert loaded(store).ledger.size <= 40
        time.sleep(0.01)
    seqs = [int(line) for writer in writers for line in finished(writer).split()]
    assert sorted(seqs) == list(range(2, 82))
    assert assert_consistent(store) == 81
    assert store.answer("t", "s", max(seqs)) == b"x" * 5000


def test_sixteen_threads_in_each_of_four_processes_commit_one_request_once(
    redis_server: RedisServer, opened: Opener
) -> None:
    """One event, one answer, the same bytes for all sixty-four."""
    processes = [script(SAME_REQUEST, redis_server.url, name) for name in "abcd"]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = {finished(process).strip() for process in processes}
    assert len(answers) == 1
    assert "|" not in answers.pop()
    assert assert_consistent(opened()) == 1


def test_another_process_that_answers_is_joined(opened: Opener) -> None:
    """Two stores, as two processes have: the second waits for the first one's answer, or is told that it runs."""
    first, second = opened(), opened()
    claim = claimed(first, "r")
    assert second.begin("t", "r", "b", wait=0.02) == Running()
    call(first, search("a", "x"), claim=claim)
    assert second.begin("t", "r", "b") == Replay(b"answer 1")


def test_a_dead_workers_request_is_taken_over(opened: Opener) -> None:
    """Its claim is a lease: after ten seconds another process answers, and if the first lives, one commit stays."""
    clock = StoppedClock()
    first, second = opened(clock=clock), opened(clock=clock)
    dead = claimed(first, "r")
    clock.time += 10.1
    alive = second.begin("t", "r", "b", wait=0)
    assert isinstance(alive, Fresh)
    assert call(second, search("a", "x"), claim=alive.claim).seq == 1
    late = first.commit("t", "s", [search("a", "x")], lambda seq: b"late", claim=dead)
    assert (late.answer, late.replayed) == (b"answer 1", True)
    assert assert_consistent(first) == 1


def test_a_branch_that_another_process_made_is_known_at_once(opened: Opener) -> None:
    """A commit to it needs no load before, and what was known of the session is brought up to date."""
    here, there = opened(), opened()
    call(here, search("a", "x"))
    held = loaded(here)
    there.fork("t", "s", branch="side")
    done = here.commit("t", "s", [search("b", "y", branch="side")], lambda seq: b"", snapshot=held)
    assert done.seq == 2
    there.merge("t", "s", source="side", into="main")
    assert loaded(here).state().others == {"y": ("side",)}
    assert assert_consistent(here) == assert_consistent(there) == 2


def test_a_load_is_one_round_trip_and_so_is_a_commit(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when another process added something; only folding reads what it folds."""
    here, there = opened(), opened()
    for number in range(5):
        call(here, search(f"q{number}", f"d{number}"))
        call(there, search(f"r{number}", f"e{number}"))
    trips = 0
    ask = here._link.ask

    def counted(question: Callable[[Any], Any]) -> Any:
        nonlocal trips
        trips += 1
        return ask(question)

    monkeypatch.setattr(here._link, "ask", counted)
    snapshot = here.load("t", "s")
    assert trips == 1
    here.commit("t", "s", [search("more", "x")], lambda seq: b"", snapshot=snapshot)
    assert trips == 2
    here.load("t", "s")
    assert trips == 3
    claim = claimed(here, "r")
    call(here, search("again", "y"), claim=claim)
    assert trips == 6


# ---------------------------------------------------------------- what is kept there


def test_keys_of_a_session_share_a_hash_tag_and_live_as_long_as_it(redis_server: RedisServer, opened: Opener) -> None:
    """Whatever the names; only the tenant's list has no end."""
    store, name = opened(), "s}{:*? \U0001f50d"
    store.create("te{nant", name)
    call(store, search("a", "x"), tenant="te{nant", session=name, claim=claimed(store, "r{", tenant="te{nant"))
    store.fork("te{nant", name)
    tags = {
        key.split("{")[1].split("}")[0] for key in names(redis_server) if not key.endswith((":request", ":sessions"))
    }
    assert len(tags) == 1
    with redis_server.client() as client:
        lives = {key: client.ttl(key) for key in names(redis_server) if not key.endswith(":sessions")}
    assert all(0 < seconds <= 1_800 + 86_400 for seconds in lives.values())
    assert max(seconds for key, seconds in lives.items() if key.endswith((":answer", ":request"))) <= 900


def test_a_session_that_is_kept_has_no_end(redis_server: RedisServer, opened: Opener) -> None:
    """Its log stays, whatever the clock says; its answers go after their fifteen minutes as others do."""
    clock = StoppedClock()
    store = opened(clock=clock)
    store.create("t", "s", keep=True)
    call(store, search("a", "x"))
    keys = session_keys("t", "s")
    with redis_server.client() as client:
        assert [client.ttl(key) for key in (keys.session, keys.events)] == [-1, -1]
    clock.time += 10_000_000
    assert assert_consistent(store) == 1
    assert call(store, search("b", "y")).seq == 2


def test_redis_forgets_a_session_by_itself(redis_server: RedisServer, opened: Opener) -> None:
    """With real time: first it has expired, then nothing of it is there; the list is cleared in passing."""
    brief = replace(DEFAULTS, idle_seconds=0.15, tombstone_seconds=0.3, answer_seconds=0.2, stale_flight_seconds=0.1)
    store = opened(brief)
    call(store, search("a", "x"), claim=claimed(store, "r"))
    time.sleep(0.16)
    assert store.load("t", "s") is None
    assert store.expired("t", "s")
    time.sleep(0.4)
    assert not store.expired("t", "s")
    assert store.sessions("t") == ()
    assert [name for name in names(redis_server) if not name.endswith(":sessions")] == []
    call(store, search("b"), session="next")
    assert [session.id for session in store.sessions("t")] == ["next"]
    with redis_server.client() as client:
        assert client.zcard(session_keys("t", "s").listing) == 1


def test_delete_leaves_nothing_behind(redis_server: RedisServer, opened: Opener) -> None:
    """No event, entry, answer or request id, also after folding; other sessions stay whole."""
    store = opened(SMALL)
    call(store, search("a", "x"), session="other")
    before = names(redis_server)
    for number in range(30):
        call(store, search(f"q{number}", f"d{number}"), claim=claimed(store, f"r{number}"))
    store.fork("t", "s")
    assert store.delete("t", "s")
    assert names(redis_server) == before
    assert assert_consistent(store, "other") == 1


def test_the_latest_answers_are_kept_and_those_with_a_request_id(redis_server: RedisServer, opened: Opener) -> None:
    """Memory is for the log; whoever gave a request id gets its bytes for fifteen minutes, however much came after."""
    store = opened(replace(DEFAULTS, redis_answers=3))
    call(store, search("a", "x"), claim=claimed(store, "r"))
    for number in range(6):
        call(store, search(f"q{number}", f"d{number}", body="h"))
    assert [store.answer("t", "s", seq) is not None for seq in range(1, 8)] == [True, *[False] * 3, *[True] * 3]
    assert store.begin("t", "r", "b") == Replay(b"answer 1")
    assert store.repeat(loaded(store), "h") == Replay(b"answer 7")
    with redis_server.client() as client:
        assert client.zcard(session_keys("t", "s").kept) == 5


def test_a_session_of_which_a_part_was_evicted_is_not_there(redis_server: RedisServer, opened: Opener) -> None:
    """Never half: gone for every method, and its id begins anew."""
    for part in ("events", "summary", "session"):
        store = opened(SMALL)
        for number in range(15):
            call(store, search(f"q{number}", f"d{number}"))
        held = loaded(store)
        with redis_server.client() as client:
            client.delete(getattr(session_keys("t", "s"), part))
        assert store.load("t", "s") is None
        assert store.history("t", "s") is None
        late = store.commit("t", "s", [search("late", "z")], lambda seq: b"answer %d" % seq, snapshot=held)
        assert (late.seq, late.answer) == (0, b"answer 0")
        assert call(store, search("anew", "y")).seq == 1
        assert set(loaded(store).state().seen) == {"y"}
        assert assert_consistent(store) == 1


def test_a_redis_that_went_back_is_believed(redis_server: RedisServer, opened: Opener) -> None:
    """An older state was restored, and another process came to the same seq by another event: what this process kept
    is given up, also when the log went on from there."""
    for more in (0, 3):
        redis_server.flush()
        here, there = opened(), opened()
        for number in range(2):
            call(here, search(f"q{number}", f"d{number}"))
        keys = session_keys("t", "s")
        with redis_server.client() as client:
            dumps = {key: client.dump(key) for key in (keys.session, keys.events, keys.kept)}
            call(here, search("lost", "lost"))
            for key, dump in dumps.items():
                client.restore(key, 0, dump, replace=True)
        for number in range(1 + more):
            call(there, search(f"other {number}", f"other {number}"))
        assert "lost" not in loaded(here).state().seen
        assert loaded(here).ledger == loaded(there).ledger
        assert call(here, search("on", "z")).seq == 4 + more
        assert assert_consistent(here) == assert_consistent(there)


@given(st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), min_size=2, max_size=2, unique=True))
def test_other_names_have_other_keys(pairs: list[tuple[str, str]]) -> None:
    """No tenant or id can be written so that it meets another's; nor a request's."""
    (one, other) = pairs
    made = [{*session_keys(*pair)[:5], answer_key(*pair, 1, 2), request_key(*pair)} for pair in (one, other)]
    assert len(made[0]) == len(made[1]) == 7
    assert not made[0] & made[1]
    assert all(key.isascii() and key.count("{") == key.count("}") == 1 for key in made[0])


def test_long_names_have_short_keys() -> None:
    """1,000 characters of any script are a hash, and still another one for each name."""
    keys = [session_keys("t", "\u7814" * 999 + last).session for last in "ab"]
    assert len(set(keys)) == 2
    assert max(map(len, keys)) < 120


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:6379", "begins with"),
        ("http://localhost", "http"),
        ("", "scheme"),
        ("redis://", "host"),
        ("redis://host:port", "read"),
        ("redis://host:99999", "read"),
        ("redis://host/first", "database"),
        ("unix://", "path"),
    ],
)
def test_a_url_that_cannot_be_is_said_at_once(url: str, said: str) -> None:
    """Before anything is connected to, with what would work."""
    assert said in (trouble(url) or "")
    with pytest.raises(SessionStoreError, match=said):
        RedisSessionStore(url)


def test_urls_that_can_be() -> None:
    """With users, passwords, databases and options; the password is not shown."""
    for url in ("redis://:secret@h:1/2", "rediss://u:secret@h", "unix:///a/b.sock?db=1", "redis://[::1]:6379"):
        assert trouble(url) is None
        assert "secret" not in place(url)


def test_feedback_and_notes_are_events_too(opened: Opener) -> None:
    """And come back as they were written."""
    store = opened()
    drafts = [Draft(kind="cite", document="x", passage=2), Draft(kind="note", note="\u4e2d\u6587")]
    call(store, *drafts)
    history = store.history("t", "s")
    assert history is not None
    assert [(event.kind, event.document, event.passage, event.note) for event in history.events] == [
        ("cite", "x", 2, ""),
        ("note", "", None, "\u4e2d\u6587"),
    ]
