"""What pools, follow-ups and prefetch do, in Prometheus' default registry: GET /metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

RECALLS: Final = Counter(
    "forage_pool_recalls_total", "Recalls by how they were answered: exact, normalised, near, joined, miss", ["tier"]
)
POOLS: Final = Gauge("forage_pools", "Candidate pools in memory")
BYTES: Final = Gauge("forage_pool_bytes", "Bytes of candidate pools in memory")
GUESSES: Final = Counter(
    "forage_prefetch_total",
    "Guesses by what became of them: issued, dropped (a request came), used, late (used before it was ready), unused",
    ["outcome"],
)
GUESSED_MS: Final = Counter("forage_prefetch_cpu_ms_total", "CPU milliseconds of guesses: all, used, wasted", ["use"])
SAVED_MS: Final = Histogram(
    "forage_prefetch_saved_ms", "Milliseconds that a used guess saved", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
FOLLOW_UPS: Final = Counter(
    "forage_follow_ups_total", "Calls for which a predictor had proposed something, and how often it was right",
    ["predictor", "outcome"],
)  # fmt: skip
