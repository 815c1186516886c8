"""What sessions may refuse.

ForageError
└── SessionError
    ├── BranchNotFound         the session has no branch of that name
    ├── SessionExists          create was asked for an id that is in use
    ├── InvalidName            an id, reader, branch or request id that cannot be one
    ├── EventError             an event that cannot be written down (non-finite score, missing document)
    ├── HistoryFolded          the past asked for has been folded into the summary
    ├── RequestConflict        this request id was used with another body
    └── SessionStoreError      the store cannot be used now (locked, full, gone): search goes on without it
        └── LogFormatError     what is stored was written by another version, or is damaged
"""

from __future__ import annotations

from ranking.errors import ForageError


class SessionError(ForageError):
    """Anything that sessions raise."""

    code = "session_error"


class BranchNotFound(SessionError):
    code = "branch_not_found"
    status = 404


class SessionExists(SessionError):
    code = "session_exists"
    status = 409


class InvalidName(SessionError):
    code = "invalid_parameter"
    status = 422


class EventError(SessionError):
    code = "invalid_event"
    status = 422


class HistoryFolded(SessionError):
    code = "history_folded"
    status = 410


class RequestConflict(SessionError):
    code = "request_conflict"
    status = 409


class SessionStoreError(SessionError):
    code = "session_unavailable"
    status = 503
    retryable = True


class LogFormatError(SessionStoreError):
    code = "session_unreadable"
    retryable = False
