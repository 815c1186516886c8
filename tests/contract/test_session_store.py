"""What every SessionStore promises. To join, add a row to STORES that opens a store on (folder, settings, clock)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ranking.ports import Clock
from ranking.types import SessionState
from sessions.errors import (
    BranchNotFound,
    EventError,
    HistoryFolded,
    InvalidName,
    RequestConflict,
    SessionExists,
    SessionStoreError,
)
from sessions.events import Draft
from sessions.fold import fold
from sessions.idempotency import Claim, Conflict, Fresh, Replay, Running
from sessions.memory import MemorySessionStore
from sessions.settings import DEFAULTS, SessionSettings
from sessions.sqlite import SqliteSessionStore
from sessions.store import Committed, SessionStore, Snapshot
from tests.sessions.logs import StoppedClock, page, search, shown

Open = Callable[[Path, SessionSettings, Clock], SessionStore]

STORES: dict[str, Open] = {
    "memory": lambda folder, settings, clock: MemorySessionStore(settings, clock),
    "sqlite": lambda folder, settings, clock: SqliteSessionStore(folder / "sessions.sqlite", settings, clock),
}


@pytest.fixture(params=sorted(STORES))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., SessionStore]]:
    """Opens the store with given settings and clock; closes what was opened."""
    stores: list[SessionStore] = []

    def make(clock: Clock | None = None, **settings: Any) -> SessionStore:
        store = STORES[request.param](tmp_path, replace(DEFAULTS, **settings), clock or StoppedClock())
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store(opened: Callable[..., SessionStore], clock: StoppedClock) -> SessionStore:
    return opened(clock)


def call(store: SessionStore, *drafts: Draft, session: str = "s", tenant: str = "t", **more: Any) -> Committed:
    """One call from load to commit; its answer names the seq."""
    return store.commit(
        tenant, session, drafts, lambda seq: b"answer %d" % seq, snapshot=store.load(tenant, session), **more
    )


def loaded(store: SessionStore, session: str = "s", tenant: str = "t") -> Snapshot:
    snapshot = store.load(tenant, session)
    assert snapshot is not None
    return snapshot


def claimed(store: SessionStore, request_id: str, body: str = "b", tenant: str = "t") -> Claim:
    outcome = store.begin(tenant, request_id, body)
    assert isinstance(outcome, Fresh)
    return outcome.claim


# ---------------------------------------------------------------- the log and its fold


def test_an_unknown_session_is_none_and_nothing_is_made_by_asking(store: SessionStore) -> None:
    """Reading an id that is not there says so, in every method that reads."""
    assert store.load("t", "s") is None
    assert store.history("t", "s") is None
    assert store.answer("t", "s", 1) is None
    assert not store.expired("t", "s")
    assert not store.delete("t", "s")
    assert store.sessions("t") == ()


def test_a_commit_begins_the_session_and_numbers_its_events(store: SessionStore) -> None:
    """The first search makes the session; seqs go up by one; the answer is made with the seq."""
    assert call(store, search("first", "x", "y"), objective="goal") == Committed(1, b"answer 1")
    assert call(store, search("second", "z"), objective="other") == Committed(2, b"answer 2")
    snapshot = loaded(store)
    assert (snapshot.session.first_query, snapshot.session.objective) == ("first", "goal")
    assert snapshot.seq == 2
    history = store.history("t", "s")
    assert history is not None
    assert [(event.seq, event.snapshot_seq, event.query, event.who) for event in history.events] == [
        (1, 0, "first", "main"),
        (2, 1, "second", "main"),
    ]


def test_the_first_objective_is_the_sessions(store: SessionStore) -> None:
    """Also when it comes with a later call, or with none but the session's creation; and then it stays."""
    for objective in (None, "goal", "other", None):
        call(store, search("a"), objective=objective)
    store.create("t", "made", objective="mine")
    call(store, search("a"), session="made", objective="other")
    history = store.history("t", "s")
    assert history is not None
    assert (loaded(store).session.objective, history.session.objective) == ("goal", "goal")
    assert loaded(store, "made").session.objective == "mine"


def test_load_folds_what_history_holds(store: SessionStore) -> None:
    """The snapshot's state is the full fold of the log, for every reader."""
    call(store, search("a", "x", "y"))
    call(store, search("b", "y", "z", reader="r2"))
    call(store, search("c", "x", reader=None), Draft(kind="cite", document="x", reader="r2"))
    history, snapshot = store.history("t", "s"), loaded(store)
    assert history is not None
    for reader in (None, "r2", "nobody"):
        assert snapshot.state(reader) == fold(history.events, reader)
    assert snapshot.state().seen["x"].calls_ago == 0
    assert snapshot.state().others == {"y": ("r2",), "z": ("r2",)}
    assert snapshot.state("nobody") == replace(
        SessionState(), others={"x": ("main",), "y": ("main", "r2"), "z": ("r2",)}, snapshot_seq=4
    )


