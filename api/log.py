"""The log of a process: given an event and its fields, writes one JSON line on standard error.

structlog, imported at the first line that is logged: it brings a console renderer, a fifth of a second of every start,
and a server that has nothing to say needs none. Not for answers: what a caller must know is in `notices`.
"""

from __future__ import annotations

import functools
import sys
from typing import Any


@functools.cache
def _logger() -> Any:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return structlog.get_logger()


def warning(event: str, **fields: Any) -> None:
    """Something was given up that a caller asked for."""
    _logger().warning(event, **fields)


def error(event: str, **fields: Any) -> None:
    """A request failed and the fault is ours."""
    _logger().error(event, **fields)


def exception(event: str, **fields: Any) -> None:
    """As `error`, with the traceback of the exception being handled."""
    _logger().exception(event, **fields)
