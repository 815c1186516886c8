"""The SessionStore port: forks and merges are pointers, and what a branch knows is a union of events."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sessions.errors import (
    BranchExists,
    BranchNotFound,
    EventError,
    HistoryFolded,
    InvalidName,
    SessionNotFound,
    TooManyBranches,
)
from sessions.events import Branch, Draft
from sessions.store import SessionStore
from tests.contract.session_stores import call, loaded
from tests.sessions.logs import StoppedClock, search


def test_a_fork_goes_on_where_its_source_stood(store: SessionStore) -> None:
    """Its default reader has seen what the source's had, and nothing that came later there."""
    call(store, search("a", "x"))
    assert store.fork("t", "s") == Branch("b2", "main", 1)
    call(store, search("b", "y"))
    call(store, search("c", "z", branch="b2"))
    snapshot = loaded(store)
    assert set(snapshot.state().seen) == {"x", "y"}
    assert set(snapshot.state(branch="b2").seen) == {"x", "z"}
    assert snapshot.state(branch="b2").others == {}


def test_a_fork_of_the_past_knows_no_later_event(store: SessionStore) -> None:
    """At any seq of the log, however much was added since; the whole log is there before and after."""
    for number in range(6):
        call(store, search(f"q{number}", f"d{number}"))
    held = loaded(store)
    assert store.fork("t", "s", at=2, branch="past") == Branch("past", "main", 2)
    assert store.fork("t", "s", at=0, branch="blank") == Branch("blank", "main", 0)
    snapshot = loaded(store)
    assert set(snapshot.state(branch="past").seen) == {"d0", "d1"}
    assert snapshot.state(branch="past").queries == ("q0", "q1")
    assert set(snapshot.state(branch="blank").seen) == set()
    assert set(snapshot.state().seen) == set(held.state().seen)
    assert snapshot.revision > held.revision
    assert [branch.id for branch in held.branches] == ["main"]


def test_a_fork_before_its_source_began_is_a_fork_of_the_sources_source(store: SessionStore) -> None:
    """So a branch never knows less of its parent than its parent's own fork point."""
    for number in range(4):
        call(store, search(f"q{number}", f"d{number}"))
    store.fork("t", "s", at=3, branch="one")
    call(store, search("own", "o", branch="one"))
    assert store.fork("t", "s", source="one", at=2, branch="two") == Branch("two", "main", 2)
    assert store.fork("t", "s", source="one", branch="three") == Branch("three", "one", 5)
    assert set(loaded(store).state(branch="two").seen) == {"d0", "d1"}
    assert set(loaded(store).state(branch="three").seen) == {"d0", "d1", "d2", "o"}


def test_a_merge_gives_hints_and_no_more(store: SessionStore) -> None:
    """What the other branch was shown is named; nothing of it counts as seen. There and back alike."""
    call(store, search("a", "x"))
    store.fork("t", "s", branch="side")
    call(store, search("b", "y", branch="side"), Draft(kind="cite", document="y", branch="side"))
    call(store, search("c", "z"))
    merged = store.merge("t", "s", source="side", into="main")
    assert (merged.id, [(merge.source, merge.upto, merge.at) for merge in merged.merged]) == ("main", [("side", 4, 4)])
    store.merge("t", "s", source="main", into="side")
    main, side = loaded(store).state(), loaded(store).state(branch="side")
    assert (set(main.seen), set(main.others)) == ({"x", "z"}, {"y"})
    assert (set(side.seen), set(side.others)) == ({"x", "y"}, {"z"})
    assert [mark.document for mark in main.marks] == ["y"]
    call(store, search("d", "w", branch="side"))
    assert "w" not in loaded(store).state().others


