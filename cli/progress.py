"""Progress of long work: given (done, total, note) calls, shows a bar on a terminal and plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY_S: Final = 5.0
"""Plain lines come at most so often: a log is read by people too."""


class Reporter:
    """A context manager; `update` may be called as often as one likes."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._last_line = 0.0
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        if self._terminal:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._progress.add_task(self._what, total=None)
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def update(self, done: int, total: int | None, note: str = "") -> None:
        """`done` of `total` (None: unknown) so far."""
        if self._progress:
            description = f"{self._what} {note}".strip()
            self._progress.update(self._task, completed=done, total=total, description=description)
            return
        now = time.monotonic()
        if now - self._last_line < LINE_EVERY_S and done != total:
            return
        self._last_line = now
        elapsed = now - self._started
        rate = done / elapsed if elapsed else 0.0
        left = f", {(total - done) / rate:.0f} s left" if total and rate and total > done else ""
        of = f" of {total}" if total else ""
        print(f"{self._what}: {done}{of} ({rate:.1f}/s{left}) {note}".rstrip(), file=sys.stderr, flush=True)
