"""Every bound of pools, probes and prefetch, once, each with its unit and reason. How much memory pools take is a
setting of the process: FORAGE_POOL_MB (api/settings.py). Per-request knobs: ranking/params.py."""

from __future__ import annotations

from typing import Final

PAGES_SHARE: Final = 0.25
"""Of the memory of pools, for what was shown: a page of ten is 15 KB beside 40 of candidates."""

PINNED_SHARE: Final = 0.5
"""Of the memory of pools, for those of live sessions that nothing may push out: the other half stays common."""

LATEST_CALLS: Final = 3
"""Calls of a session whose pools stay warm beside its first: previous and goal pools hold 83 % of the next top 5."""

WARM_SESSIONS: Final = 10_000
"""Sessions whose pools and predictions are remembered in this process: some KB each."""

PAGES_OF_PASSAGES: Final = 4
"""Pages per pool whose passages stay compared with the query: a session's next page differs from the stateless one."""

TEXTS_OF_A_POOL: Final = 64
"""Ways to write one query that are told apart, 0.1 KB each; all others count as normalised."""

TOUCHED: Final = 128
"""Pools of a session, beyond which those that are gone are no longer remembered, for its DELETE: 0.1 KB each."""

SHARED_BYTES: Final = 1_000
"""Of a pool, page or passage beside its arrays and texts: Python's own objects, rounded up."""

COLUMNS_READ: Final = 4
"""Columns of attributes that a search reads of a pool: what a new pool is taken to weigh before they are."""

NEAR_COSINE: Final = 0.90
"""Two queries are near with at least this cosine ..."""

NEAR_JACCARD: Final = 0.6
"""... and this overlap of tokens, and the same numbers, names and negations. Below .6 half of the top five differ."""

NEAR_LOOKED_AT: Final = 256
"""Pools, the latest first, that a near query is looked for in: some microseconds each."""

NEAR_DEPTH: Final = 100
"""Candidates that a near query borrows, best ranks first: they hold its top five, at half the cost."""

NEAR_PROBE: Final = 20
"""Documents that words alone find anew beside a near query's pool, so that what it lacked can come in."""

PROBE_CANDIDATES: Final = 1_000
"""Documents of a session's pools that a probe scores, best ranks first."""

COLD_PROBE: Final = 100
"""Documents that words alone find for a probe of a session of which nothing is warm."""

MATCHING_JACCARD: Final = 0.6
"""A later query is one that was predicted with at least this overlap of tokens, or ..."""

MATCHING_TOP: Final = 5
"""... with so many of its first results in the pool of the prediction."""

PREFETCHES_A_CALL: Final = 3
"""Guesses after a call, the outlook among them: the contract's number."""

PREFETCH_SHARE: Final = 0.25
"""Of a session's CPU time, for guesses: the contract's number. None begins that would cross it at its usual cost."""

COST_LEARNED: Final = 0.1
"""Weight of the latest guess in what its kind usually costs: about the last twenty count."""

COSTS_KEPT: Final = 1_000
"""Kinds of guesses whose usual cost is known, two a collection."""

SCOUTED: Final = 100
"""Documents that words alone find for the outlook: so many of a pool count when its worth is measured."""

PREFETCH_WAITING: Final = 32
"""Guesses that wait for an idle moment, over all sessions; older ones are dropped: their sessions have moved on."""

QUIET_SECONDS: Final = 0.05
"""Without any request before a guess begins: under load gaps are shorter, between the steps of an agent longer."""

NICENESS: Final = 19
"""Of the thread that prefetches, where threads have one (Linux): the kernel's lowest."""

TRANSITIONS: Final = 10_000
"""Query -> the query that followed, remembered in this process over all tenants."""

GUESSES_KEPT: Final = 16
"""Of a session, so that a follow-up that is offered again is known to be warm."""
