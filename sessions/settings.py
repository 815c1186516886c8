"""Every bound and default of sessions, once, each with its unit and reason. Per-request knobs: ranking/params.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


def row(default: Any, unit: str, reason: str) -> Any:
    """A setting whose unit and reason go into the generated table."""
    return field(default=default, metadata={"unit": unit, "reason": reason})


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How long a session lives and how large it may grow."""

    idle_seconds: float = row(
        1_800.0, "s", "89 % of agents' steps follow within a minute; half an hour covers a pause for a person"
    )
    max_seconds: float = row(86_400.0, "s", "research of a day; what must last longer is exported")
    tombstone_seconds: float = row(
        86_400.0, "s", "so long an expired id is answered with session_expired, not as a new one"
    )
    answer_seconds: float = row(900.0, "s", "the window of idempotent retries, and of replay from stored bytes")
    repeat_seconds: float = row(120.0, "s", "the same body from the same reader within this is a retry without an id")
    live_events: int = row(500, "events", "longest log kept whole; older events are folded into the summary")
    fold_step: int = row(
        50, "events", "events folded at once: a fold looks at all that is known, 3 to 9 ms, so it is rare"
    )
    seen_ids: int = row(2_000, "ids", "documents remembered per session over all readers, 1 KB each in memory")
    forget_step: int = row(200, "ids", "forgotten at once when seen_ids is exceeded: a tenth, so that few commits pay")
    readers: int = row(64, "readers", "context windows per session; beyond, the one idle longest is forgotten")
    branches: int = row(
        32, "branches", "forks per session: a search for what a branch knows visits each; an agent tree has about ten"
    )
    merges: int = row(
        256, "merges", "pointers per session, 30 bytes each; those that no answer depends on any more do not count"
    )
    join_seconds: float = row(30.0, "s", "how long a retry waits for the first call before it is told to come back")
    claim_seconds: float = row(
        10.0,
        "s",
        "after this another process takes over a request whose worker may have died; "
        "harmless when it lives, for the first commit wins",
    )
    stale_flight_seconds: float = row(
        660.0, "s", "longest budget.ms and a minute: an owner that never reported is given up"
    )
    busy_seconds: float = row(1.0, "s", "wait for SQLite's write lock; a commit holds it about 1 ms")
    redis_connect_seconds: float = row(
        0.1, "s", "to connect, and to ask whether Redis is back: a search must not wait for its session"
    )
    redis_read_seconds: float = row(
        0.5, "s", "for an answer of Redis: a full log takes it some 5 ms, and another process may be at its turn"
    )
    redis_answers: int = row(
        8,
        "answers",
        "of a session, without a request id, that Redis keeps for replay: 10 KB each; others are made anew",
    )
    redis_pause_seconds: float = row(1.0, "s", "so long nothing is asked of a Redis that did not answer")
    cached_exposures: int = row(100_000, "ids", "folded sessions kept in this process: about 100 MB at most")
    sweep_seconds: float = row(30.0, "s", "how often a commit also erases what has expired")
    sweep_rows: int = row(500, "rows", "erased per sweep: keeps the write lock below 10 ms")


DEFAULTS: Final = SessionSettings()

FIRST_PAUSE_SECONDS: Final = 0.005
"""Between two looks at a request that another process answers; each pause is twice the one before."""

LONGEST_PAUSE_SECONDS: Final = 0.1
"""The last of those pauses: ten looks a second cost a store nothing."""

COUNTED_CALLS: Final = 2_000
"""calls_ago saturates here: demotion, which halves every 6 calls by default, has long decayed."""

ASKED_QUERIES: Final = 8
"""Queries of the running topic that are remembered; more only add noise to a profile (measured)."""

WEAK_SHARE: Final = 0.2
"""A call is weak when fewer of its results are new than this share ... (starting point, not yet tuned)."""

WEAK_SCORE: Final = 0.35
"""... and its best new score is below this factor of the best score the reader was ever shown."""

MAX_NAME_CHARACTERS: Final = 1_000
"""Longest id, reader, branch or request id: other search APIs allow session ids of 1,000 characters."""
