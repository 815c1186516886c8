"""What tests of RedisSessionStore share: other processes that write, and looks into Redis itself."""

from __future__ import annotations

from collections.abc import Callable

from sessions.redis import RedisSessionStore
from sessions.store import SessionStore
from tests.redis_server import RedisServer

Opener = Callable[..., RedisSessionStore]

WRITER = """
    import sys
    from dataclasses import replace
    from sessions.redis import RedisSessionStore
    from sessions.settings import DEFAULTS
    from tests.sessions.logs import search
    url, name, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    settings = replace(DEFAULTS, live_events=10, fold_step=3, seen_ids=40, redis_read_seconds=20)
    store = RedisSessionStore(url, settings)
    for number in range(calls):
        snapshot = store.load("t", "s")
        documents = [f"{name}-{number}-{i}" for i in range(3)]
        drafts = [search(f"q{number}", *documents, reader=name)]
        done = store.commit("t", "s", drafts, lambda seq: b"x" * 5000, snapshot=snapshot)
        print(done.seq, flush=True)
    store.close()
"""

SAME_REQUEST = """
    import sys
    from concurrent.futures import ThreadPoolExecutor
    from dataclasses import replace
    from sessions.idempotency import Replay
    from sessions.redis import RedisSessionStore
    from sessions.settings import DEFAULTS
    from tests.sessions.logs import search
    url, name = sys.argv[1:]
    store = RedisSessionStore(url, replace(DEFAULTS, redis_read_seconds=20))
    def one(number):
        outcome = store.begin("t", "r", "b")
        if isinstance(outcome, Replay):
            return outcome.answer
        answer = f"by {name} {number}".encode()
        return store.commit("t", "s", [search("a", "x")], lambda seq: answer, claim=outcome.claim).answer
    sys.stdin.readline()
    with ThreadPoolExecutor(16) as pool:
        print(*sorted({answer.decode() for answer in pool.map(one, range(16))}), sep="|")
    store.close()
"""


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


def names(server: RedisServer, pattern: str = "*") -> list[str]:
    with server.client() as client:
        return sorted(name.decode("ascii") for name in client.keys(pattern))
