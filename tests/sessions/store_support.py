"""What tests of the stores that keep sessions share: what a log must be, what other processes write, and patience."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sessions.errors import SessionStoreError
from sessions.store import SessionStore

T = TypeVar("T")

WRITING = """
    for number in range(calls):
        snapshot = store.load("t", "s")
        documents = [f"{name}-{number}-{i}" for i in range(3)]
        drafts = [search(f"q{number}", *documents, reader=name)]
        done = store.commit("t", "s", drafts, lambda seq: b"x" * 5000, snapshot=snapshot)
        print(done.seq, flush=True)
    store.close()
"""
"""Behind a script that opens `store`, and has `search` of logs.py, a `name` and how many `calls`."""


def assert_consistent(store: SessionStore, session: str = "s") -> int:
    """The log has no gap, the kept fold is the fold of the log; returns the last seq."""
    history, snapshot = store.history("t", session), store.load("t", session)
    assert history is not None
    assert snapshot is not None
    seqs = [event.seq for event in history.events]
    assert seqs == list(range(history.summary.seq + 1, history.summary.seq + 1 + len(seqs)))
    assert history.ledger() == snapshot.ledger
    assert snapshot.seq == (seqs[-1] if seqs else history.summary.seq)
    return snapshot.seq


def before_long(work: Callable[[], T]) -> T:
    """Its result, once the store looks at the file again: a refusal holds for as long as finding it out took."""
    until = time.monotonic() + 10
    while True:
        try:
            return work()
        except SessionStoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
