"""When a session says that searching on brings little."""

from __future__ import annotations

from ranking.types import SessionState
from sessions.fold import Progress, fold
from sessions.ledger import Gain
from sessions.memory import MemorySessionStore
from sessions.yields import exhausted, gain, low_yield, stop
from tests.sessions.logs import StoppedClock, event, page, search, shown


def test_new_is_what_this_reader_was_not_shown() -> None:
    """Neither the page, nor a near-duplicate of it; with other content it is new again."""
    state = fold([event(1, "x", "y")])
    assert gain(state, page("x", "z")) == (1, 0.98)
    assert gain(state, [shown("copy", score=0.9, cluster="cluster-x")]) == (0, 0.0)
    assert gain(state, [shown("x", score=0.7, content_hash="edited")]) == (1, 0.7)
    assert gain(SessionState(), page("x", "y")) == (2, 0.99)
    assert gain(state, []) == (0, 0.0)


def test_pages_without_a_cluster_are_no_duplicates() -> None:
    """An empty cluster means unknown, not the same."""
    state = fold([event(1, shown=(shown("x", cluster=""),))])
    assert gain(state, [shown("z", score=0.4, cluster="")]) == (1, 0.4)


def test_exhausted_is_a_page_that_unseen_documents_cannot_fill() -> None:
    """Fewer unseen candidates than results asked for."""
    assert exhausted(9, 10)
    assert not exhausted(10, 10)


def test_low_yield_needs_two_weak_calls_in_a_row() -> None:
    """Little new and weak, twice; one strong or fresh call ends it."""
    weak, fresh, strong = Gain(2, 10, 1, 0.2), Gain(2, 10, 5, 0.2), Gain(2, 10, 1, 0.9)
    assert low_yield(Progress(2, 1.0, weak), 10, 1, 0.2)
    assert low_yield(Progress(2, 1.0, weak), 10, 0, 0.0)
    assert low_yield(Progress(2, 1.0, weak), 0, 0, 0.0)
    assert not low_yield(Progress(2, 1.0, fresh), 10, 1, 0.2)
    assert not low_yield(Progress(2, 1.0, strong), 10, 1, 0.2)
    assert not low_yield(Progress(2, 1.0, weak), 10, 5, 0.2)
    assert not low_yield(Progress(2, 1.0, weak), 10, 1, 0.9)


def test_low_yield_is_silent_without_something_to_compare_with() -> None:
    """The first call, and sessions without a positive score."""
    assert not low_yield(Progress(), 10, 0, 0.0)
    assert not low_yield(Progress(1, -1.0, Gain(1, 10, 0, 0.0)), 10, 0, 0.0)


def test_progress_follows_the_log_of_one_reader() -> None:
    """Best score, count and latest search are the reader's own, also after they were folded."""
    store = MemorySessionStore(clock=StoppedClock())
    store.commit("t", "s", [search("a", "x", "y", new=2, best_new=0.99)], lambda seq: b"")
    store.commit("t", "s", [search("b", "x", new=0, reader="r2")], lambda seq: b"")
    snapshot = store.load("t", "s")
    assert snapshot is not None
    assert snapshot.progress() == Progress(1, 0.99, Gain(1, 2, 2, 0.99))
    assert snapshot.progress("r2") == Progress(1, 0.99, Gain(2, 1, 0, 0.0))
    assert snapshot.progress("nobody") == Progress()


def test_stop_speaks_only_when_asked_to() -> None:
    """No rule, no advice; with one, it says whether and why."""
    quiet = {"new": 0, "best_new": 0.0, "exhausted": True}
    assert stop(min_new=0, min_gain=0.0, **quiet) is None  # type: ignore[arg-type]
    said = stop(min_new=2, min_gain=0.3, new=1, best_new=0.25, exhausted=True)
    assert said is not None
    assert said["now"]
    assert all(part in said["reason"] for part in ("1 new", "0.250", "no unseen"))
    assert stop(min_new=2, min_gain=0.3, new=2, best_new=0.3, exhausted=True) == {"now": False, "reason": None}
