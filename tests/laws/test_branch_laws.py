"""Laws of branches, on real stores: whatever is forked and merged, every reader knows what counting the log by hand gives.

A program is a list of choices; each becomes a commit, a fork or a merge of what there is by then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.events import Draft, Event
from sessions.memory import MemorySessionStore
from sessions.redis import RedisSessionStore
from sessions.settings import DEFAULTS, SessionSettings
from sessions.sqlite import SqliteSessionStore
from sessions.store import SessionStore
from tests.contract.session_stores import call, loaded
from tests.redis_server import BINARY, RedisServer
from tests.sessions.branch_oracle import BranchOracle
from tests.sessions.logs import search

COMMON = settings(max_examples=30, deadline=None)

READERS = (None, "r", "main")

STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=24)
"""Of one step: what (6 commits, 2 forks, 2 merges), two choices, and whether it drifts or forks the past."""

SMALL = replace(DEFAULTS, live_events=4, fold_step=2)
TINY = replace(DEFAULTS, live_events=4, fold_step=2, seen_ids=6, forget_step=1, readers=3)
ROOMY = DEFAULTS


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str | None:
    """Of a Redis, where there is one."""
    server: RedisServer | None = request.getfixturevalue("redis_server") if BINARY else None
    return server.url if server else None


@contextmanager
def stores(
    url: str | None, *bounds: SessionSettings, beside: list[SessionStore] | None = None
) -> Iterator[list[SessionStore]]:
    """Of each of these settings a memory store, an SQLite store, and one in Redis if there is a Redis; empty, or on what
    those `beside` are on."""
    with tempfile.TemporaryDirectory() as own:
        folder = own
        for store in beside or ():
            if isinstance(store, SqliteSessionStore):
                folder = str(store._file.path.parent)
        opened: list[SessionStore] = []
        for number, limits in enumerate(bounds):
            opened += [MemorySessionStore(limits), SqliteSessionStore(Path(folder) / f"{number}.sqlite", limits)]
            if url:
                database = RedisSessionStore(f"{url}?db={number}", limits)
                opened.append(database)
                if beside is None:
                    database.delete("t", "s")
        try:
            yield opened
        finally:
            for store in opened:
                store.close()


def draft(number: int, one: int, two: int, branch: str, drifts: bool) -> Draft:
    """A search of some reader, or feedback."""
    reader = READERS[one % 3]
    if two % 5 == 0:
        return Draft(kind=("open", "cite", "reject")[one % 3], document=f"d{two % 6}", branch=branch, reader=reader)
    documents = dict.fromkeys((f"d{two % 6}", f"d{one % 7}", f"e{number}"))
    return search(f"q{number}", *documents, branch=branch, reader=reader, drifted=drifts)


def run(steps: list[tuple[int, int, int, bool]], opened: list[SessionStore], oracle: BranchOracle) -> list[str]:
    """Does the same to all of them, and writes down for the oracle what was asked for."""
    for store in opened:
        call(store, search("first", "d0"))
    names, seq = ["main"], 1
    for number, (what, one, two, flag) in enumerate(steps):
        if what < 6:
            for store in opened:
                call(store, draft(number, one, two, names[one % len(names)], flag))
            seq += 1
        elif what < 8:
            folded = max(loaded(store).summary.seq for store in opened)
            at = max(folded, two % (seq + 1)) if flag else None
            source = names[one % len(names)]
            made = {store.fork("t", "s", source=source, at=at) for store in opened}
            assert len(made) == 1
            names.append(made.pop().id)
            oracle.forks[names[-1]] = (source, seq if at is None else at)
        elif names[one % len(names)] != names[two % len(names)]:
            source, into = names[one % len(names)], names[two % len(names)]
            assert len({store.merge("t", "s", source=source, into=into) for store in opened}) <= 2
            oracle.merges.append((source, into, seq))
    return names


def log_of(store: SessionStore) -> list[Event]:
    history = store.history("t", "s")
    assert history is not None
    return list(history.events)


@COMMON
@given(STEPS)
def test_every_branch_knows_what_counting_by_hand_gives(
    url: str | None, steps: list[tuple[int, int, int, bool]]
) -> None:
    """Forks of forks, of the past, merges there and back: seen, hints, queries and feedback, in both stores, with the
    log whole and with most of it folded."""
    oracle = BranchOracle()
    with stores(url, ROOMY, SMALL) as opened:
        names = run(steps, opened, oracle)
        log = log_of(opened[0])
        for store in opened:
            snapshot = loaded(store)
            history = store.history("t", "s")
            assert history is not None
            assert history.ledger() == snapshot.ledger
            for branch in names:
                marks = {mark.document: mark.kind for mark in snapshot.state(branch=branch).marks}
                assert marks == oracle.marks(log, branch, snapshot.seq)
                for reader in READERS:
                    state = snapshot.state(reader, branch)
                    seen = {name: (item.seq, item.calls_ago) for name, item in state.seen.items()}
                    asked = oracle.queries(log, reader, branch, snapshot.seq)
                    assert seen == oracle.seen(log, reader, branch, snapshot.seq)
                    assert dict(state.others) == oracle.others(log, reader, branch, snapshot.seq)
                    assert list(state.queries) == asked[-8:]
                    assert state.goal == (asked[0] if asked else "first")


@COMMON
@given(STEPS, st.integers(0, 30))
def test_as_of_is_what_was_known_then(url: str | None, steps: list[tuple[int, int, int, bool]], seq: int) -> None:
    """Also for what was merged since: the past does not know of it."""
    oracle = BranchOracle()
    with stores(url, ROOMY) as opened:
        names = run(steps, opened, oracle)
        log = log_of(opened[0])
        seq = min(seq, len(log))
        history = opened[-1].history("t", "s")
        assert history is not None
        snapshot = replace(loaded(opened[-1]), ledger=history.ledger(as_of=seq))
        for branch in names:
            state = snapshot.state(branch=branch)
            assert {name: item.seq for name, item in state.seen.items()} == {
                name: first for name, (first, _) in oracle.seen(log, None, branch, seq).items()
            }
            assert dict(state.others) == oracle.others(log, None, branch, seq)


@COMMON
@given(
    STEPS,
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_merges_in_any_order_and_repeated_are_equal(
    url: str | None, steps: list[tuple[int, int, int, bool]], pairs: list[tuple[int, int]], random: Any
) -> None:
    """At one seq, whatever was forked and merged before: the order in which merges arrive changes nothing."""
    with stores(url, ROOMY, ROOMY) as opened:
        names = run(steps, opened, BranchOracle())
        merges = [(names[one % len(names)], names[two % len(names)]) for one, two in pairs]
        merges = [pair for pair in merges if pair[0] != pair[1]]
        other = merges * 2
        random.shuffle(other)
        straight, shuffled = opened[1], opened[-1]
        for store, order in ((straight, merges), (shuffled, other)):
            for source, into in order:
                store.merge("t", "s", source=source, into=into)
        for branch in names:
            for reader in READERS:
                assert loaded(straight).state(reader, branch) == loaded(shuffled).state(reader, branch)


@COMMON
@given(STEPS, STEPS, st.integers(0, 40))
def test_a_fork_sees_nothing_that_its_source_does_later(
    url: str | None, before: list[tuple[int, int, int, bool]], after: list[tuple[int, int, int, bool]], choice: int
) -> None:
    """Commits elsewhere, forks and merges between other branches: nothing that is not merged into it reaches it."""
    with stores(url, ROOMY) as opened:
        names = run(before, opened, BranchOracle())
        source = names[choice % len(names)]
        for store in opened:
            store.fork("t", "s", source=source, branch="still")
            call(store, search("later", "z", branch=source))
        held = [loaded(store).state(branch="still") for store in opened]
        seq = loaded(opened[0]).seq
        for number, (what, one, two, flag) in enumerate(after):
            into = names[two % len(names)]
            for store in opened:
                if what < 6:
                    call(store, draft(100 + number, one, two, names[one % len(names)], flag))
                elif names[one % len(names)] != into and loaded(store).seq > seq:
                    store.merge("t", "s", source=names[one % len(names)], into=into)
        for store, state in zip(opened, held, strict=True):
            now = loaded(store).state(branch="still")
            assert replace(now, snapshot_seq=0) == replace(state, snapshot_seq=0)
            assert "z" not in now.seen
            assert "z" not in now.others


@COMMON
@given(STEPS, st.lists(st.booleans(), min_size=24, max_size=24), st.sampled_from((SMALL, TINY)))
def test_two_processes_know_the_same(
    url: str | None, steps: list[tuple[int, int, int, bool]], turns: list[bool], limits: SessionSettings
) -> None:
    """Each with its own memory of the session, on one file and on one Redis: whoever forks the past, merges, folds or
    forgets, the other one's next load is the fold of the log, and its next call goes on from there."""
    with stores(url, limits) as first, stores(url, limits, beside=first) as second:
        for one, other in list(zip(first, second, strict=True))[1:]:  # a memory store is one process
            call(one, search("first", "d0"))
            names = ["main"]
            for number, ((what, choice, place, flag), turn) in enumerate(zip(steps, turns, strict=False)):
                store = one if turn else other
                snapshot = loaded(store)
                source, into = names[choice % len(names)], names[place % len(names)]
                if what < 6:
                    call(store, draft(number, choice, place, source, flag))
                elif what < 8:
                    at = max(snapshot.summary.seq, place % (snapshot.seq + 1)) if flag else None
                    names.append(store.fork("t", "s", source=source, at=at).id)
                elif source != into:
                    store.merge("t", "s", source=source, into=into)
                history = one.history("t", "s")
                assert history is not None
                for each in (one, other):
                    if turn or each is store:  # sometimes the other one is left behind for a while
                        assert (loaded(each).ledger, loaded(each).branches) == (history.ledger(), history.branches)
            # A fork of the past may tell apart what was one id: a commit puts that right.
            call(other, search("last", "z"))
            assert loaded(one).ledger == loaded(other).ledger
            assert loaded(one).ledger.size <= limits.seen_ids
            assert len(loaded(one).ledger.readers) <= limits.readers