def test_merging_again_with_nothing_new_is_merging_once(store: SessionStore) -> None:
    """Neither the branch nor the session changes; with something new it does."""
    call(store, search("a", "x"))
    store.fork("t", "s", branch="side")
    call(store, search("b", "y", branch="side"))
    once = store.merge("t", "s", source="side", into="main")
    before = loaded(store)
    assert store.merge("t", "s", source="side", into="main") == once
    assert loaded(store) == before
    for number in range(5):
        call(store, search(f"q{number}", f"d{number}"))
        assert len(store.merge("t", "s", source="side", into="main").merged) == 1
    call(store, search("c", "z", branch="side"))
    assert len(store.merge("t", "s", source="side", into="main").merged) == 2
    assert set(loaded(store).state().others) == {"y", "z"}


def test_forks_and_merges_keep_a_session_alive(store: SessionStore, clock: StoppedClock) -> None:
    """They are use of it, as a search is."""
    call(store, search("a", "x"))
    clock.time += 1_700
    store.fork("t", "s", branch="side")
    clock.time += 1_700
    store.merge("t", "s", source="side", into="main")
    clock.time += 1_700
    assert loaded(store).seq == 1
    clock.time += 101
    with pytest.raises(SessionNotFound):
        store.fork("t", "s")


def test_a_call_under_way_commits_after_a_fork(store: SessionStore) -> None:
    """What it was ranked on is older than the fork; its event still goes where it belongs."""
    call(store, search("a", "x"))
    held = loaded(store)
    store.fork("t", "s", branch="side")
    store.commit("t", "s", [search("b", "y")], lambda seq: b"", snapshot=held)
    assert set(loaded(store).state(branch="side").seen) == {"x"}
    assert set(loaded(store).state().seen) == {"x", "y"}


def test_what_cannot_be_forked_or_merged_is_named(store: SessionStore) -> None:
    """Unknown sessions and branches, names in use, places that are not in the log, a merge with itself."""
    with pytest.raises(SessionNotFound):
        store.fork("t", "s")
    with pytest.raises(SessionNotFound):
        store.merge("t", "s", source="main", into="side")
    call(store, search("a", "x"))
    with pytest.raises(SessionNotFound):
        store.fork("other", "s")
    store.fork("t", "s", branch="side")
    before = loaded(store)
    with pytest.raises(BranchExists):
        store.fork("t", "s", branch="side")
    with pytest.raises(BranchExists):
        store.fork("t", "s", branch="main")
    with pytest.raises(BranchNotFound):
        store.fork("t", "s", source="nope")
    with pytest.raises(BranchNotFound):
        store.merge("t", "s", source="nope", into="main")
    with pytest.raises(BranchNotFound):
        store.merge("t", "s", source="main", into="nope")
    with pytest.raises(EventError):
        store.merge("t", "s", source="side", into="side")
    for at in (-1, 2):
        with pytest.raises(EventError):
            store.fork("t", "s", at=at)
    for bad in ("", "a\nb", "x" * 1_001):
        with pytest.raises(InvalidName):
            store.fork("t", "s", branch=bad)
    assert loaded(store) == before
    store.delete("t", "s")
    with pytest.raises(SessionNotFound):
        store.merge("t", "s", source="side", into="main")


def test_the_folded_past_cannot_be_forked(opened: Callable[..., SessionStore]) -> None:
    """Of the summary only its end is a place; and a fork made in time stays exact while its past is folded."""
    store = opened(live_events=6, fold_step=2)
    for number in range(5):
        call(store, search(f"q{number}", f"d{number}"))
    store.fork("t", "s", at=3, branch="early")
    for number in range(5, 12):
        call(store, search(f"q{number}", f"d{number}"))
    folded = loaded(store).summary.seq
    assert folded > 3
    assert set(loaded(store).state(branch="early").seen) == {"d0", "d1", "d2"}
    with pytest.raises(HistoryFolded):
        store.fork("t", "s", at=folded - 1)
    store.fork("t", "s", at=folded, branch="late")
    assert len(loaded(store).state(branch="late").seen) == folded
    history = store.history("t", "s")
    assert history is not None
    assert history.ledger() == loaded(store).ledger


