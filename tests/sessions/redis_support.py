"""What tests of RedisSessionStore share: other processes that write, and looks into Redis itself."""

from __future__ import annotations

from collections.abc import Callable

from sessions.redis import RedisSessionStore
from tests.redis_server import RedisServer
from tests.sessions.store_support import WRITING

Opener = Callable[..., RedisSessionStore]

WRITER = (
    """
    import sys
    from dataclasses import replace
    from sessions.redis import RedisSessionStore
    from sessions.settings import DEFAULTS
    from tests.sessions.logs import search
    url, name, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    settings = replace(DEFAULTS, live_events=10, fold_step=3, seen_ids=40, redis_read_seconds=20)
    store = RedisSessionStore(url, settings)
"""
    + WRITING
)

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


def names(server: RedisServer, pattern: str = "*") -> list[str]:
    with server.client() as client:
        return sorted(name.decode("ascii") for name in client.keys(pattern))
