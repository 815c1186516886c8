"""Who sees what: readers, forks, merges, hints, and the views that answer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranking.identity import number_of
from ranking.types import SeenDocument, SessionState, Shown, ShownClusters, ShownDocuments
from sessions.errors import BranchNotFound
from sessions.events import TRUNK, Branch, Merge
from sessions.fold import Seen, fold, state_of
from sessions.ledger import EMPTY, advance
from tests.sessions.logs import event, shown


def test_two_readers_do_not_share_what_they_saw() -> None:
    """What sub-agent A was shown, B has not seen; it is at most a hint."""
    log = [event(1, "x", reader="a"), event(2, "y", reader="b")]
    assert set(fold(log, "a").seen) == {"x"}
    assert set(fold(log, "b").seen) == {"y"}
    assert fold(log, "b").others == {"x": ("a",)}
    assert fold(log).others == {"x": ("a",), "y": ("b",)}


def test_calls_ago_counts_this_readers_searches() -> None:
    """0 for the latest call; other readers' calls and feedback do not age anything."""
    log = [
        event(1, "x"),
        event(2, "y"),
        event(3, "q", reader="b"),
        event(4, kind="cite", document="x"),
        event(5),
    ]
    state = fold(log)
    assert {name: seen.calls_ago for name, seen in state.seen.items()} == {"x": 2, "y": 1}
    assert state.calls == 3


def test_near_duplicates_name_the_first_document_shown() -> None:
    """Of one cluster, the one that came first, by seq then rank."""
    first = (shown("late", 2, cluster="c"), shown("early", 1, cluster="c"))
    log = [event(1, shown=first), event(2, shown=(shown("later", 1, cluster="c"),))]
    assert fold(log).clusters == {"c": "early"}


def test_a_fork_goes_on_where_its_parent_stood() -> None:
    """The fork's default reader has seen what main's had up to the fork; then each goes its way."""
    branches = (TRUNK, Branch("fork", "main", 1))
    log = [event(1, "x"), event(2, "after"), event(3, "own", branch="fork", reader="fork")]
    fork, main = fold(log, branch="fork", branches=branches), fold(log, branches=branches)
    assert set(fork.seen) == {"x", "own"}
    assert fork.others == {}
    assert (fork.seen["x"].calls_ago, fork.seen["own"].calls_ago) == (1, 0)
    assert set(main.seen) == {"x", "after"}
    assert main.others == {}


def test_a_fork_of_a_fork_reaches_back_through_both() -> None:
    """Its default reader has the whole line of default readers behind it."""
    branches = (TRUNK, Branch("one", "main", 1), Branch("two", "one", 3))
    log = [
        event(1, "a"),
        event(2, "hidden"),
        event(3, "b", branch="one", reader="one"),
        event(4, "hidden too", branch="one", reader="one"),
        event(5, "c", branch="two", reader="two"),
    ]
    assert set(fold(log, branch="two", branches=branches).seen) == {"a", "b", "c"}


def test_a_named_reader_keeps_its_own_eyes_on_a_fork() -> None:
    """A reader with a name of its own has seen on the fork what it was shown before it, not what main was."""
    branches = (TRUNK, Branch("fork", "main", 2))
    log = [event(1, "x"), event(2, "y", reader="r"), event(3, "z", branch="fork", reader="r")]
    state = fold(log, "r", "fork", branches=branches)
    assert set(state.seen) == {"y", "z"}
    assert state.others == {"x": ("main",)}


def test_a_merge_gives_hints() -> None:
    """What the fork showed is in `others` of main from the merge on, and not in its seen."""
    log = [event(1, "x"), event(2, "y", branch="fork", reader="fork"), event(3, "later", branch="fork", reader="fork")]
    branches = (Branch("main", merged=(Merge("fork", 2, 3),)), Branch("fork", "main", 1))
    state = fold(log, branches=branches)
    assert set(state.seen) == {"x"}
    assert state.others == {"y": ("fork",)}
    assert fold(log, branches=branches, as_of=2).others == {}


def test_an_unknown_branch_is_named_with_those_there_are() -> None:
    """The error says what would work."""
    with pytest.raises(BranchNotFound) as caught:
        fold([], branch="nope", branches=(TRUNK, Branch("fork", "main", 0)))
    assert caught.value.hint == "branches: fork, main"