def test_thirty_two_branches_and_no_more(store: SessionStore) -> None:
    """The trunk is one of them. Minted names pass over names in use."""
    call(store, search("a", "x"))
    store.fork("t", "s", branch="b3")
    minted = [store.fork("t", "s").id for _ in range(30)]
    assert minted == ["b2", *(f"b{number}" for number in range(4, 33))]
    with pytest.raises(TooManyBranches):
        store.fork("t", "s")
    assert len(loaded(store).branches) == 32


def test_ten_thousand_merges_stay_within_the_bounds(opened: Callable[..., SessionStore]) -> None:
    """The same with small bounds and fewer calls: pointers and trails that nothing depends on are given up."""
    store = opened(live_events=20, fold_step=5, seen_ids=30, forget_step=3, readers=4, merges=100)
    call(store, search("a", "x"))
    store.fork("t", "s", branch="side")
    for number in range(120):
        call(store, search(f"q{number}", f"d{number}", branch="side"))
        store.merge("t", "s", source="side", into="main")
        call(store, search(f"r{number}", f"e{number}"))
        store.merge("t", "s", source="main", into="side")
        snapshot = loaded(store)
        assert snapshot.seq - snapshot.summary.seq <= 20
        assert snapshot.ledger.size <= 30
        assert sum(len(branch.merged) for branch in snapshot.branches) <= 60
        assert len(snapshot.ledger.trails) <= 70
        assert f"d{number}" in snapshot.state().others
    history = store.history("t", "s")
    assert history is not None
    assert history.ledger() == loaded(store).ledger


def test_what_was_asked_on_the_running_topic_is_remembered(store: SessionStore) -> None:
    """The reader's own queries since it drifted last, the latest eight, with what the topic began with."""
    for number in range(3):
        call(store, search(f"old {number}"))
    call(store, search("another reader's", reader="r2"))
    state = loaded(store).state()
    assert (state.goal, state.queries) == ("old 0", ("old 0", "old 1", "old 2"))
    for number in range(10):
        call(store, search(f"new {number}", drifted=number == 0))
    state = loaded(store).state()
    assert (state.goal, state.queries) == ("new 0", tuple(f"new {number}" for number in range(2, 10)))
    assert loaded(store).state("r2").queries == ("another reader's",)
    assert loaded(store).state("r3").goal == "old 0"
    call(store, search("with an objective"), objective="the aim")
    assert loaded(store).state().goal == "the aim"


def test_a_merge_that_a_fork_depends_on_is_kept(opened: Callable[..., SessionStore]) -> None:
    """A later merge of the same source stands for it on the branch itself, not on what was forked in between."""
    store = opened(live_events=4, fold_step=2)
    call(store, search("a", "x"))
    store.fork("t", "s", branch="side")
    call(store, search("b", "y", branch="side"))
    store.merge("t", "s", source="side", into="main")
    store.fork("t", "s", branch="between")
    for number in range(12):
        call(store, search(f"q{number}", f"d{number}", branch="side"))
        store.merge("t", "s", source="side", into="main")
    assert loaded(store).summary.seq > 8
    assert set(loaded(store).state(branch="between").others) == {"y"}
    assert len(loaded(store).branches[0].merged) < 8


def test_merging_again_gives_nothing_to_an_earlier_fork(store: SessionStore) -> None:
    """Not even what comes to the source by a merge of its own afterwards."""
    call(store, search("a", "x"))
    for name in ("side", "other"):
        store.fork("t", "s", branch=name)
    call(store, search("b", "y", branch="other"))
    store.merge("t", "s", source="side", into="main")
    store.fork("t", "s", branch="early")
    call(store, search("c", "z"))
    store.merge("t", "s", source="side", into="main")
    store.merge("t", "s", source="other", into="side")
    assert set(loaded(store).state().others) == {"y"}
    assert loaded(store).state(branch="early").others == {}