def test_a_snapshot_stays_as_it_was(store: SessionStore) -> None:
    """Snapshot isolation: what a call ranked on does not move while others commit."""
    call(store, search("a", "x"))
    held = loaded(store)
    call(store, search("b", "y"))
    assert set(held.state().seen) == {"x"}
    assert set(loaded(store).state().seen) == {"x", "y"}


def test_parallel_calls_may_show_the_same_document(store: SessionStore) -> None:
    """Two calls on one snapshot both commit; the document keeps its smallest seq and both snapshots are named."""
    call(store, search("a", "w"))
    held = loaded(store)
    for query in ("b", "c"):
        store.commit("t", "s", [search(query, "x")], lambda seq: b"", snapshot=held)
    history = store.history("t", "s")
    assert history is not None
    assert [event.snapshot_seq for event in history.events] == [0, 1, 1]
    assert loaded(store).state().seen["x"].seq == 2


def test_several_events_are_one_commit(store: SessionStore) -> None:
    """A batch or a list of feedback gets consecutive seqs, one snapshot and one answer."""
    assert call(store, search("a", "x"), search("b", "y"), Draft(kind="open", document="x")).seq == 3
    assert [store.answer("t", "s", seq) for seq in (1, 2, 3)] == [b"answer 3"] * 3


def test_an_answer_that_cannot_be_made_commits_nothing(store: SessionStore) -> None:
    """A call without an answer leaves no trace: no event, no session."""

    def broken(seq: int) -> bytes:
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError):
        store.commit("t", "s", [search("a", "x")], broken)
    assert store.load("t", "s") is None
    call(store, search("a", "x"))
    with pytest.raises(RuntimeError):
        store.commit("t", "s", [search("b", "y")], broken, snapshot=loaded(store))
    assert loaded(store).seq == 1
    assert set(loaded(store).state().seen) == {"x"}


def test_tenants_do_not_see_each_other(store: SessionStore) -> None:
    """A foreign id is an unknown one; the same id in two tenants is two sessions."""
    call(store, search("mine", "x"), tenant="one")
    assert store.load("two", "s") is None
    assert store.history("two", "s") is None
    assert store.answer("two", "s", 1) is None
    assert not store.delete("two", "s")
    call(store, search("yours", "y"), tenant="two")
    assert set(loaded(store, tenant="one").state().seen) == {"x"}
    assert [session.first_query for session in store.sessions("two")] == ["yours"]


def test_why_is_never_stored(store: SessionStore) -> None:
    """The agent's reasoning is used for encoding the query, and forgotten."""
    call(store, search("a", request={"why": "because of a secret", "max_results": 3}))
    history = store.history("t", "s")
    assert history is not None
    assert history.events[0].request == {"max_results": 3}


def test_budgets_are_spent(store: SessionStore) -> None:
    """What a session's events cost is taken from its budget, never below zero."""
    store.create("t", "s", budget={"calls": 2, "tokens": 100})
    for _ in range(3):
        call(store, search("a", cost={"calls": 1}))
    assert loaded(store).budget_left() == {"calls": 0, "tokens": 100}
    call(store, search("a"), session="free")
    assert loaded(store, "free").budget_left() is None


def test_an_edited_page_is_known_by_its_new_content(store: SessionStore) -> None:
    """Passages are those of the content shown last; the first showing stays the first."""
    call(store, search("a", shown=(shown("x", 3, passages=(1, 2), content_hash="old"),)))
    call(store, search("b", shown=(shown("x", 1, passages=(2,), content_hash="new"),)))
    seen = loaded(store).state().seen["x"]
    assert (seen.seq, seen.rank, seen.content_hash, seen.passages) == (1, 3, "new", {2})


# ---------------------------------------------------------------- create, list, delete, expire


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


# ---------------------------------------------------------------- retries


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


# ---------------------------------------------------------------- bounds


def test_folded_events_are_not_forgotten(opened: Callable[..., SessionStore]) -> None:
    """Beyond the live events the log is folded; what was seen, said and spent stays, to the last detail."""
    store, plain = opened(live_events=5, fold_step=2), opened(live_events=10_000)
    for target, name in ((store, "s"), (plain, "whole")):
        for number in range(23):
            document = f"d{number % 7}"
            call(target, search(f"q{number}", document, f"e{number}", cost={"calls": 1}), session=name)
            call(target, Draft(kind="cite", document=document, reader="r2"), session=name)
    short, whole = store.history("t", "s"), plain.history("t", "whole")
    assert short is not None
    assert whole is not None
    assert len(short.events) <= 5
    assert len(whole.events) == 46
    assert short.events == whole.events[-len(short.events) :]
    for reader in (None, "r2"):
        assert loaded(store).state(reader) == fold(whole.events, reader)
    assert loaded(store).ledger == short.ledger()
    assert loaded(store).ledger.spent == {"calls": 23}
    with pytest.raises(HistoryFolded):
        short.ledger(as_of=1)


