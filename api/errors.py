"""What the engine's doors may refuse, beyond the trees of the packages below.

ForageError
└── ApiError
    ├── MalformedRequestError    the body is not what was promised (JSON)
    ├── UnsupportedMediaTypeError  a content type that this path does not read
    ├── InvalidRequestError      a field is unknown, of a wrong type or out of range
    ├── NotFoundError            a collection, session, generation, document or profile that is not there
    ├── AlreadyExistsError       a name that is taken
    ├── ConflictingRetryError    one request_id with two bodies
    ├── GoneError                an answer whose bytes are not kept, and that cannot be made again as it was
    ├── NotInstalledError        an optional part of Forage that this installation does not have
    ├── BodyTooLargeError
    ├── UnauthorizedError        no key, or one nobody was given
    ├── DeadlineError            a budget of time or postings is spent; what was found until then is in `results`
    └── OverloadedError          too many requests wait already
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ranking.errors import ForageError
from ranking.shown import cut

MESSAGE_CHARACTERS: Final = 8_000
"""Twenty bad lines of an ingest, each with its reason."""
TEXT_CHARACTERS: Final = 1_000
"""Of a path, a hint or a name."""


class ApiError(ForageError):
    """Anything that api raises."""


class MalformedRequestError(ApiError):
    code = "malformed_request"
    status = 400


class UnsupportedMediaTypeError(ApiError):
    code = "unsupported_media_type"
    status = 415


class InvalidRequestError(ApiError):
    code = "invalid_request"
    status = 422


class NotFoundError(ApiError):
    code = "not_found"
    status = 404


class AlreadyExistsError(ApiError):
    code = "already_exists"
    status = 409


class ConflictingRetryError(ApiError):
    code = "conflicting_retry"
    status = 409


class GoneError(ApiError):
    code = "answer_gone"
    status = 410


class NotInstalledError(ApiError):
    code = "not_installed"
    status = 501


class BodyTooLargeError(ApiError):
    code = "body_too_large"
    status = 413


class UnauthorizedError(ApiError):
    code = "unauthorized"
    status = 401


class OverloadedError(ApiError):
    code = "overloaded"
    status = 503
    retryable = True


class DeadlineError(ApiError):
    code = "deadline_exceeded"
    status = 408
    retryable = True

    def __init__(self, message: str, *, path: str, hint: str, results: Sequence[dict[str, Any]]) -> None:
        super().__init__(message, path=path, hint=hint)
        self.results = list(results)


def shape_of(error: ForageError) -> dict[str, Any]:
    """`error` of an answer, every key of the contract always there. Texts are cut: whoever made them may have
    forgotten."""
    return {
        "code": error.code,
        "message": cut(error.message, MESSAGE_CHARACTERS),
        "path": error.path and cut(error.path, TEXT_CHARACTERS),
        "hint": error.hint and cut(error.hint, TEXT_CHARACTERS),
        "retryable": error.retryable,
        "did_you_mean": error.did_you_mean and cut(error.did_you_mean, TEXT_CHARACTERS),
        "corrected_request": error.corrected_request,
    }
