"""The wall clock: the default of every store; tests bring their own."""

from __future__ import annotations

import time


class SystemClock:
    """`ranking.ports.Clock` over the machine's clock."""

    def now(self) -> float:
        return time.time()
