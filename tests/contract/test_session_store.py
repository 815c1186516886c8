"""What every SessionStore promises. To join, add a row to STORES (session_stores.py)
that opens a store on (folder, settings, clock). How sessions begin and end, and retries: test_session_store_*.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ranking.types import FeedbackMark, SessionState
from sessions.errors import (
    BranchNotFound,
    EventError,
    HistoryFolded,
    InvalidName,
    SessionStoreError,
)
from sessions.events import Draft
from sessions.fold import Seen, fold
from sessions.store import Committed, SessionStore
from tests.contract.session_stores import call, loaded
from tests.sessions.logs import page, search, shown

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
        assert replace(snapshot.state(reader), goal="") == replace(fold(history.events, reader), goal="")
    assert snapshot.state().seen["x"].calls_ago == 0
    assert snapshot.state().others == {"y": ("r2",), "z": ("r2",)}
    assert snapshot.state("nobody") == replace(
        SessionState(),
        others={"x": ("main",), "y": ("main", "r2"), "z": ("r2",)},
        snapshot_seq=4,
        goal="a",
        marks=(FeedbackMark("x", "cite"),),
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
        assert replace(loaded(store).state(reader), goal="") == replace(fold(whole.events, reader), goal="")
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
        shown(f"d{rank}", rank, passages=tuple(range(50)), shingles=tuple(range(rank, rank + 500)))
        for rank in range(1, 101)
    )
    call(store, search("many", shown=many))
    state = loaded(store).state()
    assert (len(state.seen), state.calls) == (100, 2)
    assert isinstance(state.seen, Seen)
    assert {number for part in state.seen.hashes() for number in part.tolist()} == set(range(1, 600))
    assert page() == ()


def test_a_closed_store_says_so(store: SessionStore) -> None:
    """Closing twice is fine; using it after is an error that leaves the search alive."""
    store.close()
    store.close()
    with pytest.raises(SessionStoreError):
        store.load("t", "s")
    with pytest.raises(SessionStoreError):
        call(store, search("a"))
