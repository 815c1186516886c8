"""What ranking may refuse.

ForageError                      every error of ours; `code` is stable, messages are for people
├── RankingError
│   ├── QueryError               the query text cannot be searched (empty, too long)
│   ├── ParamsError              a parameter is wrong; `path` says which, `hint` what would work
│   │   └── ExpressionError      a score expression is wrong; the message says at which character
│   └── SignalError              a signal came out non-finite or out of range: a defect of ours
(other packages hang their own trees below ForageError in their errors.py)
"""

from __future__ import annotations

from typing import Any


class ForageError(Exception):
    """Base of all. `status` is the HTTP status that one place (api/http/errors.py) maps it to."""

    code = "internal_error"
    status = 500
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        hint: str | None = None,
        did_you_mean: str | None = None,
        corrected_request: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint
        self.did_you_mean = did_you_mean
        self.corrected_request = corrected_request


class RankingError(ForageError):
    """Anything that ranking raises."""


class QueryError(RankingError):
    code = "invalid_query"
    status = 422


class ParamsError(RankingError):
    code = "invalid_parameter"
    status = 422


class ExpressionError(ParamsError):
    """`corrected_expression` is the whole expression with the fault repaired; None when no repair is known."""

    code = "invalid_expression"

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        hint: str | None = None,
        did_you_mean: str | None = None,
        corrected_expression: str | None = None,
    ) -> None:
        super().__init__(message, path=path, hint=hint, did_you_mean=did_you_mean)
        self.corrected_expression = corrected_expression


class SignalError(RankingError):
    code = "signal_error"
    status = 500
