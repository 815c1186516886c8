"""The process that reads pages: `python -m crawler.worker FD`, given tasks on a socket, answers one by one.

Started by pool.py, never by hand. A page that runs too long is interrupted; one that hangs outside Python, crashes
or eats the memory ends this process, and the pool starts another and goes on with the next page. Ends when its
socket closes, so it cannot outlive the crawl.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from types import FrameType
from typing import Any

from crawler.reading import Extractor, Links, Reading, Task, read
from ranking.types import Link

ForkingPickler.register(Link, lambda link: (Link, (link.url, link.text, link.nofollow)))
"""A page has a hundred links: as plain arguments they cost a tenth of what a frozen dataclass costs to pickle."""

GRACE_S = 2.0  # between the interrupt and the end of a process that does not react


class _TooLong(BaseException):
    """The time cap of a page; not an Exception, so that no handler inside a parser swallows it."""


def load_extractor(name: str) -> Extractor:
    """The function that `module:function` names."""
    module, _, function = name.partition(":")
    extractor: Extractor = getattr(importlib.import_module(module), function)
    return extractor


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise _TooLong


def _answer(task: Task, links: Links, extract: Extractor) -> Reading | str:
    """The reading, or why there is none."""
    settings = links.settings
    try:
        signal.setitimer(signal.ITIMER_REAL, settings.page_seconds)
        try:
            return read(task, links, extract)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TooLong:
        return f"not read after {settings.page_seconds:g} s"
    except MemoryError:
        return "needs too much memory to be read"
    except RecursionError:
        return "nested too deep to be read"
    except Exception as error:
        return f"cannot be read: {type(error).__name__}: {error}"[:500]


def serve(connection: Connection) -> None:
    """Answers batches of (scope, settings, tasks) until the other side is gone."""
    extractor, memory = connection.recv()
    extract = load_extractor(extractor)
    # Only now: imports may need more than a page may.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    signal.signal(signal.SIGALRM, _interrupt)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the crawl decides when to stop
    connection.send("ready")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # nobody reads it from here on: a full pipe would stop us
    links: Links | None = None
    while True:
        try:
            scope, settings, tasks = connection.recv()
        except (EOFError, OSError):
            return
        if links is None or links.scope != scope or links.settings != settings:
            links = Links(scope, settings)
        for task in tasks:
            faulthandler.dump_traceback_later(settings.page_seconds + GRACE_S, exit=True)
            answer: Any = _answer(task, links, extract)
            faulthandler.cancel_dump_traceback_later()
            try:
                connection.send(answer)
            except (BrokenPipeError, ConnectionResetError):
                return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
