"""Measures of processes and of lists of numbers: given a process id or values, returns milliseconds, MB, quantiles.

CPU time and memory are Linux's own accounts in /proc, threads and ended threads included. Not for timing a block: that
is two calls of time.perf_counter().
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

TICKS: Final = os.sysconf("SC_CLK_TCK")
MIB: Final = 1024 * 1024


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, to 1/100 s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    """Resident memory, mapped files that were read included, in MB of 2^20 bytes."""
    return _status(pid, "VmRSS") / 1024


def private_mb(pid: int) -> float:
    """The part of it that is no mapped file."""
    return _status(pid, "RssAnon") / 1024


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ProcessLookupError(f"/proc/{pid}/status has no {name}")


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found.extend(map(int, task.read_text().split()))
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile; `share` 0.5 is the median."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)]


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)