def test_recent_documents_come_latest_first() -> None:
    """The engine's key to the vectors of what was shown, for novelty; also where a fork goes on from its parent."""
    log = [
        event(1, shown=(shown("x", 1, passages=(3, 1)), shown("y", 2, passages=(0,)))),
        event(2, shown=(shown("z", 1, passages=(2,)),)),
        event(3, shown=(shown("y", 1, passages=(5,)),)),
    ]
    seen = fold(log).seen
    assert isinstance(seen, Seen)
    assert [(one.document, sorted(one.passages)) for one in seen.recent()] == [("y", [0, 5]), ("z", [2]), ("x", [1, 3])]
    on_fork = event(4, shown=(shown("w", 1), shown("z", 2)), branch="fork", reader="fork")
    forked = fold([*log, on_fork], branch="fork", branches=(TRUNK, Branch("fork", "main", 2))).seen
    assert isinstance(forked, Seen)
    assert [one.document for one in forked.recent()] == ["w", "z", "x", "y"]


def numbers(seen: Mapping[str, SeenDocument]) -> set[int]:
    """Of all arrays of shingles, every other of which ascends."""
    assert isinstance(seen, Seen)
    parts = seen.hashes()
    assert all((part[:-1] <= part[1:]).all() for part in parts[::2])
    return {number for part in parts for number in part.tolist()}


def test_shingles_of_all_that_was_shown() -> None:
    """Every version of every document, of every trail of the reader; nobody else's."""
    log = [
        event(1, shown=(shown("x", shingles=(1, 2)), shown("y", shingles=(3,)))),
        event(2, shown=(shown("x", content_hash="new", shingles=(4,)),)),
        event(3, shown=(shown("z", shingles=(9,)),), reader="other"),
        event(4, shown=(shown("w", shingles=(2**32 - 1,)),), branch="fork", reader="fork"),
    ]
    seen = fold(log).seen
    forked = fold(log, branch="fork", branches=(TRUNK, Branch("fork", "main", 1))).seen
    assert numbers(seen) == {1, 2, 3, 4}
    assert numbers(forked) == {1, 2, 3, 2**32 - 1}


SHOWN = st.builds(
    lambda place, version, shingles: shown(
        f"d{place}", content_hash=f"{version}", cluster=f"c{place // 3}", shingles=tuple(shingles)
    ),
    st.integers(0, 60),
    st.integers(0, 1),
    st.sets(st.integers(0, 2**32 - 1), max_size=3),
)


@given(st.lists(st.lists(SHOWN, max_size=8), max_size=30), st.sets(st.integers(0, 70)))
def test_views_answer_for_many_as_for_one(pages: list[list[Shown]], asked: set[int]) -> None:
    """However the log grew: by one event at a time, as a live session does, or at once."""
    log = [event(seq, shown=tuple(page)) for seq, page in enumerate(pages, start=1)]
    grown = EMPTY
    for one in log:
        grown = advance(grown, [one])
        hashes_of(state_of(grown))  # what is derived between two events must not stay behind
    names = [f"d{place}" for place in asked]
    clusters = {number_of(f"c{place}"): f"c{place}" for place in asked}
    for state in (state_of(grown), fold(log)):
        assert isinstance(state.seen, ShownDocuments)
        assert isinstance(state.clusters, ShownClusters)
        known = {row: state.seen[name] for row, name in enumerate(names) if name in state.seen}
        signs = state.seen.signs(names)
        assert signs == {row: (record.calls_ago, record.content_hash) for row, record in known.items()}
        assert list(signs) == sorted(known)
        first = {number: state.clusters[name] for number, name in clusters.items() if name in state.clusters}
        assert state.clusters.numbered(clusters.keys()) == first
        assert numbers(state.seen) == {number for page in pages for one in page for number in one.shingles}


def hashes_of(state: SessionState) -> None:
    numbers(state.seen)
    assert isinstance(state.clusters, ShownClusters)
    state.clusters.numbered([1])


def test_views_behave_like_dictionaries() -> None:
    """Absent keys, truth, length and equality."""
    state, empty = fold([event(1, "x")]), fold([])
    assert not empty.seen
    assert state.seen
    assert (len(state.seen), len(state.clusters), len(state.others)) == (1, 1, 0)
    assert state.seen.get("nope") is None
    assert state.seen.get("nope", 7) == 7  # type: ignore[call-overload]
    for view in (state.seen, state.clusters, state.others):
        with pytest.raises(KeyError):
            view["nope"]
    assert "Seen({'x'" in repr(state.seen)


def test_ten_thousand_calls_fold_without_growing() -> None:
    """The seqs of calls are counted on, but only the latest 2,000 are kept; ages saturate there."""
    ledger = advance(EMPTY, [event(1, "old")])
    for start in range(2, 5_002, 500):
        ledger = advance(ledger, [event(seq, "x") for seq in range(start, start + 500)])
    (trail,) = ledger.trails.values()
    assert (trail.total, len(trail.calls)) == (5_001, 2_000)
