"""Latency as the agent felt it: given the wall time of each call, returns its percentiles.

Times, and the time of day, differ from run to run: they stand beside measures, never among them, and nothing that must
be the same for the same seed reads them. They are times of a machine that did `threads` things at once; only times of
one machine at one time can be compared. Not for load tests (bench/).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import numpy as np

DIGITS: Final = 3
"""Of a time in milliseconds: microseconds, less is noise."""
VOLATILE: Final = ("latency", "measured_at")
"""Keys of a summary that are another time in another run."""
Result = TypeVar("Result")


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """What the call returns, and its wall time in milliseconds."""
    started = time.perf_counter()
    result = call()
    return result, round(1e3 * (time.perf_counter() - started), DIGITS)


def now() -> str:
    """When something was measured: seconds, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def lasting(body: Mapping[str, Any]) -> dict[str, Any]:
    """A summary without its times: what the same seed must give again."""
    return {key: value for key, value in body.items() if key not in VOLATILE}


def percentiles(times: Sequence[float], threads: int) -> dict[str, Any]:
    """p50, p95 and mean in milliseconds; null without any times."""
    if not times:
        return {"calls": 0, "threads": threads, "p50": None, "p95": None, "mean": None}
    p50, p95 = np.quantile(np.array(times), [0.5, 0.95])
    return {
        "calls": len(times),
        "threads": threads,
        "p50": round(float(p50), DIGITS),
        "p95": round(float(p95), DIGITS),
        "mean": round(float(np.mean(times)), DIGITS),
    }


def of_systems(timed_calls: Iterable[tuple[str, Iterable[float | None]]], threads: int) -> dict[str, Any]:
    """system -> percentiles of its calls, whoever asked; calls whose time was not written down are left out."""
    gathered: dict[str, list[float]] = {}
    for system, times in timed_calls:
        gathered.setdefault(system, []).extend(ms for ms in times if ms is not None)
    return {system: percentiles(times, threads) for system, times in gathered.items()}
