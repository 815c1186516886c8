"""What tests of SqliteSessionStore share: calls on a store, other processes, and patience."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sessions.errors import SessionStoreError
from sessions.events import Draft
from sessions.idempotency import Claim
from sessions.sqlite import SqliteSessionStore

T = TypeVar("T")

ROOT = Path(__file__).parents[2]

Opener = Callable[..., SqliteSessionStore]


def call(store: SqliteSessionStore, *drafts: Draft, session: str = "s", claim: Claim | None = None) -> int:
    snapshot = store.load("t", session)
    return store.commit("t", session, drafts, lambda seq: b"answer %d" % seq, snapshot=snapshot, claim=claim).seq


def assert_consistent(store: SqliteSessionStore, session: str = "s") -> int:
    """The log has no gap, the kept fold is the fold of the log; returns the last seq."""
    history, snapshot = store.history("t", session), store.load("t", session)
    assert history is not None
    assert snapshot is not None
    seqs = [event.seq for event in history.events]
    assert seqs == list(range(history.summary.seq + 1, history.summary.seq + 1 + len(seqs)))
    assert history.ledger() == snapshot.ledger
    assert snapshot.seq == (seqs[-1] if seqs else history.summary.seq)
    return snapshot.seq


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python process with the project on its path."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str], timeout: float = 60) -> str:
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    return out


WRITER = """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from sessions.settings import DEFAULTS
    from sessions.sqlite import SqliteSessionStore
    from tests.sessions.logs import search
    path, name, calls = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = SqliteSessionStore(path, replace(DEFAULTS, live_events=10, fold_step=3, seen_ids=40, busy_seconds=20))
    for number in range(calls):
        snapshot = store.load("t", "s")
        documents = [f"{name}-{number}-{i}" for i in range(3)]
        drafts = [search(f"q{number}", *documents, reader=name)]
        done = store.commit("t", "s", drafts, lambda seq: b"x" * 5000, snapshot=snapshot)
        print(done.seq, flush=True)
    store.close()
"""


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
