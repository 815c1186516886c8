"""Two things at once: given work that lets go of the interpreter lock (faiss, onnxruntime), runs it in another thread
while the caller goes on; on one core, when its result is asked for. Not for work in Python: that only waits its turn.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

CORES: Final = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_LOCK: Final = threading.Lock()
_POOL: list[ThreadPoolExecutor] = []


def beside(work: Callable[[], T]) -> Callable[[], T]:
    """Start it; the returned function waits for its result, or raises what it raised. Call that once."""
    if CORES < 2:
        return work
    return _pool().submit(work).result


def _pool() -> ThreadPoolExecutor:
    if not _POOL:
        with _LOCK:
            if not _POOL:
                _POOL.append(ThreadPoolExecutor(CORES, thread_name_prefix="beside"))
    return _POOL[0]