def test_ten_thousand_calls_stay_within_the_bounds(opened: Callable[..., SessionStore]) -> None:
    """The same with small bounds and fewer calls: live events, ids and readers never exceed them, the latest stay."""
    store = opened(live_events=20, fold_step=5, seen_ids=30, forget_step=3, readers=4)
    for number in range(400):
        reader = f"r{number // 7 % 6}"
        call(store, search(f"q{number}", *(f"d{number}-{i}" for i in range(number % 4)), reader=reader))
        snapshot = loaded(store)
        assert snapshot.seq - snapshot.summary.seq <= 20
        assert snapshot.ledger.size <= 30
        assert len(snapshot.ledger.readers) <= 4
        assert all(f"d{number}-{i}" in snapshot.state(reader).seen for i in range(number % 4))
    history = store.history("t", "s")
    assert history is not None
    assert history.ledger() == loaded(store).ledger


def test_exactly_as_many_ids_as_allowed_are_remembered(opened: Callable[..., SessionStore]) -> None:
    """Nothing is forgotten within the bounds; beyond, what was shown longest ago goes first."""
    store = opened(seen_ids=20, forget_step=1, live_events=4, fold_step=2)
    for number in range(20):
        call(store, search(f"q{number}", f"d{number}"))
    assert len(loaded(store).state().seen) == 20
    call(store, search("again", "d0"))
    call(store, search("more", "new"))
    assert set(loaded(store).state().seen) == {f"d{number}" for number in range(20) if number != 1} | {"new"}


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("bad", ["", "x" * 1_001, "a\nb", "nul\0", "\ud800"])
def test_ids_that_cannot_be_are_refused(store: SessionStore, bad: str) -> None:
    """Empty, over-long, control characters and lone surrogates: named, before anything is written."""
    with pytest.raises(InvalidName):
        store.load("t", bad)
    with pytest.raises(InvalidName):
        store.begin("t", bad, "b")
    with pytest.raises(InvalidName):
        store.create("t", bad)
    with pytest.raises(InvalidName):
        store.commit("t", bad, [search("a")], lambda seq: b"")
    with pytest.raises(InvalidName):
        store.commit("t", "s", [search("a", reader=bad)], lambda seq: b"") if bad else store.load("t", bad)
    assert store.load("t", "s") is None


def test_ids_in_any_script_are_fine(store: SessionStore) -> None:
    """Not only UUIDs: whatever an agent's framework calls its sessions."""
    for name in ("研究-1", "a b/c?d#e", "🔎" * 10, "x" * 1_000, "%00'; DROP TABLE events; --"):
        call(store, search("a", "x", reader=name), session=name)
        assert set(loaded(store, name).state(name).seen) == {"x"}


def test_text_that_is_not_unicode_does_not_cost_the_event(store: SessionStore) -> None:
    """Lone surrogates in a query or a title are replaced at most; they never fail the call."""
    call(store, search("a \ud800 b", shown=(shown("x", title="\udfff"),)))
    assert set(loaded(store).state().seen) == {"x"}


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_must_be_finite(store: SessionStore, score: float) -> None:
    """A defect upstream is refused at the door, and nothing is written."""
    with pytest.raises(EventError):
        call(store, search("a", shown=(shown("x", score=score),)))
    assert store.load("t", "s") is None


def test_an_unknown_branch_is_refused(store: SessionStore) -> None:
    """For reading and for writing, on new and on old sessions."""
    with pytest.raises(BranchNotFound):
        call(store, search("a", branch="fork"))
    call(store, search("a"))
    with pytest.raises(BranchNotFound):
        call(store, search("a", branch="fork"))
    with pytest.raises(BranchNotFound):
        loaded(store).state(branch="fork")
    assert loaded(store).seq == 1


def test_pages_may_be_empty_or_long(store: SessionStore) -> None:
    """No result, and a hundred results with many passages."""
    call(store, search("none"))
    many = tuple(
        shown(f"d{rank}", rank, passages=tuple(range(50)), shingles=tuple(range(500))) for rank in range(1, 101)
    )
    call(store, search("many", shown=many))
    assert len(loaded(store).state().seen) == 100
    assert loaded(store).state().calls == 2
    assert loaded(store).state().seen["d7"].shingles == frozenset(range(500))
    assert page() == ()


def test_a_closed_store_says_so(store: SessionStore) -> None:
    """Closing twice is fine; using it after is an error that leaves the search alive."""
    store.close()
    store.close()
    with pytest.raises(SessionStoreError):
        store.load("t", "s")
    with pytest.raises(SessionStoreError):
        call(store, search("a"))
